#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
"""A client that speaks the transport properly and then says what it likes.

Imports nothing of ours; what it has in common with pyclient.py is in
sentinel.py.

  rawclient.py ADDRESS spoof VICTIM    every code under the victim's id
  rawclient.py ADDRESS sizes           every code with wrong payload sizes

Each prints one JSON line a request: what was sent, and the answer.
"""
import argparse
import json
import struct
import sys
import uuid

from sentinel import Fault, Identity, connect


def ask(channel, *request, **oddities):
    """(code, payload) of the reply, or (None, b"") when the relay closes."""
    try:
        return channel.request(*request, **oddities)
    except (EOFError, ConnectionError):
        return None, b""


def registered(address, name):
    identity = Identity(name)
    code, _ = ask(connect(address, identity), identity.id, 1100,
                  identity.registration())
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
        channel = connect(address, mallory)
        tell(code, *ask(channel, victim, code, payload))
        # the channel is closed after it
        if ask(channel, mallory.id, 1101, b"")[0] is not None:
            raise SystemExit(f"{code}: the channel goes on")


def sizes(address):
    mallory = registered(address, "mallory")
    channel = connect(address, mallory)
    wrong = {1100: (0, 423, 425, 479), 1101: (1, 18, 20), 1102: (0, 15, 17),
             1103: (0, 20, 21), 1104: (1, 15, 17), 1105: (7, 9, 8200),
             1106: (1,), 1107: (16, 18, 17 * 257), 1099: (0, 9), 1108: (3,),
             65535: (70,)}
    for code, lengths in wrong.items():
        for length in lengths:
            tell(f"{code}/{length}", *ask(
                channel, mallory.id, code, b"\1" * length))
    tell("still good", *ask(channel, mallory.id, 1101, b""))
    for size in (2**20 + 2**16, 2**31 - 1, 2**31, 2**32 - 1):
        channel = connect(address, mallory)
        tell(f"announced {size}", *ask(
            channel, mallory.id, 1103, b"", size=size))
    channel = connect(address, mallory)
    tell("version 2", *ask(channel, mallory.id, 1101, b"", version=2))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("act", choices=("spoof", "sizes"))
    parser.add_argument("victim", nargs="?", type=uuid.UUID)
    args = parser.parse_args()
    try:
        if args.act == "spoof":
            spoof(args.address, args.victim.bytes)
        else:
            sizes(args.address)
    except Fault as e:
        sys.exit(str(e))


if __name__ == "__main__":
    main()
