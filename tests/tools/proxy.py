#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
"""A TCP proxy between clients and a relay that may mangle what it passes on.

  proxy.py HOST:PORT [OPTION...] [WAY:MODE[:ARGUMENT...]...]

Prints the port it listens on, then serves until it is killed; of each
connection that has ended it prints how many bytes client and relay have sent.
WAY is up (from client to relay), down or both; the modes are those of MODES
below and work one after the other.  A stream that ends, or that a mode ends,
ends its connection both ways.

  --only N        mangle the first N connections, pass the others on
  --record FILE   append every byte that a client has sent
"""
import argparse
import functools
import pathlib
import signal
import socket
import struct
import threading
import time

PREAMBLE = b"SNTL\x03\x01\0\0"
WAYS = {"up": (0,), "down": (1,), "both": (0, 1)}

# --- modes: from the pieces of a stream to those that are passed on ---------


def drop(pieces):
    """Nothing arrives, and nothing is closed."""
    return (b"" for _ in pieces)


def delay(pieces, ms):
    """Each piece waits so long."""
    for piece in pieces:
        time.sleep(ms / 1000)
        yield piece


def cut(pieces, offset):
    """The stream ends before this byte."""
    if offset == 0:
        return
    for piece in pieces:
        yield piece[:offset]
        offset -= len(piece)
        if offset <= 0:
            return


def hush(pieces, offset):
    """From this byte on nothing arrives, and nothing is closed."""
    for piece in pieces:
        yield piece[:offset]
        offset -= min(offset, len(piece))


def reset(pieces, offset):
    """As cut, with a reset instead of an end."""
    yield from cut(pieces, offset)
    raise ConnectionResetError


def flip(pieces, offset, bit=0):
    """This bit of this byte is another one."""
    for piece in pieces:
        if 0 <= offset < len(piece):
            piece = bytearray(piece)
            piece[offset] ^= 1 << bit
        offset -= len(piece)
        yield bytes(piece)


def splice(pieces, offset, path):
    """The bytes of a file come before this byte."""
    for piece in pieces:
        if 0 <= offset < len(piece):
            piece = (piece[:offset] + pathlib.Path(path).read_bytes()
                     + piece[offset:])
            offset = -1
        offset -= len(piece)
        yield piece


def replay(pieces, path):
    """The bytes of a file instead of the stream."""
    yield pathlib.Path(path).read_bytes()
    yield from drop(pieces)


def bytewise(pieces):
    """One byte at a time."""
    return (piece[i:i + 1] for piece in pieces for i in range(len(piece)))


def records(pieces):
    """(number, bytes) of whole Noise messages; the preamble is number 0."""
    held, number = b"", None
    for piece in pieces:
        held += piece
        while len(held) >= 2:
            if number is None:
                number = 0 if held.startswith(PREAMBLE[:2]) else 1
            size = 2 + int.from_bytes(held[:2], "big")
            if number == 0:
                size = len(PREAMBLE)
            if len(held) < size:
                break
            yield number, held[:size]
            held, number = held[size:], number + 1


def drop_record(pieces, which):
    """This Noise message never arrives."""
    return (record for number, record in records(pieces) if number != which)


def repeat_record(pieces, which):
    """This Noise message arrives twice."""
    for number, record in records(pieces):
        yield record * (2 if number == which else 1)


def swap_records(pieces, which):
    """This Noise message arrives after the next one."""
    late = b""
    for number, record in records(pieces):
        if number == which:
            late = record
        else:
            yield record
        if number == which + 1:
            yield late


MODES = {
    "drop": drop, "delay": delay, "cut": cut, "hush": hush, "reset": reset, "flip": flip,
    "splice": splice, "replay": replay, "bytewise": bytewise,
    "drop-record": drop_record, "repeat-record": repeat_record,
    "swap-records": swap_records,
}


def mode(text):
    """(ways, function of the pieces) from WAY:MODE[:ARGUMENT...]."""
    way, name, *given = text.split(":")
    given = [int(a) if a.isdecimal() else a for a in given]
    return WAYS[way], lambda pieces: MODES[name](pieces, *given)

# --- the proxy --------------------------------------------------------------


def pieces_of(source, seen, record):
    """What arrives until the end of the stream, which seen and record keep."""
    while piece := source.recv(65536):
        seen += piece
        if record:
            with open(record, "ab") as f:
                f.write(piece)
        yield piece


class Connection:
    """Both directions at once; the first that ends decides how.

    SEEN is what has come from the client, and from the relay; OVER is held
    once it has ended, and GONE is set when nothing of it goes on.
    """

    def __init__(self, client, relay, modes, record, on_end):
        self.ends = client, relay
        self.on_end = on_end
        self.seen = bytearray(), bytearray()
        self.over = threading.Lock()
        self.gone = threading.Event()
        for s in self.ends:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.passing = [functools.reduce(
            lambda stream, m: m(stream),
            (m for ways, m in modes if way in ways),
            pieces_of(self.ends[way], self.seen[way], None if way else record))
            for way in WAYS["both"]]

    def start(self):
        threading.Thread(target=self._serve, daemon=True,
                         args=self.passing).start()

    def _serve(self, rising, falling):
        other = threading.Thread(target=self._pump, daemon=True,
                                 args=(falling, self.ends[0]))
        other.start()
        self._pump(rising, self.ends[1])
        other.join()
        for s in self.ends:
            s.close()
        self.gone.set()
        self.on_end(self)

    def _pump(self, pieces, sink):
        try:
            for piece in pieces:
                sink.sendall(piece)
        except ConnectionResetError:
            self._end(socket.SHUT_RD)
        except OSError:
            pass                # the other direction has ended
        self._end(socket.SHUT_RDWR)

    def _end(self, how):
        """SHUT_RD: what is closed without an end of its own is a reset."""
        if not self.over.acquire(blocking=False):
            return
        for s in self.ends:
            try:
                if how == socket.SHUT_RD:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                 struct.pack("ii", 1, 0))
                s.shutdown(how)
            except OSError:
                pass            # its peer was faster


class Proxy:
    """Listens on PORT of 127.0.0.1 for as long as the process lives.

    mangle() says what becomes of the connections from now on, which are kept
    in CONNECTIONS.
    """

    def __init__(self, target=None, on_end=lambda connection: None):
        self.target = target
        self.on_end = on_end
        self.mangle()
        self.listening = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def mangle(self, *modes, only=None, record=None):
        self.modes = [mode(m) for m in modes]
        self.only = only
        self.record = record
        self.connections = []

    def _accept(self):
        while True:
            client, _ = self.listening.accept()
            try:
                relay = socket.create_connection(self.target)
            except OSError:
                client.close()
                continue
            mangled = (self.only is None
                       or len(self.connections) < self.only)
            self.connections.append(Connection(
                client, relay, self.modes if mangled else (), self.record,
                self.on_end))
            # kept before anything passes: who is through looks at it
            self.connections[-1].start()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("target")
    parser.add_argument("modes", nargs="*")
    parser.add_argument("--only", type=int)
    parser.add_argument("--record")
    args = parser.parse_intermixed_args()
    host, port = args.target.rsplit(":", 1)
    # as one piece, for others end at the same time
    proxy = Proxy((host, int(port)), lambda connection: print(
        "{} {}\n".format(*map(len, connection.seen)), end="", flush=True))
    proxy.mangle(*args.modes, only=args.only, record=args.record)
    print(proxy.port, flush=True)
    signal.pause()


if __name__ == "__main__":
    main()
