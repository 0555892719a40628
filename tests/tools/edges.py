#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
"""Every integer of a request and of a reply, at its edges.

  edges.py requests ADDRESS      what the relay makes of each value
  edges.py strangers BIN PEAK KEYFILE
  edges.py replies BIN PEAK KEYFILE   what the commands in BIN make of each,
        run by PEAK (tests/tools/peak.c): they talk to a relay that is in
        here, with a key file that is made; strangers: what is in its place
        speaks otherwise

Prints a line a field: what became of which values.  For requests that is
"taken", "refused" with the reason, or "closed"; for replies the command's
exit status.  The last line of replies is the most memory that one of them
took, in KiB.
"""
import base64
import collections
import os
import socket
import struct
import subprocess
import sys
import threading
import uuid

from dissononce.cipher.chachapoly import ChaChaPolyCipher
from dissononce.dh.x25519.x25519 import X25519DH
from dissononce.hash.sha256 import SHA256Hash
from dissononce.processing.handshakepatterns.interactive.XX import \
    XXHandshakePattern
from dissononce.processing.impl.cipherstate import CipherState
from dissononce.processing.impl.handshakestate import HandshakeState
from dissononce.processing.impl.symmetricstate import SymmetricState

from rawclient import ask, letter, registered
from sentinel import (DAY_MS, FRAME_MAX, PREAMBLE, RECORD_BODY, REPLY,
                      REQUEST, Channel, Identity, connect, domain, key_pair,
                      now_ms)

U8, U16, U32, U64 = "B", "H", "I", "Q"
MAX = {U8: 2**8 - 1, U16: 2**16 - 1, U32: 2**32 - 1, U64: 2**64 - 1}
TIMEOUT = 20            # seconds a command


def edges(width, *special):
    """What most goes wrong with, and the two beside each special one."""
    values = {0, 1, 2**15, 2**16, 2**31 - 1, 2**31, 2**31 + 1, 2**32 - 1,
              2**63 - 1, 2**63, MAX[width] - 1, MAX[width]}
    for value in special:
        values |= {value - 1, value, value + 1}
    return sorted(v for v in values if 0 <= v <= MAX[width])


def report(field, outcomes):
    by = collections.defaultdict(list)
    for value, outcome in outcomes:
        by[outcome].append(str(value))
    print(field + ": " + "; ".join(
        f"{outcome} {' '.join(by[outcome])}" for outcome in sorted(by)),
        flush=True)


# --- requests ---------------------------------------------------------

def outcome(code, reply):
    answer, payload = reply
    if answer is None:
        return "closed"
    if answer == 9000:
        return f"refused({struct.unpack_from('<H', payload)[0]})"
    return "taken" if answer == code + 1000 else f"answered({answer})"


