# SPDX-License-Identifier: ISC
"""What two clients say to each other: handshake, ratchet, plaintexts.

Written from the description of the protocol alone, like sentinel.py.  Noise
is dissononce's, X25519 and XChaCha20-Poly1305 are PyNaCl's.  Functions that
draw random bytes take RANDOM, so that known answers can be reproduced.
"""
import copy
import hashlib
import hmac
import os
import struct
from dataclasses import dataclass, field

from dissononce.cipher.chachapoly import ChaChaPolyCipher
from dissononce.dh.x25519.x25519 import PublicKey
from dissononce.exceptions.decrypt import DecryptFailedException
from dissononce.hash.sha256 import SHA256Hash
from dissononce.processing.handshakepatterns.interactive.KK import \
    KKHandshakePattern
from dissononce.processing.impl.cipherstate import CipherState
from dissononce.processing.impl.handshakestate import HandshakeState
from dissononce.processing.impl.symmetricstate import SymmetricState
from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_decrypt as xchacha_decrypt,
    crypto_aead_xchacha20poly1305_ietf_encrypt as xchacha_encrypt,
    crypto_scalarmult, crypto_scalarmult_base)
from nacl.exceptions import CryptoError

from sentinel import FixedDH, domain

TYPE1 = b"\x03\x01\x00\x00"
ANSWER = b"\x03\x02\x00\x00"            # the (02) of step 7
CONFIRM = b"\x03\x03\x00\x00"           # the (03) of step 9
MESSAGE = b"\x03\x10\x00\x00"
REQUEST_PAYLOAD = struct.Struct("<QI12s")       # ts, flags, reserved
KEY_PAYLOAD = struct.Struct("<32s32sI4s")       # k, r_pk, flags, reserved
HEADER = struct.Struct("<4s8s32sII")            # .., sid, dh, pn, n
PLAIN = struct.Struct("<B3s16sQQ")              # kind, .., id, sent_at, seq
MAX_SKIP = 1000
MAX_STORED = 2000
MAX_FORMER = 64
NONCE = 24
TAG = 16
TEXT = 1
IN_REPLY_TO, CONTENT_TYPE = 1, 2


class Judged(Exception):
    """A message that is not shown: what it is called instead."""


