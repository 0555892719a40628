#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
"""A second reader and writer of backups, after sentinel-keyfile(5).

  backup.py read FILE PASSFILE            what it holds, as JSON
  backup.py make FILE PASSFILE RELAY NAME [N]
                                          of a new identity and N blocked peers
                                          that have had a session
  backup.py cheap FILE PASSFILE OUT       the same content under the cheapest
                                          passphrase that is accepted
  backup.py ask FILE OUT OPS MEM_KIB      FILE with other costs written in
  backup.py flips FILE DIR STEP           DIR/N is FILE with a bit of byte N
                                          changed, for every STEPth byte
"""
import json
import os
import struct
import sys
import uuid

from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_decrypt as xchacha_decrypt,
    crypto_aead_xchacha20poly1305_ietf_encrypt as xchacha_encrypt)
from nacl.pwhash import argon2id

from sentinel import Identity, client_id, domain, now_ms

MAGIC = b"SNTLBKP1"
LOCK = struct.Struct("<16sII16s72s")    # file, ops, mem_kib, salt, data key
ENTRY = struct.Struct("<16sBQQQQQH")    # .., flags, 5 numbers, length of pin
CHEAP = 2, 32768


def kek(passphrase, ops, mem_kib, salt):
    return argon2id.kdf(32, passphrase, salt, opslimit=ops,
                        memlimit=mem_kib * 1024)


def lock_ad(file, ops, mem_kib, salt):
    return (domain("sentinel-keyfile-v3") + file
            + struct.pack("<II", ops, mem_kib) + salt)


def box_ad(file):
    return (domain("sentinel-column-v3") + file + b"\x06backup\x07content"
            + struct.pack("<H", 1) + b"1")


def open_file(data, passphrase):
    assert data.startswith(MAGIC)
    file, ops, mem_kib, salt, wrapped = LOCK.unpack_from(data, len(MAGIC))
    box = data[len(MAGIC) + LOCK.size:]
    key = xchacha_decrypt(wrapped[24:], lock_ad(file, ops, mem_kib, salt),
                          wrapped[:24], kek(passphrase, ops, mem_kib, salt))
    return xchacha_decrypt(box[24:], box_ad(file), box[:24], key)


def seal_file(content, passphrase, cost=CHEAP):
    file, salt, key = os.urandom(16), os.urandom(16), os.urandom(32)
    nonces = os.urandom(24), os.urandom(24)
    wrapped = nonces[0] + xchacha_encrypt(
        key, lock_ad(file, *cost, salt), nonces[0],
        kek(passphrase, *cost, salt))
    return (MAGIC + LOCK.pack(file, *cost, salt, wrapped) + nonces[1]
            + xchacha_encrypt(content, box_ad(file), nonces[1], key))


class Reader:
    def __init__(self, data):
        self.data = data

    def take(self, n):
        assert len(self.data) >= n
        out, self.data = self.data[:n], self.data[n:]
        return out

    def number(self, kind):
        return struct.unpack("<" + kind, self.take(struct.calcsize(kind)))[0]

    def name(self):
        return self.take(self.number("B")).decode()

    def peer(self):
        id_, flags, first_seen, next_seq, expect_seq, init, sent, n = \
            ENTRY.unpack(self.take(ENTRY.size))
        pin = Reader(self.take(n))
        verified, issued_at = pin.number("B"), pin.number("Q")
        bundle = pin.take(160)
        assert client_id(bundle[:32]) == id_
        name, alias, signed_name = pin.name(), pin.name(), pin.name()
        assert not pin.data
        return {"id": str(uuid.UUID(bytes=id_)), "name": name, "alias": alias,
                "signed_name": signed_name, "verified": bool(verified),
                "blocked": bool(flags & 1), "session": bool(flags & 2),
                "issued_at": issued_at, "first_seen": first_seen,
                "next_seq": next_seq, "expect_seq": expect_seq,
                "last_init_ts": init, "last_sent_ts": sent}


def read(path, passphrase):
    r = Reader(open_file(open(path, "rb").read(), passphrase))
    made_at, seed, issued_at = r.number("Q"), r.take(32), r.number("Q")
    who = {"id": str(uuid.UUID(bytes=Identity("x", seed).id)),
           "name": r.name(), "made_at": made_at, "issued_at": issued_at,
           "relay": r.take(r.number("H")).decode(),
           "peers": [r.peer() for _ in range(r.number("I"))]}
    assert not r.data, "more than there should be"
    return who


def pack_name(name):
    return bytes([len(name)]) + name


def peer(n):
    who = Identity(f"peer{n}")
    pin = (struct.pack("<BQ", 0, who.issued_at) + who.bundle()
           + pack_name(who.name) + pack_name(b"") + pack_name(who.name))
    return ENTRY.pack(who.id, 3, who.issued_at, 0, 0, 0, 0, len(pin)) + pin


def make(relay, name, n):
    return (struct.pack("<Q", now_ms()) + os.urandom(32)
            + struct.pack("<Q", 1) + pack_name(name.encode())
            + struct.pack("<H", len(relay)) + relay.encode()
            + struct.pack("<I", n) + b"".join(peer(i) for i in range(n)))


def flip(data, directory, step):
    os.mkdir(directory)
    for n in range(0, len(data), step):
        data[n] ^= 1 << n % 8
        with open(f"{directory}/{n}", "wb") as f:
            f.write(data)
        data[n] ^= 1 << n % 8


def main():
    verb, path, *args = sys.argv[1:]
    if verb in ("ask", "flips"):
        data = bytearray(open(path, "rb").read())
        if verb == "flips":
            flip(data, args[0], int(args[1]))
            return
        struct.pack_into("<II", data, len(MAGIC) + 16, *map(int, args[1:]))
        open(args[0], "wb").write(data)
        return
    passphrase = open(args.pop(0), "rb").read().removesuffix(b"\n")
    if verb == "read":
        print(json.dumps(read(path, passphrase)))
    elif verb == "make":
        content = make(args[0], args[1], int(args[2]) if args[2:] else 0)
        open(path, "wb").write(seal_file(content, passphrase))
    elif verb == "cheap":
        content = open_file(open(path, "rb").read(), passphrase)
        open(args[0], "wb").write(seal_file(content, passphrase))


main()