class Requests:
    def __init__(self, address):
        self.address = address
        self.mallory = registered(address, "mallory")
        self.malice = registered(address, "malice")
        # something waits for her, so that no pull has to
        connect(address, self.malice).request(
            self.malice.id, 1103, letter(self.mallory.id, 3, b"hello"))

    def payloads(self):
        """(field, code, values, the payload of each)"""
        us, to = self.mallory, self.malice.id
        whole = us.registration()
        yield ("1100 invite_len", 1100, edges(U8, 54),
               lambda v: whole[:-1] + bytes([v]) + b"A" * v)
        yield ("1101 limit", 1101, edges(U16, 256),
               lambda v: bytes(16) + struct.pack("<HB", v, 0))
        yield ("1101 name_len", 1101, edges(U8, 254),
               lambda v: bytes(18) + bytes([v]) + b"a" * v)
        yield ("1101 name_len, of 7 bytes", 1101, edges(U8, 7),
               lambda v: bytes(18) + bytes([v]) + b"a" * 7)
        yield ("1103 type", 1103, edges(U8, 4),
               lambda v: letter(to, v, b"x"))
        yield ("1103 content size, of 40", 1103, edges(U32, 40),
               lambda v: to + struct.pack("<BI", 3, v) + b"x" * 40)
        yield ("1103 content, whole", 1103, (0, 1, 2**15, 2**16),
               lambda v: letter(to, 3, b"x" * v))
        for at, name in enumerate(("after", "max_bytes", "wait_ms")):
            yield (f"1104 {name}", 1104, edges(U32, 60000, 1114112),
                   lambda v, at=at: struct.pack(
                       "<3I4x", *(v if i == at else 0 for i in range(3))))
        yield ("1104 flags", 1104, edges(U8, 2),
               lambda v: bytes(12) + bytes([v]) + bytes(3))
        yield ("1104 reserved", 1104, edges(U8),
               lambda v: bytes(13) + bytes([v]) + bytes(2))
        yield ("1105 ranges", 1105, (0, 1, 1023, 1024, 1025),
               lambda v: struct.pack("<II", 7, 7) * v)
        yield ("1105 first, last 2^31", 1105, edges(U32),
               lambda v: struct.pack("<II", v, 2**31))
        yield ("1105 last, first 2^31", 1105, edges(U32),
               lambda v: struct.pack("<II", 2**31, v))
        yield ("1107 operations", 1107, (0, 1, 255, 256, 257),
               lambda v: (b"\0" + bytes(16)) * v)
        yield ("1107 op", 1107, edges(U8, 2),
               lambda v: bytes([v]) + bytes(16))

    def ask(self, code, payload, **header):
        channel = connect(self.address, self.mallory)
        reply = ask(channel, self.mallory.id, code, payload, **header)
        channel.socket.close()
        return outcome(code, reply)

    def issued_at(self, value):
        who = Identity(f"dated-{value}")
        who.issued_at = value
        channel = connect(self.address, who)
        return outcome(1100, ask(channel, who.id, 1100, who.registration()))

    def hello(self, length):
        """Message 1 under this length."""
        with self._socket() as sock:
            sock.sendall(PREAMBLE + struct.pack(">H", length) + os.urandom(31)
                         + b"\1")
            return "taken" if sock.recv(1) == b"\0" else "closed"

    def finish(self, length):
        """Message 3 under this length."""
        with self._socket() as sock:
            class Lying(Channel):
                def _send(self, message):
                    size = length if len(message) == 80 else len(message)
                    sock.sendall(struct.pack(">H", size) + message)
            return self._goes_on(Lying(sock, self._key(), self.mallory))

    def record(self, length):
        """One of this length: padding, a sealed nothing, or no record."""
        channel = connect(self.address, self.mallory)
        if length >= 16:
            channel._record((b"\1" + bytes(length - 16))[:length - 16])
        else:
            channel.socket.sendall(struct.pack(">H", length) + bytes(length))
        return self._goes_on(channel)

    def kind(self, value):
        channel = connect(self.address, self.mallory)
        channel._record(bytes([value]))
        return self._goes_on(channel)

    def _goes_on(self, channel):
        try:
            reply = ask(channel, self.mallory.id, 1104, b"")
        except OSError:
            reply = None, b""
        channel.socket.close()
        return outcome(1104, reply)

    def _key(self):
        key = self.address.removeprefix("sentinel://").split("@")[0]
        return base64.urlsafe_b64decode(key + "=")

    def _socket(self):
        host, _, port = self.address.partition("@")[2].partition(":")
        return socket.create_connection((host, int(port)), 10)

    def run(self):
        def each(field, values, act):
            report(field, ((v, act(v)) for v in values))

        each("message 1 length", edges(U16, 32), self.hello)
        each("message 3 length", edges(U16, 80), self.finish)
        each("record length", edges(U16, 17), self.record)
        each("record kind", edges(U8, 2), self.kind)
        each("version", edges(U8, 3),
             lambda v: self.ask(1101, b"", version=v))
        each("code", (0, 1, 1099, 1108, 2101, 2**15, 9000, 2**16 - 1),
             lambda v: self.ask(v, b""))
        each("payload size", edges(U32, FRAME_MAX - REQUEST.size),
             lambda v: self.ask(1102, b"", size=v))
        day = now_ms() + DAY_MS
        report("1100 issued_at, a day ahead", (
            (f"{d:+d}", self.issued_at(day + d * 60000)) for d in (-1, 1)))
        each("1100 issued_at", (1, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1),
             self.issued_at)
        for field, code, values, make in self.payloads():
            each(field, values, lambda v: self.ask(code, make(v)))