def hkdf(ikm, salt, info, length):
    """RFC 5869 with HMAC-SHA256."""
    prk = hmac.digest(salt, ikm, "sha256")
    block = out = b""
    while len(out) < length:
        block = hmac.digest(
            prk, block + info + bytes([len(out) // 32 + 1]), "sha256")
        out += block
    return out[:length]


# --- the handshake, Noise KK ------------------------------------------

class _State(SymmetricState):
    """Split's first key, and the third output beside the two of Split."""

    def split(self):
        self.k1, _, self.exporter = self._hashfn.hkdf(self._ck, b"", 3)
        return super().split()


def _noise(initiator, us, them, ephemeral, a_issued, b_issued):
    """A KK state; US and THEM have id, identity_pk and static keys."""
    a, b = (us, them) if initiator else (them, us)
    prologue = domain("sentinel-kk-v3") + b"".join(
        party.id + party.identity_pk + struct.pack("<Q", issued)
        for party, issued in ((a, a_issued), (b, b_issued)))
    noise = HandshakeState(
        _State(CipherState(ChaChaPolyCipher()), SHA256Hash()),
        FixedDH(ephemeral))
    noise.initialize(KKHandshakePattern(), initiator, prologue,
                     s=us.static, rs=PublicKey(them.static_pk))
    return noise


def _write(noise, payload):
    message = bytearray()
    noise.write_message(payload, message)
    return bytes(message)


def _read(noise, message, layout):
    """The payload's fields; flags and reserved bytes must be 0."""
    payload = bytearray()
    try:
        noise.read_message(message, payload)
    except (DecryptFailedException, ValueError):    # the latter: low order
        raise Judged("undecryptable") from None
    return _fields(payload, layout)


def _fields(payload, layout):
    *fields, flags, reserved = layout.unpack(payload)
    if flags or any(reserved):
        raise Judged("malformed")
    return fields


def handshake_id(type1):
    return hashlib.sha256(domain("sentinel-hsid-v3") + type1).digest()[:16]


def issued(type1):
    """The dates of the bundles a type 1 was made with: A's and B's."""
    return struct.unpack_from("<QQ", type1, len(TYPE1))


def _root(exporter, h, ka, kb):
    okm = hkdf(exporter + ka + kb, h, domain("sentinel-root-v3"), 40)
    return okm[:32], okm[32:]


class Initiator:
    """Steps 4, 8 and 9.  Made anew from EPHEMERAL and TS it is the same, so
    these and the peer's bundle are all that must be kept."""

    def __init__(self, us, them, ephemeral, ts):
        self.us, self.them = us, them
        self._state = _noise(True, us, them, ephemeral,
                             us.issued_at, them.issued_at)
        self.type1 = (
            TYPE1 + struct.pack("<QQ", us.issued_at, them.issued_at)
            + _write(self._state, REQUEST_PAYLOAD.pack(ts, 0, bytes(12))))
        self.hsid = handshake_id(self.type1)

    def read(self, answer):
        """Step 8: check the (02)."""
        if answer[:20] != ANSWER + self.hsid or len(answer) != 140:
            raise Judged("dropped")
        self._kb, self._rb_pk = _read(self._state, answer[20:], KEY_PAYLOAD)

    def confirm(self, random=os.urandom):
        """Step 9: the (03) and the session."""
        ka, ra = random(32), random(32)
        state = self._state.symmetricstate
        head = CONFIRM + self.hsid
        payload = KEY_PAYLOAD.pack(ka, crypto_scalarmult_base(ra), 0, bytes(4))
        content = head + ChaChaPolyCipher().encrypt(state.k1, 0, head, payload)
        h = state.get_handshake_hash()
        root, sid = _root(state.exporter, h, ka, self._kb)
        return content, Session.initiator(
            self.us.id, self.them.id, sid, h, root, ra, self._rb_pk)


class Responder:
    """Steps 5 and 7.  What answer() returns is all step 10 needs."""

    def __init__(self, us, them, type1, random=os.urandom):
        self.hsid = handshake_id(type1)
        if type1[:4] != TYPE1 or len(type1) != 92:
            raise Judged("malformed")
        a_issued, b_issued = issued(type1)
        if b_issued != us.issued_at:
            raise Judged("stale_bundle")
        self._random = random
        self._state = _noise(False, us, them, random(32), a_issued, b_issued)
        self.ts, = _read(self._state, type1[20:], REQUEST_PAYLOAD)

    def answer(self):
        """Step 7: the (02), and the half-open handshake."""
        kb, rb = self._random(32), self._random(32)
        content = ANSWER + self.hsid + _write(self._state, KEY_PAYLOAD.pack(
            kb, crypto_scalarmult_base(rb), 0, bytes(4)))
        state = self._state.symmetricstate
        return {"ts": self.ts, "hsid": self.hsid, "content": content,
                "k1": state.k1, "h": state.get_handshake_hash(),
                "exporter": state.exporter, "kb": kb, "rb": rb}


def establish(us, them, half_open, confirmation, random=os.urandom):
    """Step 10: the responder's session, from the ids and the (03)."""
    head = CONFIRM + half_open["hsid"]
    if confirmation[:20] != head or len(confirmation) != 108:
        raise Judged("dropped")
    try:
        payload = ChaChaPolyCipher().decrypt(
            half_open["k1"], 0, head, confirmation[20:])
    except DecryptFailedException:
        raise Judged("undecryptable") from None
    ka, ra_pk = _fields(payload, KEY_PAYLOAD)
    h = half_open["h"]
    root, sid = _root(half_open["exporter"], h, ka, half_open["kb"])
    return Session.responder(us, them, sid, h, root, half_open["rb"], ra_pk,
                             random)


# --- the double ratchet -----------------------------------------------

def _kdf_rk(rk, dh):
    okm = hkdf(dh, rk, domain("sentinel-ratchet-v3"), 64)
    return okm[:32], okm[32:]


def _kdf_ck(ck):
    """(message key, next chain key)"""
    return hmac.digest(ck, b"\1", "sha256"), hmac.digest(ck, b"\2", "sha256")


@dataclass
class Session:
    """One end of a ratchet, in Signal's names; plain data, can be stored."""
    us: bytes
    them: bytes
    sid: bytes
    h: bytes
    rk: bytes
    dhs: bytes                          # our secret ratchet key
    dhr: bytes = None                   # their public one
    cks: bytes = None
    ckr: bytes = None
    ns: int = 0
    nr: int = 0
    pn: int = 0
    skipped: list = field(default_factory=list)     # [dh, n, mk]
    former: list = field(default_factory=list)      # [dh, final nr]

    @classmethod
    def initiator(cls, us, them, sid, h, root, ra, rb_pk):
        rk, cks = _kdf_rk(root, crypto_scalarmult(ra, rb_pk))
        return cls(us, them, sid, h, rk, ra, rb_pk, cks)

    @classmethod
    def responder(cls, us, them, sid, h, root, rb, ra_pk, random=os.urandom):
        session = cls(us, them, sid, h, root, rb)
        session._step(ra_pk, random)
        return session

    def encrypt(self, plaintext, type_=3, random=os.urandom):
        mk, self.cks = _kdf_ck(self.cks)
        dh = crypto_scalarmult_base(self.dhs)
        header = HEADER.pack(MESSAGE, self.sid, dh, self.pn, self.ns)
        self.ns += 1
        nonce = random(NONCE)
        return header + nonce + xchacha_encrypt(
            plaintext, self._ad(self.us, self.them, type_, header), nonce, mk)

    def decrypt(self, content, type_=3, random=os.urandom):
        """The plaintext; the session moves on only when the tag is right."""
        trial = copy.deepcopy(self)
        plaintext = trial._decrypt(content, type_, random)
        vars(self).update(vars(trial))
        return plaintext

    def _decrypt(self, content, type_, random):
        if len(content) < HEADER.size + NONCE + TAG:
            raise Judged("malformed")
        header, nonce, box = (content[:HEADER.size],
                              content[HEADER.size:HEADER.size + NONCE],
                              content[HEADER.size + NONCE:])
        _, _, dh, pn, n = HEADER.unpack(header)
        try:
            return xchacha_decrypt(
                box, self._ad(self.them, self.us, type_, header), nonce,
                self._message_key(dh, pn, n, random))
        except (CryptoError, RuntimeError):         # the latter: low order
            raise Judged("undecryptable") from None

    def _ad(self, sender, recipient, type_, header):
        return (domain("sentinel-dr-v3") + self.h + sender + recipient
                + bytes([type_]) + header)

    def _message_key(self, dh, pn, n, random):
        if max(pn, n) >= 1 << 31:
            raise Judged("undecryptable")
        for i, (key, number, _) in enumerate(self.skipped):
            if (key, number) == (dh, n):
                return self.skipped.pop(i)[2]
        # a chain that ended knows no further keys, one that lives has no
        # older ones; neither takes a DH to tell
        ended = dict(self.former).get(dh)
        if dh == self.dhr and self.ckr is None:
            ended = 0
        if ended is not None:
            raise Judged("duplicate" if n < ended else "undecryptable")
        if dh != self.dhr:
            if self.ckr is not None:
                self._skip(pn)
            self._step(dh, random)
        elif n < self.nr:
            raise Judged("duplicate")
        self._skip(n)
        mk, self.ckr = _kdf_ck(self.ckr)
        self.nr += 1
        return mk

    def _skip(self, until):
        """Keep the keys of messages of this chain that are still to come."""
        if until - self.nr > MAX_SKIP:
            raise Judged("too_far")
        while self.nr < until:
            mk, self.ckr = _kdf_ck(self.ckr)
            self.skipped.append([self.dhr, self.nr, mk])
            self.nr += 1
        del self.skipped[:-MAX_STORED]

    def _step(self, dh, random):
        """Their new ratchet key, and then one of our own."""
        if self.dhr is not None:
            self.former = [*self.former, [self.dhr, self.nr]][-MAX_FORMER:]
        self.pn, self.ns, self.nr, self.dhr = self.ns, 0, 0, dh
        self.rk, self.ckr = _kdf_rk(self.rk, crypto_scalarmult(self.dhs, dh))
        self.dhs = random(32)
        self.rk, self.cks = _kdf_rk(self.rk, crypto_scalarmult(self.dhs, dh))


# --- what a message holds ---------------------------------------------

def padded(length):
    """PADME, and no less than 256."""
    length = max(256, length)
    e = length.bit_length() - 1
    mask = (1 << e - e.bit_length()) - 1
    return length + mask & ~mask


def pack_plain(kind, message_id, sent_at, seq, body):
    data = (PLAIN.pack(kind, bytes(3), message_id, sent_at, seq) + body
            + b"\x80")
    return data.ljust(padded(len(data)), b"\0")


def unpack_plain(data):
    """(kind, message id, sent_at, seq, body)"""
    marked = data.rstrip(b"\0")
    if len(marked) <= PLAIN.size or marked[-1] != 0x80 \
            or len(data) != padded(len(marked)):
        raise Judged("malformed")
    kind, reserved, *fields = PLAIN.unpack_from(marked)
    if any(reserved):
        raise Judged("malformed")
    return kind, *fields, marked[PLAIN.size:-1]


def pack_text(text, in_reply_to=None, content_type=None):
    meta = b"".join(
        struct.pack("<BH", tag, len(value)) + value
        for tag, value in ((IN_REPLY_TO, in_reply_to),
                           (CONTENT_TYPE, content_type))
        if value is not None)
    return struct.pack("<H", len(meta)) + meta + text


def unpack_text(body):
    """(text, in_reply_to, content_type); None for what is not there."""
    try:
        size, = struct.unpack_from("<H", body)
        meta, text = body[2:2 + size], body[2 + size:]
        if len(meta) != size or size > 1024:
            raise Judged("malformed")
        values = {}
        while meta:
            tag, size = struct.unpack_from("<BH", meta)
            if tag in values or len(meta) < 3 + size:
                raise Judged("malformed")
            values[tag], meta = meta[3:3 + size], meta[3 + size:]
    except struct.error:
        raise Judged("malformed") from None
    reply, kind = values.get(IN_REPLY_TO), values.get(CONTENT_TYPE)
    if len(reply or bytes(16)) != 16 or len(kind or b"") > 255 \
            or not all(0x20 <= c < 0x7f for c in kind or b"") \
            or len(text) > 1 << 20:
        raise Judged("malformed")
    return text, reply, kind
