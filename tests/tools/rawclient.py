#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
"""A client that speaks the transport properly and then says what it likes.

Imports nothing of ours; what it has in common with pyclient.py is in
sentinel.py.

  rawclient.py ADDRESS frame NAME CODE[:HEX[:SIZE]]...
        as the client NAME, which always has the same keys; SIZE: what the
        header announces
  rawclient.py ADDRESS spoof VICTIM    every code under the victim's id
  rawclient.py ADDRESS sizes           every code with wrong payload sizes
  rawclient.py ADDRESS usurp VICTIM    the victim's name, and its id
  rawclient.py ADDRESS types VICTIM    each message type with each content
  rawclient.py ADDRESS records VICTIM  Noise messages lost, twice, swapped,
                                       damaged, in the middle of others
  rawclient.py ADDRESS hangup COUNT    a header that promises bytes, then the
                                       end, so often, in each way there is
  rawclient.py ADDRESS unread COUNT    as many MiB asked for, and not read

Each prints one JSON line a request: what was sent, and the answer.
"""
import argparse
import hashlib
import json
import os
import socket
import struct
import sys
import uuid

from endtoend import Initiator
from sentinel import REQUEST, Bundle, Fault, Identity, connect, now_ms


def ask(channel, *request, **oddities):
    """(code, payload) of the reply, or (None, b"") when the relay closes."""
    try:
        return channel.request(*request, **oddities)
    except (EOFError, ConnectionError):
        return None, b""


def named(name):
    """An identity that is the same whenever it is asked for."""
    return Identity(name, *(hashlib.sha256(f"{name} {key}".encode()).digest()
                            for key in ("seed", "static", "prekey")),
                    issued_at=1)


def registered(address, name):
    identity = named(name)
    code, _ = ask(connect(address, identity), identity.id, 1100,
                  identity.registration())
    if code != 2100:
        raise SystemExit(f"registering {name}: {code}")
    return identity


def tell(what, code, payload):
    """One line: what was asked, the reply's code, a 9000's reason."""
    reason = struct.unpack_from("<H", payload)[0] if code == 9000 else None
    print(json.dumps({"request": what, "reply": code, "reason": reason,
                      "payload": payload.hex()}))


def requests(identity, victim):
    """A well-formed request of every code."""
    content = b"x" * 40
    return {
        1100: identity.registration(),
        1101: b"",
        1102: victim,
        1103: letter(victim, 3, content),
        1104: b"",
        1105: struct.pack("<II", 1, 0xffffffff),
        1106: b"",
        1107: b"\1" + identity.id,
    }


def letter(to, type_, content):
    """The payload of a 1103."""
    return to + struct.pack("<BI", type_, len(content)) + content


def frame(address, name, *frames):
    identity = registered(address, name)
    channel = connect(address, identity)
    for text in frames:
        code, payload, size = (text.split(":") + ["", ""])[:3]
        tell(text, *ask(channel, identity.id, int(code),
                        bytes.fromhex(payload),
                        size=int(size) if size else None))


def spoof(address, victim):
    victim = uuid.UUID(victim).bytes
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


def usurp(address, victim):
    """Nobody gets the name or the id of somebody else."""
    mallory = registered(address, "mallory")
    victim = uuid.UUID(victim).bytes
    _, reply = ask(connect(address, mallory), mallory.id, 1102, victim)
    theirs = Bundle.unpack(reply)
    other = Identity(theirs.name.decode())
    tell("name", *ask(connect(address, other), other.id, 1100,
                      other.registration()))
    other.id = victim
    tell("id", *ask(connect(address, other), victim, 1100,
                    other.registration()))
    played = (theirs.name.ljust(255, b"\0") + reply[16:184] + b"\0")
    tell("bundle", *ask(connect(address, other), victim, 1100, played))
    tell("bundle, bound", *ask(connect(address, mallory), mallory.id, 1100,
                               played))


def types(address, victim):
    """Only the first content fits a type: the first."""
    mallory = registered(address, "mallory")
    channel = connect(address, mallory)
    victim = uuid.UUID(victim).bytes
    _, reply = ask(channel, mallory.id, 1102, victim)
    request = Initiator(mallory, Bundle.unpack(reply), os.urandom(32),
                        now_ms()).type1
    contents = (request, b"\3\2\0\0" + os.urandom(136),
                b"\3\3\0\0" + os.urandom(104),
                b"\3\x10\0\0" + os.urandom(344))
    for type_ in range(256):
        for which, content in enumerate(contents):
            tell([type_, which], *ask(channel, mallory.id, 1103,
                                      letter(victim, type_, content)))


def records(address, victim):
    """Only what comes before the first wrong record is acted on."""
    mallory = registered(address, "mallory")
    victim = uuid.UUID(victim).bytes
    for name, mangle in {
            "drop": lambda a, b, c: (a, c),
            "repeat": lambda a, b, c: (a, a, b, c),
            "swap": lambda a, b, c: (a, c, b),
            "damage": lambda a, b, c: (a, b[:-1] + bytes([b[-1] ^ 1]), c),
    }.items():
        channel = connect(address, mallory)
        sealed = []
        for content in b"right", b"wrong", b"wrong":
            payload = letter(victim, 3, content)
            record = channel.outgoing.encrypt_with_ad(
                b"", b"\0" + REQUEST.pack(mallory.id, 3, 1103, len(payload))
                + payload)
            sealed.append(struct.pack(">H", len(record)) + record)
        channel.socket.sendall(b"".join(mangle(*sealed)))
        answers = 0
        try:
            while channel.reply()[0] == 2103:
                answers += 1
        except (EOFError, ConnectionError):
            print(json.dumps({"request": name, "closed_after": answers}))


def hangup(address, count):
    """All stay open on this side until the end but for those that reset."""
    mallory = registered(address, "mallory")
    header = REQUEST.pack(mallory.id, 3, 1103, 1000)
    channels = []
    for n in range(int(count)):
        channel = connect(address, mallory)
        channel.send_frame(header)
        if n % 3 == 0:
            channel.socket.shutdown(socket.SHUT_WR)
        elif n % 3 == 1:
            channel.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                      struct.pack("ii", 1, 0))
            channel.socket.close()
        else:
            channel.socket.shutdown(socket.SHUT_RDWR)
        channels.append(channel)
    print(json.dumps({"request": "hangup", "count": len(channels)}),
          flush=True)
    sys.stdin.read()            # until we are told to go


def unread(address, count):
    """More than the system keeps for us, so that the relay has the rest."""
    glutton, mallory = registered(address, "glutton"), registered(
        address, "mallory")
    tell("a MiB", *ask(connect(address, mallory), mallory.id, 1103,
                       letter(glutton.id, 3, bytes(2**20))))
    channel = connect(address, glutton)
    for _ in range(int(count)):
        channel.send_frame(REQUEST.pack(glutton.id, 3, 1104, 0))
    print(json.dumps({"request": "unread"}), flush=True)
    sys.stdin.read()            # until we are told to go


ACTS = {act.__name__: act for act in (
    frame, spoof, sizes, usurp, types, records, hangup, unread)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("act", choices=ACTS)
    parser.add_argument("arguments", nargs="*")
    args = parser.parse_args()
    try:
        ACTS[args.act](args.address, *args.arguments)
    except Fault as e:
        sys.exit(str(e))


if __name__ == "__main__":
    main()
