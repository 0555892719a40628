#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""A client that speaks the transport properly and then says what it likes.

Imports nothing of ours: Noise is dissononce's, signatures are PyNaCl's.

  rawclient.py ADDRESS spoof VICTIM    every code under the victim's id
  rawclient.py ADDRESS sizes           every code with wrong payload sizes

Each prints one JSON line a request: what was sent, and the answer.
"""
import argparse
import base64
import hashlib
import json
import os
import socket
import struct
import time
import uuid

from dissononce.cipher.chachapoly import ChaChaPolyCipher
from dissononce.dh.private import PrivateKey
from dissononce.dh.x25519.x25519 import X25519DH
from dissononce.hash.sha256 import SHA256Hash
from dissononce.processing.handshakepatterns.interactive.XX import \
    XXHandshakePattern
from dissononce.processing.impl.cipherstate import CipherState
from dissononce.processing.impl.handshakestate import HandshakeState
from dissononce.processing.impl.symmetricstate import SymmetricState
from nacl.signing import SigningKey

PREAMBLE = b"SNTL\x03\x01\x00\x00"


def domain(text):
    return text.encode() + b"\0"


class Identity:
    """Keys, the id that follows from them, and a signed bundle."""

    def __init__(self, name):
        self.name = name.encode()
        self.signing = SigningKey(os.urandom(32))
        self.identity_pk = bytes(self.signing.verify_key)
        self.static = X25519DH().generate_keypair(PrivateKey(os.urandom(32)))
        self.prekey = X25519DH().generate_keypair(PrivateKey(os.urandom(32)))
        digest = bytearray(hashlib.sha256(
            domain("sentinel-client-id-v3") + self.identity_pk).digest()[:16])
        digest[6] = digest[6] & 0x0f | 0x80
        digest[8] = digest[8] & 0x3f | 0x80
        self.id = bytes(digest)
        self.issued_at = int(time.time() * 1000)

    def bundle(self):
        keys = (self.identity_pk + self.static.public.data
                + self.prekey.public.data)
        signed = (domain("sentinel-bundle-v3") + self.id + keys
                  + struct.pack("<QB", self.issued_at, len(self.name))
                  + self.name)
        return keys + self.signing.sign(signed).signature

    def registration(self):
        return (self.name.ljust(255, b"\0") + self.bundle()
                + struct.pack("<QB", self.issued_at, 0))


class Channel:
    """The transport up to frames: one request, one reply."""

    def __init__(self, address, identity):
        key, hosts = address.removeprefix("sentinel://").split("@")
        host, port = hosts.split(",")[0].rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=10)
        self.stream = b""
        noise = HandshakeState(
            SymmetricState(CipherState(ChaChaPolyCipher()), SHA256Hash()),
            X25519DH())
        noise.initialize(XXHandshakePattern(), True,
                         domain("sentinel-transport-v3") + PREAMBLE,
                         s=identity.static)
        self.socket.sendall(PREAMBLE)
        self._write(noise, b"")
        noise.read_message(self._receive(), bytearray())
        if noise.rs.data != base64.urlsafe_b64decode(key + "="):
            raise SystemExit("wrong relay key")
        self.outgoing, self.incoming = self._write(noise, identity.id)

    def _write(self, noise, payload):
        message = bytearray()
        ciphers = noise.write_message(payload, message)
        self._send(bytes(message))
        return ciphers

    def _send(self, message):
        self.socket.sendall(struct.pack(">H", len(message)) + message)

    def _exactly(self, count):
        data = b""
        while len(data) < count:
            piece = self.socket.recv(count - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    def _receive(self):
        return self._exactly(struct.unpack(">H", self._exactly(2))[0])

    def send_frame(self, frame):
        self._send(self.outgoing.encrypt_with_ad(b"", b"\0" + frame))

    def request(self, sender, code, payload, size=None, version=3):
        size = len(payload) if size is None else size
        self.send_frame(sender + struct.pack("<BHI", version, code, size)
                        + payload)
        return self.reply()

    def reply(self):
        """(code, payload), or (None, b"") when the relay closes."""
        try:
            header = self._take(7)
            _, code, size = struct.unpack("<BHI", header)
            return code, self._take(size)
        except (EOFError, ConnectionError):
            return None, b""

    def _take(self, count):
        while len(self.stream) < count:
            record = self.incoming.decrypt_with_ad(b"", self._receive())
            if record[0] == 2:
                raise EOFError
            if record[0] == 0:
                self.stream += record[1:]
        data, self.stream = self.stream[:count], self.stream[count:]
        return data


def registered(address, name):
    identity = Identity(name)
    code, _ = Channel(address, identity).request(
        identity.id, 1100, identity.registration())
    if code != 2100:
        raise SystemExit(f"registering {name}: {code}")
    return identity


def tell(what, code, payload):
    """One line: what was asked, the reply's code, a 9000's reason."""
    reason = struct.unpack_from("<H", payload)[0] if code == 9000 else None
    print(json.dumps({"request": what, "reply": code, "reason": reason}))


def requests(identity, victim):
    """A well-formed request of every code."""
    content = b"x" * 40
    return {
        1100: identity.registration(),
        1101: b"",
        1102: victim,
        1103: victim + struct.pack("<BI", 3, len(content)) + content,
        1104: b"",
        1105: struct.pack("<II", 1, 0xffffffff),
        1106: b"",
        1107: b"\1" + identity.id,
    }


def spoof(address, victim):
    mallory = registered(address, "mallory")
    for code, payload in requests(mallory, victim).items():
        channel = Channel(address, mallory)
        tell(code, *channel.request(victim, code, payload))
        # the channel is closed after it
        if channel.request(mallory.id, 1101, b"")[0] is not None:
            raise SystemExit(f"{code}: the channel goes on")


def sizes(address):
    mallory = registered(address, "mallory")
    channel = Channel(address, mallory)
    wrong = {1100: (0, 423, 425, 479), 1101: (1, 18, 20), 1102: (0, 15, 17),
             1103: (0, 20, 21), 1104: (1, 15, 17), 1105: (7, 9, 8200),
             1106: (1,), 1107: (16, 18, 17 * 257), 1099: (0, 9), 1108: (3,),
             65535: (70,)}
    for code, lengths in wrong.items():
        for length in lengths:
            tell(f"{code}/{length}", *channel.request(
                mallory.id, code, b"\1" * length))
    tell("still good", *channel.request(mallory.id, 1101, b""))
    for size in (2**20 + 2**16, 2**31 - 1, 2**31, 2**32 - 1):
        channel = Channel(address, mallory)
        tell(f"announced {size}", *channel.request(
            mallory.id, 1103, b"", size=size))
    channel = Channel(address, mallory)
    tell("version 2", *channel.request(mallory.id, 1101, b"", version=2))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("act", choices=("spoof", "sizes"))
    parser.add_argument("victim", nargs="?", type=uuid.UUID)
    args = parser.parse_args()
    if args.act == "spoof":
        spoof(args.address, args.victim.bytes)
    else:
        sizes(args.address)


if __name__ == "__main__":
    main()
