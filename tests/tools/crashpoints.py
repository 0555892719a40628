#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
"""Kill a relay, or fail a call of it, at each system call of one request.

  crashpoints.py [--error ERRNO,...] [--calls CALL[/STEP],...]
                 [--request NAME,...] DIRECTORY

A request is recorded under strace(1), then made once for each of the system
calls of each thread of the relay, always of a relay that has just begun with
the same store.  It is killed when it enters that call; with --error the call
is not made and fails so.  With --calls only these count, of the /STEP ones
the first and then every STEPth.  DIRECTORY holds the stores.

An answered send is in the mailbox, one without an answer is there or not; an
acknowledgement is done wholly or not at all; the rest of the mailbox stays as
it was, the store is sound, and a relay that was not killed serves on or ends
with 34 after it has said why.  Then the same request is done as if nothing
had been, and nothing is left.

A point that a run did not reach is tried again, for timing moves a few; how
often a thread waits and is woken depends on it.  Prints one JSON line; what is
wrong is told on stderr, with status 1.  $SENTINEL_BIN holds the relay.
"""
import argparse
import collections
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys

from relay import FULL, Gone, Person, Relay, Wrong

TRIES = 8               # to reach a point
ERR_IO = 34
KILL = "signal=KILL"
WAITS = {"recvfrom", "epoll_wait", "futex", "read", "write"}
CALL = re.compile(r"^(\w+)\(", re.MULTILINE)
HIT = re.compile(r"\(INJECTED\)$|\+\+\+ killed by SIGKILL", re.MULTILINE)
TEXT, PIECE = 3, 4
# what lies in the mailbox before, by id from 1
BEFORE = [(TEXT, b"first" * 50), (PIECE, b"piece" * 4000),
          (PIECE, b"other" * 4000), (TEXT, b"fourth" * 50)]
# log enough that the next commit calls for a checkpoint
LOG_PAGES = 8192
PAGE = 4096


class Tracer:
    """strace(1) on one thread of a process."""

    def __init__(self, directory, thread, *options):
        self.path = directory / "trace"
        self.process = subprocess.Popen(
            ["strace", "-o", self.path, *options, "-p", str(thread)],
            stderr=subprocess.PIPE)
        line = self.process.stderr.readline()
        if b"attached" not in line:
            raise Wrong(f"strace: {line}")

    def stop(self, gone):
        """What it has seen; it ends by itself with what it traces."""
        if not gone:
            self.process.send_signal(signal.SIGINT)
        self.process.communicate()
        with open(self.path, encoding="ascii", errors="replace") as f:
            return f.read()


def threads(relay):
    return sorted(map(int, os.listdir(f"/proc/{relay.process.pid}/task")))


class Stage:
    """A relay and two people, set back to the same store for each point."""

    def __init__(self, directory, request):
        self.saved = directory / f"saved-{request.name}"
        self.directory = directory / f"at-{request.name}"
        self.request = request
        self.directory.mkdir()
        self.relay = Relay(self.directory)
        self.alice = Person(self.relay, "alice")
        self.bob = Person(self.relay, "bob")
        self.relay.start()
        self.alice.register()
        self.bob.register()
        for type_, content in BEFORE:
            self.alice.send(self.bob.id, type_, content)
        request.prepare(self)
        self.restart()          # with what it finds in the log
        self.relay.kill()
        shutil.copytree(self.directory, self.saved)

    def restart(self):
        if self.relay.process.poll() is None:
            self.relay.kill()
        self.alice.hang_up()
        self.bob.hang_up()
        self.relay.start()

    def start_over(self):
        """Both are connected: what is traced is the request alone."""
        if self.relay.process.poll() is None:
            self.relay.kill()
        shutil.rmtree(self.directory)
        shutil.copytree(self.saved, self.directory)
        self.restart()
        self.alice.expect(1102, self.bob.id)
        self.bob.expect(1102, self.alice.id)

    def execute(self, thread, *options):
        """(was it answered, trace) of the request and another one."""
        self.start_over()
        tracer = Tracer(self.directory, threads(self.relay)[thread], *options)
        answered = False
        try:
            answered = self.request.ask(self)
        except Gone:
            pass
        # all that follows the answer is over with another one
        status = self.status()
        return answered, status, tracer.stop(status is not None)

    def status(self):
        """None: it serves; or how it has ended."""
        for _ in range(2):      # one channel may have been its victim
            try:
                self.alice.expect(1102, self.bob.id)
                return None
            except Gone:
                pass
        return self.relay.wait()

    def mailbox(self):
        """[(type, content)], by ids that have no gap."""
        items = self.bob.pull_all()
        return {id_: (type_, content) for id_, _, type_, content in items}

    def judge(self, answered, status):
        """After a point; the request is made again, and all is taken."""
        if status is None:
            self.bob.expect(1104, b"")
        self.relay.check_store()
        self.restart()
        self.request.judge(answered, self.mailbox())
        if not self.request.ask(self):
            raise Wrong("it is refused when it is made again")
        box = self.mailbox()
        self.request.judge(True, box)
        self.bob.acknowledge(1, 2**32 - 1)
        self.restart()
        if self.mailbox() or self.relay.segments():
            raise Wrong(f"left: {self.mailbox()} {self.relay.segments()}")


