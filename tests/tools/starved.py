#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
"""A relay that has no memory at one of its requests for some, or from it on.

  starved.py [--step N] [--starts STEP [--last N]] DIRECTORY

While a request is served there is no memory the first time that the relay asks
for some, then every Nth time, until it asks no more often (tests/preload/
memory.c): once, and again from then on until the request is over.  The relay
answers it, refuses it as busy or internal, or closes that connection, and goes
on.  What it answered has come about, what it refused has not; then the same
request is made as if nothing had been.

With --starts the relay is then started with no memory in the same way, every
STEPth time and, with --last, each of the last N times: it ends with status 1,
or serves, and its store is sound.  That is without the sandbox, for libseccomp (2.5.4) does not outlive it: it crashes,
hangs or makes a filter that allows less.  Prints one JSON line; what is
wrong is told on stderr, with status 1.  $SENTINEL_BIN holds the relay,
$SENTINEL_TOOLS the library.
"""
import argparse
import json
import mmap
import os
import pathlib
import struct
import sys
import time

from relay import BUSY, PATIENCE, Gone, Person, Relay, Wrong

INTERNAL = 11
TEXT, PIECE = 3, 4
# how often, first and last failure, process, how much was sent
ASKED = struct.Struct("=QQQQQ")
EVER = 2**64 - 1
BEFORE = [(TEXT, b"first" * 50), (PIECE, b"piece" * 4000), (TEXT, b"last")]


class Memory:
    """What the relay has, by tests/preload/memory.c."""

    def __init__(self, path):
        self.path = path
        with open(path, "wb") as f:
            f.write(bytes(ASKED.size))
        with open(path, "r+b") as f:
            self.map = mmap.mmap(f.fileno(), ASKED.size)
        self.tracer = ["env", f"TEST_MEMORY={path}", "LD_PRELOAD="
                       f"{os.environ['SENTINEL_TOOLS']}/memory.so"]

    def ends(self, first, last):
        ASKED.pack_into(self.map, 0, 0, first, last, 0, 0)

    def is_back(self):
        """How often there was a request in between."""
        asked, *_ = ASKED.unpack_from(self.map)
        ASKED.pack_into(self.map, 0, 0, EVER, EVER, 0, 0)
        return asked


def taken(person, code, payload=b""):
    """The payload of the reply; None when it is refused."""
    answer, reply = person.ask(code, payload)
    if answer == code + 1000:
        return reply
    reason, = struct.unpack_from("<H", reply)
    if answer != 9000 or reason not in (BUSY, INTERNAL):
        raise Wrong(f"{code}: answered {answer}, reason {reason}")
    return None


class Stage:
    def __init__(self, relay):
        self.relay = relay
        self.people = 0
        self.alice, self.bob = self.newcomer(), self.newcomer()
        for person in self.alice, self.bob:
            person.register()

    def newcomer(self):
        self.people += 1
        return Person(self.relay, f"user{self.people}")

    def mailbox(self):
        return [(type_, content)
                for _, _, type_, content in self.bob.pull_all()]


class Request:
    """ask: what of it has come about, None when it is refused.  check: that
    this is so, or with None that it can be.  Both leave it done."""

    def __init__(self, stage):
        self.stage = stage

    def prepare(self):
        pass


class Connect(Request):
    """A channel and an answer."""

    def prepare(self):
        self.stage.alice.hang_up()

    def ask(self):
        return taken(self.stage.alice, 1102, self.stage.bob.id)

    def check(self, _):
        self.stage.alice.expect(1102, self.stage.bob.id)


class Register(Request):
    def prepare(self):
        self.person = self.stage.newcomer()

    def ask(self):
        reply = taken(self.person, 1100, self.person.identity.registration())
        self.person.hang_up()
        return reply

    def check(self, done):
        if done is None:
            self.person.register()
        self.stage.alice.expect(1102, self.person.id)
        self.person.expect(1106)
        self.person.hang_up()


class Unregister(Request):
    def prepare(self):
        self.person = self.stage.newcomer()
        self.person.register()
        self.person.connect()

    def ask(self):
        return taken(self.person, 1106)

    def check(self, done):
        self.person.hang_up()
        if done is None:
            self.person.register()      # there or not
            self.person.expect(1106)
            self.person.hang_up()
        code, _ = self.stage.alice.ask(1102, self.person.id)
        if code != 9000:
            raise Wrong("unregistered, and still there")


class List(Request):
    def ask(self):
        return taken(self.stage.alice, 1101)

    def check(self, done):
        known = self.stage.alice.expect(1101)
        if done not in (None, known):
            raise Wrong("the list is another one")


class Block(Request):
    """bob has alice refused."""

    def ask(self):
        return taken(self.stage.bob, 1107, b"\1" + self.stage.alice.id)

    def check(self, done):
        if done is None:
            self.stage.bob.expect(1107, b"\1" + self.stage.alice.id)
        if not self.stage.alice.send(self.stage.bob.id, TEXT, b"refused"):
            raise Wrong("blocked, and not refused")
        self.stage.bob.expect(1107, b"\0" + self.stage.alice.id)


