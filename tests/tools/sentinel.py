# SPDX-License-Identifier: ISC
"""Sentinel version 3 up to frames: identities, the transport, requests.

What the clients of tests/tools share.  It imports nothing of ours and was
written from the description of the protocol alone, so that two readings of
it meet in the tests.  Noise is dissononce's, signatures are PyNaCl's.
"""
import base64
import hashlib
import os
import socket
import struct
import time
import uuid
from dataclasses import dataclass

from dissononce.cipher.chachapoly import ChaChaPolyCipher
from dissononce.dh.private import PrivateKey
from dissononce.dh.x25519.x25519 import X25519DH
from dissononce.exceptions.decrypt import DecryptFailedException
from dissononce.hash.sha256 import SHA256Hash
from dissononce.processing.handshakepatterns.interactive.XX import \
    XXHandshakePattern
from dissononce.processing.impl.cipherstate import CipherState
from dissononce.processing.impl.handshakestate import HandshakeState
from dissononce.processing.impl.symmetricstate import SymmetricState
from nacl.bindings import crypto_scalarmult
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

PREAMBLE = b"SNTL\x03\x01\x00\x00"
VERSION = 3
PORT = 9876
DAY_MS = 24 * 3600 * 1000
RECORD_BODY = 65518             # of one Noise record, after its kind
FRAME_MAX = 1114112             # what a relay may ask for, or reply, at most
FRAME_MIN = 65536

REQUEST = struct.Struct("<16sBHI")      # client id, version, code, size
REPLY = struct.Struct("<BHI")           # version, code, size
BUNDLE = struct.Struct("<16s32s32s32s64sQ255s")


class Fault(Exception):
    """The other side broke the protocol, or is not who it should be."""


def domain(text):
    return text.encode() + b"\0"


def now_ms():
    return time.time_ns() // 1000000


def key_pair(secret):
    return X25519DH().generate_keypair(PrivateKey(secret))


class FixedDH(X25519DH):
    """X25519 whose next ephemeral key is given, not drawn."""

    def __init__(self, ephemeral):
        super().__init__()
        self._ephemeral = key_pair(ephemeral)

    def generate_keypair(self, privatekey=None):
        return self._ephemeral


# --- identities -------------------------------------------------------

def client_id(identity_pk):
    """A UUIDv8 that only the holder of the key can have."""
    digest = bytearray(hashlib.sha256(
        domain("sentinel-client-id-v3") + identity_pk).digest()[:16])
    digest[6] = digest[6] & 0x0f | 0x80
    digest[8] = digest[8] & 0x3f | 0x80
    return bytes(digest)


def fingerprint(identity_pk):
    return hashlib.sha256(identity_pk).hexdigest()


def safety_number(*identity_pks):
    """Sixty digits, the same whichever of the two asks."""
    return "".join(sorted(map(_safety_half, identity_pks)))


def _safety_half(identity_pk):
    key = b"\x05" + identity_pk
    text = str(uuid.UUID(bytes=client_id(identity_pk)))
    digest = b"\0\0" + key + f"sentinel-safety-v3:{text}".encode()
    for _ in range(5200):
        digest = hashlib.sha512(digest + key).digest()
    groups = (digest[i:i + 5] for i in range(0, 30, 5))
    return "".join(f"{int.from_bytes(g, 'big') % 100000:05d}" for g in groups)


def _signed_part(id_, keys, issued_at, name):
    return (domain("sentinel-bundle-v3") + id_ + keys
            + struct.pack("<QB", issued_at, len(name)) + name)


class Identity:
    """Our own keys, the id that follows from them, and a signed bundle."""

    def __init__(self, name, seed=None, static=None, prekey=None,
                 issued_at=None):
        self.name = name.encode()
        self.signing = SigningKey(seed or os.urandom(32))
        self.identity_pk = bytes(self.signing.verify_key)
        self.static = key_pair(static or os.urandom(32))
        self.prekey = key_pair(prekey or os.urandom(32))
        self.id = client_id(self.identity_pk)
        self.issued_at = issued_at or now_ms()

    def bundle(self):
        keys = (self.identity_pk + self.static.public.data
                + self.prekey.public.data)
        return keys + self.signing.sign(_signed_part(
            self.id, keys, self.issued_at, self.name)).signature

    def registration(self):
        return (self.name.ljust(255, b"\0") + self.bundle()
                + struct.pack("<QB", self.issued_at, 0))


