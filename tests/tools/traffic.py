#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
"""Clients that ask a relay for more than it gives.

  traffic.py ADDRESS silent COUNT SOURCE...  so many connections from each
        address that say nothing; tells how many are left in the end
  traffic.py ADDRESS ends WHAT...   how connections end that keep the relay
        waiting: with nothing said, without a name, a request, all of one
  traffic.py ADDRESS burst COUNT CODE NAME   so many empty requests at once
  traffic.py ADDRESS channels COUNT NAME     so many channels of one client
  traffic.py ADDRESS hold COUNT NAME         so many, and no request
  traffic.py ADDRESS names COUNT             so many new clients
  traffic.py ADDRESS hoard COUNT SIZE        so many channels that begin a
        request of that size and do not end it; tells how the first ends

Each prints JSON lines; those with open ends wait for the end of stdin.
"""
import argparse
import collections
import json
import select
import socket
import struct
import sys

from rawclient import ask, letter, registered, tell
from sentinel import REQUEST, Fault, Identity, connect


def say(**what):
    print(json.dumps(what), flush=True)


def reason(code, payload):
    return struct.unpack_from("<H", payload)[0] if code == 9000 else 0


def retry_after(code, payload):
    return struct.unpack_from("<I", payload, 2)[0] if code == 9000 else 0


def relay_host(address):
    name, _, port = address.partition("@")[2].partition(":")
    return name, int(port)


def is_open(sock):
    """Nothing has come, an end neither."""
    waiter = select.poll()
    waiter.register(sock, select.POLLIN)
    return not waiter.poll(0)


def silent(address, count, *sources):
    socks = {source: [socket.create_connection(
        relay_host(address), 10, (source, 0)) for _ in range(int(count))]
        for source in sources}
    say(connected=int(count) * len(sources))
    sys.stdin.readline()
    say(**{source: sum(map(is_open, socks[source])) for source in sources})


def how_it_ends(channel):
    channel.socket.settimeout(20)
    try:
        channel.reply()
    except EOFError as e:
        return str(e)
    except ConnectionError:
        return "the stream was cut"
    return "a reply"


def end_nothing(address):
    bare = socket.create_connection(relay_host(address), 10)
    bare.settimeout(20)
    return "an answer" if bare.recv(1) else "the stream was cut"


def end_nameless(address):
    return how_it_ends(connect(address, Identity("nobody")))


def end_idle(address):
    return how_it_ends(connect(address, registered(address, "mallory")))


def end_half(address):
    mallory = registered(address, "mallory")
    channel = connect(address, mallory)
    channel.send_frame(REQUEST.pack(mallory.id, 3, 1103, 1000))
    return how_it_ends(channel)


def ends(address, *cases):
    for case in cases:
        say(**{case: globals()[f"end_{case}"](address)})


def burst(address, count, code, name):
    someone = registered(address, name)
    channel = connect(address, someone)
    channel.send_frame(
        REQUEST.pack(someone.id, 3, int(code), 0) * int(count))
    replies = [channel.reply() for _ in range(int(count))]
    reasons = collections.Counter(str(reason(*reply)) for reply in replies)
    say(reasons=reasons, retry_after=max(map(lambda r: retry_after(*r),
                                             replies)))
    again = connect(address, someone)
    tell("again", *ask(again, someone.id, int(code), b""))


def channels(address, count, name):
    someone = registered(address, name)
    held = [connect(address, someone) for _ in range(int(count))]
    for channel in held:
        tell(len(held), *ask(channel, someone.id, 1104, b""))
    try:
        tell("after a refusal", *held[-1].request(someone.id, 1104, b""))
    except (EOFError, ConnectionError):
        say(closed=True)


def hold(address, count, name):
    someone = registered(address, name)
    held = [connect(address, someone) for _ in range(int(count))]
    say(held=len(held))
    sys.stdin.readline()
    say(held=sum(is_open(channel.socket) for channel in held))


def names(address, count):
    reasons = collections.Counter()
    for n in range(int(count)):
        someone = Identity(f"somebody{n}")
        reasons[str(reason(*ask(connect(address, someone), someone.id, 1100,
                                someone.registration())))] += 1
    say(reasons=reasons)


def hoard(address, count, size):
    mallory = registered(address, "mallory")
    victim = registered(address, "victim")
    content = letter(victim.id, 3, bytes(int(size)))
    whole = REQUEST.pack(mallory.id, 3, 1103, len(content)) + content
    held = [connect(address, mallory) for _ in range(int(count))]
    for channel in held:
        channel.socket.settimeout(0.05)
        try:
            channel.send_frame(whole[:-1])
        except (TimeoutError, ConnectionError):
            continue            # the relay does not read it any more
    say(begun=len(held))
    sys.stdin.readline()
    say(end=how_it_ends(held[0]))


ACTS = {act.__name__: act for act in (
    silent, ends, burst, channels, hold, names, hoard)}


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