class Send(Request):
    message = TEXT, b"a text" * 40

    def ask(self):
        type_, content = self.message
        return taken(self.stage.alice, 1103, self.stage.bob.id + struct.pack(
            "<BI", type_, len(content)) + content)

    def check(self, done):
        found = self.stage.mailbox()
        if found != [self.message] and (found or done is not None):
            raise Wrong(f"{len(found)} in the mailbox")
        self.stage.bob.acknowledge(1, 2**32 - 1)


class SendPiece(Send):
    message = PIECE, b"a piece" * 9000


class Pull(Request):
    def prepare(self):
        for type_, content in BEFORE:
            self.stage.alice.send(self.stage.bob.id, type_, content)

    def ask(self):
        return taken(self.stage.bob, 1104)

    def check(self, done):
        if done is not None and done != self.stage.bob.expect(1104):
            raise Wrong("the mailbox is another one")
        if self.stage.mailbox() != BEFORE:
            raise Wrong("the mailbox has changed")
        self.stage.bob.acknowledge(1, 2**32 - 1)


class Acknowledge(Pull):
    def ask(self):
        return taken(self.stage.bob, 1105, struct.pack("<II", 1, 2**32 - 1))

    def check(self, done):
        left = self.stage.mailbox()
        if left and (done is not None or left != BEFORE):
            raise Wrong(f"{len(left)} are left")
        self.stage.bob.acknowledge(1, 2**32 - 1)


REQUESTS = [Connect, Register, Unregister, List, Block, Send, SendPiece, Pull,
            Acknowledge]


def starve(request, memory, first, last):
    """How often the relay asked for memory."""
    stage = request.stage
    request.prepare()
    memory.ends(first, last)
    try:
        done = request.ask()
        stage.bob.ask(1102, stage.alice.id)     # what follows an answer is over
    except Gone:
        done = None
    asked = memory.is_back()
    if stage.relay.process.poll() is not None:
        raise Wrong(f"it has ended with {stage.relay.process.returncode}")
    request.check(done)
    return asked


def have_thread(stage, memory):
    """The one that frees segments: without memory for its own start of a
    thread, AddressSanitizer ends the relay."""
    starve(SendPiece(stage), memory, EVER, EVER)
    deadline = time.monotonic() + PATIENCE
    while len(os.listdir(f"/proc/{stage.relay.pid}/task")) < 2:
        if time.monotonic() > deadline:
            raise Wrong("no segment was freed")
        time.sleep(0.01)


def serve(relay, memory, step):
    """Each request; how many points there were."""
    relay.start(*memory.tracer)
    stage, told = Stage(relay), {}
    have_thread(stage, memory)
    for kind in REQUESTS:
        request = kind(stage)
        starve(request, memory, EVER, EVER)     # the first one takes more
        for ever in False, True:
            first = 1
            try:
                while starve(request, memory, first,
                             EVER if ever else first) >= first:
                    first += step
            except (Wrong, Gone) as e:
                raise Wrong(f"{kind.__name__}, {first}{' on' * ever}: {e}"
                            ) from e
            told[kind.__name__] = told.get(kind.__name__, 0) + first // step
    relay.stop()
    if not all(told.values()):
        raise Wrong(f"for nothing is there any memory asked: {told}")
    return told


def start_one(relay, memory, first, last):
    memory.ends(first, last)
    try:
        relay.start(*memory.tracer)
        asked = memory.is_back()
        relay.stop()
    except Gone:
        asked = memory.is_back()
        if relay.process.returncode != 1:
            raise Wrong(f"it ended with {relay.process.returncode}") from None
    relay.check_store()
    return asked


def start(relay, memory, step, last):
    relay.options += ("--sandbox", "off")
    fine = start_one(relay, memory, EVER, EVER) - last
    points = 0
    for ever in False, True:
        first = 1
        try:
            while start_one(relay, memory, first,
                            EVER if ever else first) >= first:
                first = min(first + step, max(first + 1, fine))
                points += 1
        except Wrong as e:
            raise Wrong(f"start, {first}{' on' * ever}: {e}") from e
    return points


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--step", type=int, default=1)
    parser.add_argument("--starts", type=int, default=0, metavar="STEP")
    parser.add_argument("--last", type=int, default=0, metavar="N")
    parser.add_argument("directory")
    args = parser.parse_args()
    directory = pathlib.Path(args.directory)
    memory = Memory(directory / "memory")
    relay = Relay(directory, options=(
        "--min-free", "0", "--registration-burst", "100000",
        "--directory-rate", "100000"))
    try:
        told = serve(relay, memory, args.step)
        if args.starts:
            told["Start"] = start(relay, memory, args.starts,
                                  args.last)
        print(json.dumps(told))
    except (Wrong, Gone) as e:
        sys.exit(f"wrong: {e}")
    finally:
        relay.end()


if __name__ == "__main__":
    main()
