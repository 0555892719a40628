#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
"""A client that takes the protocol's steps in an order, or with contents, that
they must not have.

  steps.py order ADDRESS VICTIM      prints what becomes of each
  steps.py requests ADDRESS VICTIM   sends a type 1 of each kind, from a client
        of its own; prints its id and what is odd about it

Imports nothing of ours.
"""
import os
import struct
import sys
import uuid

from endtoend import REQUEST_PAYLOAD, TYPE1, _noise, _write
from edges import outcome
from rawclient import ask, letter, requests
from sentinel import (DAY_MS, REQUEST, Bundle, Channel, Identity, connect,
                      now_ms)

# --- order ------------------------------------------------------------

class Called(Identity):
    """Says in message 3 that it is somebody else."""

    def __init__(self, name, called=None):
        super().__init__(name)
        self.own_id = self.id
        self.id = called or self.id


def first_request(address, who, sender, code, payload, **header):
    channel = connect(address, who)
    result = outcome(code, ask(channel, sender, code, payload, **header))
    return channel, result


def order(address, victim):
    victim = uuid.UUID(victim).bytes
    nobody = Identity("nobody")
    for code, payload in requests(nobody, victim).items():
        if code != 1100:
            channel, result = first_request(
                address, nobody, nobody.id, code, payload)
            then = outcome(1100, ask(channel, nobody.id, 1100,
                                     nobody.registration()))
            print(f"{code} before 1100: {result}, then {then}")
    whole = nobody.registration()
    _, result = first_request(address, nobody, nobody.id, 1100, whole,
                              size=1024 - REQUEST.size + 1)
    print(f"1100 of more than 1024 bytes: {result}")
    _, result = first_request(address, nobody, victim, 1100, whole)
    print(f"1100 under another id: {result}")
    liar = Called("liar", victim)
    _, result = first_request(address, liar, victim, 1104, b"")
    print(f"message 3 with another's id, 1104: {result}")
    liar = Called("liar", victim)
    registration = liar.registration()
    _, result = first_request(address, liar, liar.own_id, 1100, registration)
    print(f"message 3 with another's id, 1100: {result}")
    other = Identity("other")
    _, result = first_request(address, Identity("other", static=os.urandom(
        32), seed=bytes(other.signing)), other.id, 1100, other.registration())
    print(f"1100 over the channel of another static: {result}")
    channel, result = first_request(address, nobody, nobody.id, 1100, whole)
    then = outcome(1101, ask(channel, nobody.id, 1101, b""))
    print(f"1100: {result}, then 1101 on the same channel: {then}")
    channel = connect(address, nobody)
    channel._record(b"\2")
    print("1103 after the close: " + outcome(1103, ask(
        channel, nobody.id, 1103, letter(victim, 3, b"late"))))
    channel = connect(address, nobody)
    frame = REQUEST.pack(nobody.id, 3, 1103, 25) + letter(victim, 3, b"torn")
    channel._record(b"\0" + frame[:30])
    channel._record(b"\2")
    channel._record(b"\0" + frame[30:])
    try:
        result = channel.reply()
    except (EOFError, ConnectionError):
        result = None, b""
    print("1103 with a close in it: " + outcome(1103, result))


# --- requests ---------------------------------------------------------

def type1(us, them, ts, flags=0, reserved=bytes(12), dates=None, told=None):
    """DATES: of the bundles it is made with; TOLD: those that it names."""
    dates = dates or (us.issued_at, them.issued_at)
    state = _noise(True, us, them, os.urandom(32), *dates)
    return (TYPE1 + struct.pack("<QQ", *(told or dates)) + _write(
        state, REQUEST_PAYLOAD.pack(ts, flags, reserved)))


def odd_requests(us, them):
    now, ours, theirs = now_ms(), us.issued_at, them.issued_at
    yield "honest", type1(us, them, now)
    yield "23 hours ahead", type1(us, them, now + DAY_MS - 3600000)
    yield "25 hours ahead", type1(us, them, now + DAY_MS + 3600000)
    yield "dated 2^64 - 1", type1(us, them, 2**64 - 1)
    yield "a flag", type1(us, them, now, 1)
    yield "the last flag", type1(us, them, now, 1 << 31)
    yield "a reserved byte", type1(us, them, now, 0, bytes(11) + b"\1")
    yield "another bundle of ours", type1(
        us, them, now, told=(ours - 1, theirs))
    yield "a bundle that was never theirs", type1(
        us, them, now, dates=(ours, theirs - 1))
    yield "made for somebody else", type1(us, us, now)


def send_requests(address, victim):
    victim = uuid.UUID(victim).bytes
    n = 0
    while True:
        us = Identity(f"asker-{n}")
        us.static_pk = us.static.public.data    # for one made for ourselves
        ask(connect(address, us), us.id, 1100, us.registration())
        _, reply = connect(address, us).request(us.id, 1102, victim)
        kinds = list(odd_requests(us, Bundle.unpack(reply)))
        if n == len(kinds):
            return
        what, content = kinds[n]
        code, _ = ask(connect(address, us), us.id, 1103,
                      letter(victim, 1, content))
        if code != 2103:
            sys.exit(f"{what}: {code}")
        print(uuid.UUID(bytes=us.id), what)
        n += 1


def main():
    act, *rest = sys.argv[1:]
    {"order": order, "requests": send_requests}[act](*rest)


if __name__ == "__main__":
    main()
