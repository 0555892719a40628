#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
"""Sends files as no honest client would.  Built on pyclient.py.

  filesender.py --state FILE PEER SCENARIO...

The state is one of pyclient.py, with a session with PEER.  Prints one line of
JSON for each file: scenario, id, file_id, name in hex.  The scenarios:

  honest      the chunks in order
  NAME        one of the functions below whose name begins with do_
  mixed       two files in turn
  truncated   a file that ends before its first chunk, its second, and so on
  names       a file of one byte for each of NAMES
"""
import argparse
import hashlib
import json
import os
import random
import struct

from nacl.bindings import \
    crypto_aead_xchacha20poly1305_ietf_encrypt as xchacha_encrypt

import endtoend
from pyclient import Client, uuid7
from sentinel import domain, now_ms

MANIFEST, END = 0x10, 0x11
UNKNOWN = (1 << 64) - 1
CHUNK = 4096
FINAL = 1

NAMES = [
    b"../x", b"/etc/x", b"a/../../b", b".", b"..", b"...", b"/", b"//",
    b"a/", b"a/..", b"-rf", b"--output=x", b"-", b"--", b".bashrc",
    b".ssh/authorized_keys", b".sentinel-00.part", b"CON", b"nul.txt",
    b"trailing.", b"trailing ", b" leading", b"n" * 255, b"." * 255,
    "é".encode() * 127, b"a\nb", b"a\rb", b"a\tb", b"a\0b", b"\0", b"a\x01",
    b"a\x1f", b"a\x7f", b"\x1b]0;x\a", b"\x1b[2J", b"\x1b[31mred",
    b"a\xc2\x9b31m", b"a\xc2\x80", b"a\xc2\x9f", "gpj.\u202eexe".encode(),
    "\u202ax".encode(), "\u2066x".encode(), "\u2069x".encode(),
    "\u200ex".encode(), "\u061cx".encode(), "x\u2028y".encode(),
    "x\u2029y".encode(), b"\xff", b"a\xc3", b"a\xc0\xafb", b"\xc0\xae\xc0\xae",
    b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x80", b"caf\xe9", b"$(touch pwn)",
    b"`touch pwn`", b"';touch pwn'", b"%s%n%x", b"*", b"a|b", b"a\\b",
    b"C:\\x", b"~", b"~root", b"#x", b"{a,b}", b"\"", b"@x", b"=x",
    b"../../../../../../tmp/x", b"/proc/self/cwd/x", b"./-x", b"x/.y",
]


def padded(size):
    if size < 2:
        return size
    e = size.bit_length() - 1
    mask = (1 << e - e.bit_length()) - 1
    return size + mask & ~mask