# --- replies ----------------------------------------------------------

class Relay:
    """Serves one connection after the other, as told."""

    def __init__(self):
        self.static = key_pair(os.urandom(32))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.honest()
        threading.Thread(target=self._serve, daemon=True).start()

    def honest(self):
        self.welcome = struct.pack("<IIQ", 3, FRAME_MAX, now_ms())
        self.answer_len = None
        self.greeting = None    # bytes in the place of message 2
        self.calls = 0
        self.replies = {}       # code: the frame, or a function of request
        self.records = []       # before the first reply, as they stand

    def address(self):
        key = base64.urlsafe_b64encode(self.static.public.data)
        return f"sentinel://{key.decode().rstrip('=')}@127.0.0.1:{self.port}"

    def _serve(self):
        while True:
            sock, _ = self.listener.accept()
            try:
                self._client(sock)
            except (OSError, EOFError, ValueError):
                pass
            sock.close()

    def _client(self, sock):
        sock.settimeout(TIMEOUT)
        stream = sock.makefile("rb")
        noise = HandshakeState(
            SymmetricState(CipherState(ChaChaPolyCipher()), SHA256Hash()),
            X25519DH())
        noise.initialize(XXHandshakePattern(), False,
                         domain("sentinel-transport-v3") + PREAMBLE,
                         s=self.static)
        self.calls += 1
        noise.read_message(take(stream, 8 + 2 + 32)[10:], bytearray())
        if self.greeting is not None:
            sock.sendall(self.greeting)
            stream.read()
            return
        answer = bytearray()
        noise.write_message(self.welcome, answer)
        length = len(answer) if self.answer_len is None else self.answer_len
        sock.sendall(struct.pack(">H", length) + answer)
        incoming, outgoing = noise.read_message(
            take(stream, 2 + 80)[2:], bytearray())

        def say(plaintext):
            record = outgoing.encrypt_with_ad(b"", plaintext)
            sock.sendall(struct.pack(">H", len(record)) + record)

        sock.sendall(b"".join(r for r in self.records if r is not None))
        if None in self.records:        # true ones, of every length
            say(b"\0")
            say(b"\1" + bytes(RECORD_BODY))
        data = b""
        while True:
            plain = incoming.decrypt_with_ad(b"", take(stream, int.from_bytes(
                take(stream, 2), "big")))
            if plain[:1] == b"\2":
                return
            data += plain[1:] if plain[:1] == b"\0" else b""
            while len(data) >= REQUEST.size:
                _, _, code, size = REQUEST.unpack_from(data)
                if len(data) < REQUEST.size + size:
                    break
                request = data[REQUEST.size:REQUEST.size + size]
                data = data[REQUEST.size + size:]
                for at in self._pieces(code, request):
                    say(b"\0" + at)

    def _pieces(self, code, request):
        reply = self.replies.get(code, b"")
        reply = reply(request) if callable(reply) else reply
        if not isinstance(reply, Raw):
            reply = REPLY.pack(3, code + 1000, len(reply)) + reply
        return [reply[at:at + RECORD_BODY]
                for at in range(0, len(reply), RECORD_BODY)]


class Raw(bytes):
    """A reply with its header."""


def take(stream, count):
    data = stream.read(count)
    if len(data) < count:
        raise EOFError
    return data