class Send:
    """alice sends to bob."""

    def __init__(self, name, type_, content, prepare=lambda stage: None):
        self.name = name
        self.message = (type_, content)
        self.prepare = prepare

    def ask(self, stage):
        refused = stage.alice.send(stage.bob.id, *self.message)
        if refused and refused[0] not in FULL:
            raise Wrong(f"refused for {refused[0]}")
        return not refused

    def judge(self, answered, box):
        """What was there, then what was sent, once a request at most."""
        before = dict(enumerate(BEFORE, 1))
        new = {id_: box[id_] for id_ in box if id_ not in before}
        if {id_: box.get(id_) for id_ in before} != before:
            raise Wrong(f"the mailbox has changed: {sorted(box)}")
        if any(message != self.message for message in new.values()):
            raise Wrong("something else was sent")
        if sorted(box) != list(range(1, len(box) + 1)):
            raise Wrong(f"ids with a gap: {sorted(box)}")
        if answered and not new:
            raise Wrong("what was acknowledged is missing")
        if len(new) > 2:
            raise Wrong("sent once, stored twice")


class Acknowledge:
    """bob acknowledges what he has pulled."""

    def __init__(self, name, first, last):
        self.name = name
        self.range = range(first, last + 1)

    def prepare(self, stage):
        pass

    def ask(self, stage):
        return stage.bob.acknowledge(self.range[0], self.range[-1]) is not None

    def judge(self, answered, box):
        """All of the range or none of it is gone, and nothing else."""
        whole = dict(enumerate(BEFORE, 1))
        rest = {id_: m for id_, m in whole.items() if id_ not in self.range}
        if box != rest and (answered or box != whole):
            raise Wrong(f"answered: {answered}, left: {sorted(box)}")


def fill_log(stage):
    """So far that the next commit calls for a checkpoint."""
    log = pathlib.Path(f"{stage.relay.store}-wal")
    pages = more = 0
    while pages + more < LOG_PAGES:
        stage.bob.send(stage.alice.id, TEXT, b"a text" * 40)
        more = log.stat().st_size // (PAGE + 24) - pages
        pages += more


REQUESTS = [
    Send("send", TEXT, b"a text" * 40),
    Send("send-piece", PIECE, b"a piece" * 3000),
    Acknowledge("acknowledge", 1, 1),
    Acknowledge("acknowledge-piece", 1, 2),
    Acknowledge("acknowledge-all", 1, 4),
    Send("checkpoint", TEXT, b"a text" * 40, fill_log),
]


def points(stage, calls):
    """(thread, name, number) of those that every run has, and are asked for."""
    steps = {}
    for call in filter(None, (calls or "").split(",")):
        name, _, step = call.partition("/")
        steps[name] = int(step or 1)
    stage.start_over()
    for thread in range(len(threads(stage.relay))):
        least = None
        for _ in range(2):
            answered, _, trace = stage.execute(thread)
            if not answered:
                raise Wrong("undisturbed it is refused")
            seen = collections.Counter(CALL.findall(trace))
            least = seen if least is None else least & seen
        for name, count in least.items():
            step = steps.get(name, 0 if steps else 1)
            for number in range(1, count + 1, step) if step else ():
                yield thread, name, number


def try_point(stage, fault, thread, name, number):
    """Whether it was reached."""
    ends = [-signal.SIGKILL] if fault == KILL else [None, ERR_IO]
    for _ in range(TRIES):
        answered, status, trace = stage.execute(
            thread, "-e", f"trace={name}",
            "-e", f"inject={name}:{fault}:when={number}")
        if HIT.search(trace):
            if status not in ends:
                raise Wrong(f"it ended with {status}")
            stage.judge(answered, status)
            return True
    if number == 1 and name not in WAITS:
        raise Wrong("never reached")
    return False


def play(args, request):
    """How many points there were, and how many were not to be had."""
    stage = Stage(pathlib.Path(args.directory), request)
    faults = [f"error={e}" for e in filter(None, args.error.split(","))]
    met = absent = 0
    try:
        for point in list(points(stage, args.calls)):
            for fault in faults or [KILL]:
                try:
                    reached = try_point(stage, fault, *point)
                except (Wrong, Gone) as e:
                    raise Wrong(f"{request.name}, thread {point[0]}, {point[1]}"
                                f" {point[2]}, {fault}: {e}") from e
                met, absent = met + reached, absent + (not reached)
    finally:
        if stage.relay.process.poll() is None:
            stage.relay.kill()
    if met <= absent:
        raise Wrong(f"{request.name}: {absent} of {met + absent} not reached")
    return met, absent


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--error", default="")
    parser.add_argument("--calls")
    parser.add_argument("--request", default=",".join(
        request.name for request in REQUESTS))
    parser.add_argument("directory")
    args = parser.parse_args()
    # a leak checker cannot work under another tracer
    os.environ["ASAN_OPTIONS"] = (
        os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0")
    told = {}
    try:
        for request in REQUESTS:
            if request.name in args.request.split(","):
                told[request.name] = play(args, request)
    except Wrong as e:
        sys.exit(f"wrong: {e}")
    print(json.dumps(told))


if __name__ == "__main__":
    main()
