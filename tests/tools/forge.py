#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
"""Identities that the test holds the keys of, and what a relay might say of
them.  The same seed (a word) is the same identity.

  forge.py id SEED                            its UUID
  forge.py after UUID                         a seed whose id is a later one
  forge.py register ADDRESS SEED NAME DATE    at a relay
  forge.py reply SEED NAME DATE [ODDITY]      the payload of a 2102, in hex
  forge.py strangers N [UUID]                 N of them, all valid; or signed as
                                              if that were the id of each

DATE is in seconds from now, or @ and the milliseconds of unix time.  The
oddities: other-prekey (signed as it should be), signed-name, signed-date,
signed-id (the signature is over another one), low-static, low-prekey.
"""
import hashlib
import itertools
import struct
import sys
import uuid

from sentinel import Identity, connect, now_ms

LOW_ORDER = bytes(32)


class Key:
    """A public key that was not made from a secret one."""

    def __init__(self, data):
        self.data = data
        self.public = self


def identity(seed, name, date="0"):
    secrets = (hashlib.sha256(f"{part} {seed}".encode()).digest()
               for part in ("seed", "static", "prekey"))
    ms = int(date[1:]) if date[:1] == "@" else now_ms() + 1000 * int(date)
    return Identity(name, *secrets, ms)


def reply(who, oddity=""):
    """Sign WHO with ODDITY, then tell the relay's clients otherwise."""
    told = struct.pack("<Q255s", who.issued_at, who.name)
    id_ = who.id
    if oddity == "signed-name":
        who.name = b"other"
    elif oddity == "signed-date":
        who.issued_at += 1
    elif oddity == "signed-id":
        who.id = bytes(16)
    elif oddity == "other-prekey":
        who.prekey = who.static
    elif oddity == "low-static":
        who.static = Key(LOW_ORDER)
    elif oddity == "low-prekey":
        who.prekey = Key(LOW_ORDER)
    return (id_ + who.bundle() + told).hex()


def register(address, who):
    code, _ = connect(address, who).request(who.id, 1100, who.registration())
    if code != 2100:
        sys.exit(f"registering: {code}")


def main():
    act, *rest = sys.argv[1:]
    if act == "id":
        print(uuid.UUID(bytes=identity(rest[0], "x").id))
    elif act == "after":
        print(next(seed for seed in map(str, itertools.count())
                   if identity(seed, "x").id > uuid.UUID(rest[0]).bytes))
    elif act == "register":
        register(rest[0], identity(*rest[1:]))
    elif act == "reply":
        print(reply(identity(*rest[:3]), *rest[3:]))
    elif act == "strangers":
        for n in range(int(rest[0])):
            stranger = identity(f"stranger {n}", "bob")
            if rest[1:]:
                stranger.id = uuid.UUID(rest[1]).bytes
            print(reply(stranger))


if __name__ == "__main__":
    main()