class File:
    """One file on its way; each call is one message, good unless told."""

    def __init__(self, client, peer, data, name=b"evil.bin", size=None):
        self.client, self.peer, self.data, self.name = client, peer, data, name
        self.size = len(data) if size is None else size
        self.file_id, self.key = os.urandom(16), os.urandom(32)
        self.stream = data.ljust(padded(len(data)), b"\0")
        self.chunks = max(1, -(-len(self.stream) // CHUNK))

    def _say(self, kind, body):
        message_id = uuid7(now_ms())
        seq, self.peer.seq = self.peer.seq, self.peer.seq + 1
        self.client.put(self.peer, 3, self.peer.sessions[0].encrypt(
            endtoend.pack_plain(kind, message_id.bytes, now_ms(), seq, body)))
        return str(message_id)

    def manifest(self, chunk=CHUNK, flags=0):
        self.id = self._say(MANIFEST, self.file_id + self.key + struct.pack(
            "<QIIQH", self.size, chunk, flags, now_ms(), len(self.name))
            + self.name)

    def end(self, size=None, chunks=None, digest=None):
        size = len(self.data) if size is None else size
        self._say(END, self.file_id + struct.pack(
            "<QQ", size, self.chunks if chunks is None else chunks)
            + (digest or hashlib.blake2b(self.data, digest_size=32).digest()))

    def part(self, index):
        return self.stream[index * CHUNK:(index + 1) * CHUNK]

    def box(self, index, data=None, flags=None, key=None, as_=None):
        """A chunk that says it is number AS_."""
        if flags is None:
            flags = FINAL if index == self.chunks - 1 else 0
        head = struct.pack("<2sH16sQ", b"\3\x20", flags, self.file_id,
                           index if as_ is None else as_)
        nonce = os.urandom(24)
        return head + nonce + xchacha_encrypt(
            self.part(index) if data is None else data,
            domain("sentinel-file-v3") + self.client.me.id + self.peer.id
            + head, nonce, key or self.key)

    def chunk(self, index, **how):
        self.client.put(self.peer, 4, self.box(index, **how))

    def all(self):
        self.manifest()
        for i in range(self.chunks):
            self.chunk(i)
        self.end()


def do_honest(f):
    f.all()


def do_reversed(f):
    """In no order, twice, the END first: still the file."""
    f.end()
    f.manifest()
    order = list(range(f.chunks)) * 2
    random.Random(1).shuffle(order)
    for i in order:
        f.chunk(i)
    f.manifest()
    f.end()


def do_early_chunks(f):
    """The chunks before their manifest."""
    for i in range(f.chunks):
        f.chunk(i)
    f.manifest()
    f.end()


def do_no_end(f):
    f.manifest()
    for i in range(f.chunks):
        f.chunk(i)


def do_paused(f):
    """The rest of it after a line has come."""
    f.manifest()
    for i in range(f.chunks - 1):
        f.chunk(i)
    print("paused", flush=True)
    input()
    f.chunk(f.chunks - 1)
    f.end()


def do_no_manifest(f):
    for i in range(f.chunks):
        f.chunk(i)
    f.end()


def do_bad_digest(f):
    f.manifest()
    for i in range(f.chunks):
        f.chunk(i)
    f.end(digest=bytes(32))


def do_swapped(f):
    """Chunk 0 in the place of chunk 1, sealed anew by the sender."""
    f.manifest()
    for i in range(f.chunks):
        f.chunk({0: 1, 1: 0}.get(i, i), as_=i,
                flags=FINAL if i == f.chunks - 1 else 0)
    f.end()


def do_other_size(f):
    f.manifest()
    for i in range(f.chunks):
        f.chunk(i)
    f.end(size=len(f.data) - 1)


def do_other_count(f):
    f.manifest()
    for i in range(f.chunks):
        f.chunk(i)
    f.end(chunks=f.chunks + 1)


def do_never_final(f):
    f.manifest()
    for i in range(f.chunks):
        f.chunk(i, flags=0)
    f.end()


def do_final_early(f):
    f.manifest()
    f.chunk(0, flags=FINAL)


def do_short_chunk(f):
    f.manifest()
    f.chunk(0, data=b"x" * 100)


def do_long_chunk(f):
    f.manifest()
    f.chunk(0, data=b"x" * (CHUNK + 1))


def do_past_end(f):
    f.manifest()
    f.chunk(0, as_=f.chunks)


def do_far_index(f):
    """A hole as large as can be, in a file of unknown size."""
    f.size = UNKNOWN
    f.manifest()
    f.chunk(0, as_=(1 << 62) // CHUNK)


def do_unknown_two_finals(f):
    f.size = UNKNOWN
    f.manifest()
    f.chunk(0, flags=FINAL)
    f.chunk(1, flags=FINAL)


def do_unknown_not_padded(f):
    """The final chunk is not where padme puts it."""
    f.size = UNKNOWN
    f.manifest()
    for i in range(f.chunks - 1):
        f.chunk(i)
    f.chunk(f.chunks - 1, data=f.part(f.chunks - 1) + bytes(1))
    f.end()


def do_forged(f):
    """Boxes that do not authenticate between those that do."""
    f.manifest()
    for i in range(f.chunks):
        f.chunk(i, key=bytes(32))
        bad = bytearray(f.box(i))
        bad[-1] ^= 1
        f.client.put(f.peer, 4, bytes(bad))
        f.chunk(i)
    f.end()


def do_garbage(f):
    """Contents of type 4 that are no chunks."""
    for content in (b"x", b"\3\x20" + bytes(66), b"\3\x20\2" + bytes(65),
                    b"\3\x10" + bytes(66), os.urandom(5000)):
        f.client.put(f.peer, 4, content)


def do_huge(f):
    """2^60 bytes, says the manifest."""
    f.size = 1 << 60
    f.manifest()
    f.chunk(0)


def do_malformed(f):
    """Manifests that are none, and an END that is none."""
    for chunk, size, name, flags in (
            (0, 1, b"n", 0), (4095, 1, b"n", 0), (1 << 20 | 1, 1, b"n", 0),
            (4096, (1 << 62) + 1, b"n", 0), (4096, 1, b"", 0),
            (4096, 1, b"n" * 256, 0), (4096, 1, b"n", 1)):
        f.size, f.name = size, name
        f.manifest(chunk, flags)
    f.end(chunks=0)


def mixed(client, peer):
    """Two files in turn, and a chunk of one under the id of the other."""
    a = File(client, peer, os.urandom(5 * CHUNK), b"a.bin")
    b = File(client, peer, os.urandom(5 * CHUNK), b"b.bin")
    a.manifest()
    b.manifest()
    stolen = bytearray(a.box(1))
    stolen[4:20] = b.file_id
    client.put(peer, 4, bytes(stolen))
    for i in range(a.chunks):
        a.chunk(i)
        b.chunk(i)
    b.end()
    a.end()
    return [a, b]


def truncated(client, peer):
    """A file that ends before each of its chunks."""
    found = []
    for n in range(6):
        f = File(client, peer, os.urandom(5 * CHUNK + 100),
                 b"truncated-%d.bin" % n)
        f.manifest()
        for i in range(n):
            f.chunk(i)
        f.end()
        found.append(f)
    return found


def names(client, peer):
    found = []
    for name in NAMES:
        found.append(File(client, peer, b"x", name))
        found[-1].all()
    return found


def scenario(client, peer, what):
    if what == "mixed":
        return mixed(client, peer)
    if what == "truncated":
        return truncated(client, peer)
    if what == "names":
        return names(client, peer)
    f = File(client, peer, random.Random(what).randbytes(5 * CHUNK + 100),
             what.encode() + b".bin")
    globals()["do_" + what](f)
    return [f]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--state", metavar="FILE", required=True)
    parser.add_argument("peer")
    parser.add_argument("scenario", nargs="+")
    args = parser.parse_args()
    client = Client(args.state)
    peer = client.find(args.peer)
    for what in args.scenario:
        for f in scenario(client, peer, what):
            print(json.dumps({
                "scenario": what, "file_id": f.file_id.hex(),
                "name": f.name.hex(), "id": getattr(f, "id", None),
                "blake2b": hashlib.blake2b(f.data, digest_size=32)
                .hexdigest()}), flush=True)
    client.save()
    client.close()


if __name__ == "__main__":
    main()