@dataclass(frozen=True)
class Bundle:
    """The public keys of somebody else, as the relay hands them out."""
    id: bytes
    identity_pk: bytes
    static_pk: bytes
    prekey_pk: bytes
    signature: bytes
    issued_at: int
    name: bytes

    @classmethod
    def unpack(cls, reply):
        """From the payload of a 2102."""
        if len(reply) != BUNDLE.size:
            raise Fault("a 2102 of another size")
        *fields, padded = BUNDLE.unpack(reply)
        name = padded.rstrip(b"\0")
        if not name or not all(0x21 <= c <= 0x7e for c in name) \
                or len(name) > 254:
            raise Fault("a name that is none")
        return cls(*fields, name)

    def check(self, now):
        """What it says about itself; what we held before is not its matter."""
        if self.id != client_id(self.identity_pk):
            raise Fault("the id is not that of the key")
        keys = self.identity_pk + self.static_pk + self.prekey_pk
        try:
            VerifyKey(self.identity_pk).verify(_signed_part(
                self.id, keys, self.issued_at, self.name), self.signature)
            for public in (self.static_pk, self.prekey_pk):
                crypto_scalarmult(b"\1" * 32, public)   # fails on low order
        except BadSignatureError:
            raise Fault("the bundle's signature is wrong") from None
        except RuntimeError:
            raise Fault("a key of low order") from None
        if self.issued_at > now + DAY_MS:
            raise Fault("a bundle dated ahead")


# --- the transport ----------------------------------------------------

class Channel:
    """The transport up to frames: one request, one reply.

    SOCKET is connected; DH may be a FixedDH, to reproduce known answers.
    """

    def __init__(self, sock, relay_key, identity, dh=None):
        self.socket = sock
        self.stream = b""
        noise = HandshakeState(
            SymmetricState(CipherState(ChaChaPolyCipher()), SHA256Hash()),
            dh or X25519DH())
        noise.initialize(XXHandshakePattern(), True,
                         domain("sentinel-transport-v3") + PREAMBLE,
                         s=identity.static)
        self.socket.sendall(PREAMBLE)
        self._write(noise, b"")
        welcome = bytearray()
        noise.read_message(self._receive(112), welcome)
        # nothing of ourselves before we know whom we talk to
        if noise.rs.data != relay_key:
            raise Fault("wrong relay key")
        version, self.max_frame, self.relay_time = struct.unpack(
            "<IIQ", welcome)
        if version != VERSION or self.max_frame < FRAME_MIN:
            raise Fault("an unknown welcome")
        self.outgoing, self.incoming = self._write(noise, identity.id)
        self.hash = noise.symmetricstate.get_handshake_hash()

    def _write(self, noise, payload):
        message = bytearray()
        ciphers = noise.write_message(payload, message)
        self._send(bytes(message))
        return ciphers

    def _send(self, message):
        self.socket.sendall(struct.pack(">H", len(message)) + message)

    def _record(self, plaintext):
        self._send(self.outgoing.encrypt_with_ad(b"", plaintext))

    def _exactly(self, count):
        data = b""
        while len(data) < count:
            piece = self.socket.recv(count - len(data))
            if not piece:
                raise EOFError("the stream was cut")
            data += piece
        return data

    def _receive(self, expected=None):
        size, = struct.unpack(">H", self._exactly(2))
        if expected and size != expected:
            raise Fault("no relay of version 3")
        return self._exactly(size)

    def send_frame(self, frame):
        for at in range(0, len(frame), RECORD_BODY):
            self._record(b"\0" + frame[at:at + RECORD_BODY])

    def request(self, sender, code, payload, size=None, version=VERSION):
        size = len(payload) if size is None else size
        self.send_frame(REQUEST.pack(sender, version, code, size) + payload)
        return self.reply()

    def reply(self):
        """(code, payload); EOFError when the relay closes instead."""
        version, code, size = REPLY.unpack(self._take(REPLY.size))
        if version != VERSION or size > FRAME_MAX:
            raise Fault("a reply that is none")
        return code, self._take(size)

    def _take(self, count):
        while len(self.stream) < count:
            self.stream += self._open(self._receive())
        data, self.stream = self.stream[:count], self.stream[count:]
        return data

    def _open(self, record):
        try:
            plaintext = self.incoming.decrypt_with_ad(b"", record)
        except DecryptFailedException:
            raise Fault("a record that does not authenticate") from None
        kind, body = plaintext[:1], plaintext[1:]
        if kind == b"\2" and not body:
            raise EOFError("the relay closes")
        if kind not in (b"\0", b"\1"):
            raise Fault("an unknown record")
        return body if kind == b"\0" else b""

    def close(self):
        self._record(b"\2")
        self.socket.close()


def connect(address, identity, timeout=10):
    """A channel to the first of the address's hosts that answers."""
    key, hosts = address.removeprefix("sentinel://").split("@")
    relay_key = base64.urlsafe_b64decode(key + "=")
    for host in hosts.split(","):
        name, _, port = host.partition(":")
        try:
            sock = socket.create_connection((name, int(port or PORT)), timeout)
        except OSError as e:
            trouble = e
            continue
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return Channel(sock, relay_key, identity)
    raise trouble