def item(sender, number, type_, content, size=None):
    """One of a 2104."""
    size = len(content) if size is None else size
    return sender + struct.pack("<IBI", number, type_, size) + content


def first(reply, count):
    """For a request from the start; nothing more for the next."""
    return lambda request: reply if not any(request[:count]) else b""


def noise(length=40, start=b""):
    """A content that is like no other, so that it is no duplicate."""
    return (start + os.urandom(length))[:length]


def error(reason, retry=0, text=b""):
    body = struct.pack("<HI", reason, retry) + text
    return Raw(REPLY.pack(3, 9000, len(body)) + body)


class Replies:
    def __init__(self, programs, peak, keyfile):
        self.programs, self.measure, self.keyfile = programs, peak, keyfile
        self.relay = Relay()
        self.peak = 0
        self.bob = Identity("bob")
        self.relay.replies[1100] = lambda request: self.us
        self.us = bytes(16)
        self.run_as("register", "alice")        # it tells no id yet
        self.us = uuid.UUID(self.out_of("keys", "show", "--get", "id")).bytes
        if self.run_as("register", "alice") != 0:
            sys.exit("no registration")

    def command(self, name, *args):
        # with a sanitizer the answer itself may take as long
        patience = "0.2" if "/release" in self.programs else "1"
        return [f"{self.programs}/sentinel-{name}", "-k", self.keyfile,
                "-r", self.relay.address(), "--timeout", patience, *args]

    def out_of(self, *command):
        return subprocess.run(self.command(*command), capture_output=True,
                              timeout=TIMEOUT, check=True, text=True,
                              stdin=subprocess.DEVNULL).stdout.strip()

    def run_as(self, *command):
        """Its status; that of a signal is above 128, a sanitizer's 99."""
        run = subprocess.run([self.measure, *self.command(*command)],
                             timeout=TIMEOUT, capture_output=True,
                             stdin=subprocess.DEVNULL)
        *said, kib = run.stderr.splitlines()
        self.peak = max(self.peak, int(kib))
        if run.returncode > 40:
            sys.stderr.write(b"\n".join(said).decode(errors="replace"))
        return run.returncode

    def each(self, field, values, setup, *command):
        def act(value):
            self.relay.honest()
            setup(value)
            return self.run_as(*command)
        report(field, [(v, act(v)) for v in values])

    def reply(self, code, make):
        """A setup: this request is answered with what make makes."""
        def setup(value):
            self.relay.replies[code] = make(value)
        return setup

    def set(self, attribute, make):
        return lambda value: setattr(self.relay, attribute, make(value))

    def strangers(self):
        """Whoever else might be there: the status, and how often it called."""
        for name, greeting in (
                ("the refusal", REPLY.pack(3, 9000, 0)),
                ("version 2", REPLY.pack(2, 2101, 0) + bytes(107)),
                ("HTTP", b"HTTP/1.1 400 Bad Request\r\n\r\n"),
                ("SSH", b"SSH-2.0-OpenSSH_9.2\r\n"),
                ("zeros", bytes(200))):
            self.relay.honest()
            self.relay.greeting = greeting
            status = self.run_as("clients")
            print(f"{name}: {status}, {self.relay.calls} call")

    def transport(self):
        who = ("clients",)
        self.each("message 2 length", edges(U16, 112),
                  self.set("answer_len", lambda v: v), *who)
        self.each("message 2 version", edges(U32, 3), self.set(
            "welcome", lambda v: struct.pack("<IIQ", v, FRAME_MAX, now_ms())),
            *who)
        self.each("message 2 max_frame", edges(U32, 65536, FRAME_MAX),
                  self.set("welcome", lambda v: struct.pack(
                      "<IIQ", 3, v, now_ms())), *who)
        self.each("message 2 relay_time", (0, 2**32, 2**63, 2**64 - 1),
                  self.set("welcome", lambda v: struct.pack(
                      "<IIQ", 3, FRAME_MAX, v)), *who)
        self.each("record length", (0, 16, 17, 2**16 - 1),
                  self.set("records", lambda v: [
                      struct.pack(">H", v) + bytes(min(v, 17))]), *who)
        self.each("record length, true", ("17 65535",),
                  self.set("records", lambda v: [None]), *who)

    def frames(self):
        who = ("clients",)

        def header(version=3, code=2101, size=0):
            return Raw(REPLY.pack(version, code, size))
        self.each("reply version", edges(U8, 3), self.reply(
            1101, lambda v: header(version=v)), *who)
        self.each("reply code", edges(U16, 2101, 9000), self.reply(
            1101, lambda v: header(code=v)), *who)
        self.each("reply size", edges(U32, FRAME_MAX - 7), self.reply(
            1101, lambda v: Raw(header(size=v) + bytes(40))), *who)
        self.each("9000 length", edges(U8, 6, 206), self.reply(
            1101, lambda v: Raw(header(code=9000, size=v)
                                + b"\4\0".ljust(v, b"\0")[:v])), *who)
        self.each("9000 reason", edges(U16, 1, 3, 14), self.reply(
            1101, lambda v: error(v, 2**32 - 1)), *who)
        self.each("9000 retry_after_ms", edges(U32), self.reply(
            1101, lambda v: error(4, v)), *who)

    def payloads(self):
        bob, entry = self.bob, self.bob.id + b"bob".ljust(255, b"\0")
        told = (bob.id + bob.bundle() + struct.pack("<Q", bob.issued_at)
                + bob.name.ljust(255, b"\0"))
        of = len(told)
        self.each("2101 length, entries of 271", (0, 1, 270, 271, 272),
                  self.reply(1101, lambda v: first((entry * 2)[:v], 16)),
                  "clients")
        self.each(f"2102 length, {of}", (0, 1, of - 1, of + 1, 2**16, of),
                  self.reply(1102, lambda v: told.ljust(v, b"\0")[:v]),
                  "keys", "fetch", str(uuid.UUID(bytes=bob.id)))
        self.each("2103 length", (0, 1, 19, 21, 2**16, 20),
                  self.reply(1103, lambda v: (bob.id.ljust(v, b"\0"))[:v]),
                  "keys", "request", "bob")
        for field, values, make in (
                ("content size, of 40", edges(U32, 40),
                 lambda v: item(bob.id, 1, 3, noise(), v)),
                ("number", edges(U32), lambda v: item(bob.id, v, 3, noise())),
                ("type", edges(U8, 4), lambda v: item(bob.id, 1, v, noise()))):
            self.each(f"2104 {field}", values, self.reply(
                1104, lambda v: first(make(v), 4)), "pull")
        for type_, start, at in ((1, b"\3\1\0\0", (92,)),
                                 (2, b"\3\2\0\0", (140,)),
                                 (2, b"\3\3\0\0", (108,)),
                                 (3, b"\3\x10\0\0", (52, 348))):
            self.each(f"2104 content of type {type_} {start[1]}", edges(
                U16, *at)[2:], self.reply(1104, lambda v: first(item(
                    bob.id, 1, type_, noise(v, start)), 4)), "pull")

        def acknowledged(payload):
            def setup(value):
                self.relay.replies[1104] = first(
                    item(bob.id, 1, 3, noise()), 4)
                self.relay.replies[1105] = payload(value)
            return setup
        self.each("2105 length", (0, 1, 3, 4, 5, 2**16), acknowledged(
            lambda v: bytes(v)), "pull")
        self.each("2105 deleted", edges(U32), acknowledged(
            lambda v: struct.pack("<I", v)), "pull")


def main():
    act, *rest = sys.argv[1:]
    if act == "requests":
        Requests(*rest).run()
    elif act == "strangers":
        Replies(*rest).strangers()
    elif act == "replies":
        replies = Replies(*rest)
        replies.transport()
        replies.frames()
        replies.payloads()
        print(replies.peak)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
