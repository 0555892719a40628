#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
"""Kill a relay, or fail a call of it, at each system call of one request.

  crashpoints.py [--error ERRNO,...] [--calls CALL[/STEP],...]
                 [--request NAME,...]

A request is recorded under strace(1): what it writes must be synced before it
is answered.  Then it is made once for each of the system calls of each thread
of the relay, always of a relay that has just begun with the same store.  It is
killed when it enters that call; with --error the call is not made and fails
so.  With --calls only these count, of the /STEP ones the first and then every
STEPth.

An answered send is in the mailbox, one without an answer is there or not; an
acknowledgement is done wholly or not at all; the rest of the mailbox stays as
it was, the store is sound, and a relay that was not killed serves on, as it
must without space, or ends with 34; what it could not sync it does not sync
again.  Then the same request is done as if nothing had been, and nothing is
left.

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
import tempfile

from relay import FULL, Gone, Person, Relay, Wrong

ALL = "all"             # threads
TRIES = 8               # to reach a point
ERR_IO = 34
KILL = "signal=KILL"
DURABLE = {"pwrite64", "fdatasync", "fsync"}
WAITS = {"recvfrom", "epoll_wait", "futex", "read", "write"}
CALL = re.compile(r"^(\d*) *(\w+)\((?!.*<detached \.\.\.>$)", re.MULTILINE)
WRITE = re.compile(r"\bpwrite64\(\d+<(.*?relay\.db(?:-wal|\.files/\d+))>")
FILE = re.compile(r"/relay\.db(-\w+|\.files/\d+)?$")
SYNC = re.compile(r"\bf(?:data)?sync\(\d+<(.*?)>")
KILLED = "+++ killed by SIGKILL"
HIT = re.compile(r"\(INJECTED\)$|" + re.escape(KILLED), re.MULTILINE)
TEXT, PIECE = 3, 4
# what lies in the mailbox before, by id from 1
BEFORE = [(TEXT, b"first" * 50), (PIECE, b"piece" * 4000),
          (PIECE, b"other" * 4000), (TEXT, b"fourth" * 50)]
LOG_PAGES = 8192        # of a log that is worked off
PAGE = 4096


class Tracer:
    """strace(1) on one thread of a process, or on all of it."""

    def __init__(self, relay, thread, *options):
        self.path = relay.directory / "trace"
        whole = ["-f"] if thread == ALL else []
        pid = relay.process.pid if whole else threads(relay)[thread]
        self.process = subprocess.Popen(
            ["strace", "-y", "-o", self.path, *whole, *options,
             "-p", str(pid)],
            stderr=subprocess.PIPE)
        line = self.process.stderr.readline()
        if b"attached" not in line:
            raise Wrong(f"strace: {line}")

    def stop(self, gone):
        """What it has seen; it ends by itself with what it traces."""
        if not gone:
            self.process.send_signal(signal.SIGINT)
        self.process.communicate()
        return read(self.path)


def read(path):
    with open(path, encoding="ascii", errors="replace") as f:
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
        # a call that is not made has the number -1, which none may make
        self.relay = Relay(self.directory, options=(
            "--sandbox", "off", "--min-free", "0"))
        self.log = pathlib.Path(f"{self.relay.store}-wal")
        self.alice = Person(self.relay, "alice")
        self.bob = Person(self.relay, "bob")
        self.relay.start()
        self.alice.register()
        self.bob.register()
        for type_, content in BEFORE:
            self.alice.send(self.bob.id, type_, content)
        self.relay.kill()
        shutil.copytree(self.directory, self.saved)

    def restart(self):
        self.relay.end()
        self.alice.hang_up()
        self.bob.hang_up()
        self.relay.start()
        # what could not be synced there is not built upon
        if self.log.stat().st_size > 0:
            raise Wrong("the log is kept")

    def set_back(self):
        self.relay.end()
        shutil.rmtree(self.directory)
        shutil.copytree(self.saved, self.directory)

    def start_over(self):
        """Both are connected: what is traced is the request alone."""
        self.set_back()
        self.restart()
        self.alice.expect(1102, self.bob.id)
        self.bob.expect(1102, self.alice.id)
        self.request.prepare(self)

    def execute(self, thread, *options):
        """Of the request and one more: whether it was done (None: no answer),
        how the relay has ended (None: it serves), and the trace."""
        if self.request.is_start:
            return self.execute_start(*options)
        self.start_over()
        tracer = Tracer(self.relay, thread, *options)
        done = None
        try:
            done = self.request.ask(self)
        except Gone:
            pass
        # all that follows the answer is over with another one
        status = self.status()
        trace = tracer.stop(status is not None)
        if KILLED in trace and status is None:
            status = self.relay.wait()
        return done, status, trace

    def execute_start(self, *options):
        """The same of a relay that starts; it serves no longer than that."""
        self.set_back()
        trace, done = self.directory / "trace", None
        try:
            self.relay.start("strace", "-f", "-y", "-o", trace, *options)
            self.relay.kill()
            done = True
        except Gone:
            pass
        return done, self.relay.process.returncode, read(trace)

    def status(self):
        """None: it serves; or how it has ended."""
        for _ in range(2):      # one channel may have been its victim
            try:
                self.alice.expect(1102, self.bob.id)
                return None
            except Gone:
                pass
        return self.relay.wait()

    def count(self):
        """How often the request has come about; the rest is as it was."""
        items = self.bob.pull_all()
        return self.request.count({id_: (type_, content)
                                   for id_, _, type_, content in items})

    def judge(self, done, status):
        """After a point; the request is made again, and all is taken."""
        possible = [0, 1] if done is None else [int(done)]
        if status is None and self.count() not in possible:
            raise Wrong(f"done: {done}, come about: {self.count()}")
        if status is not None and not done:
            possible = [0, 1]   # busy, for nothing could be said about it
        self.relay.check_store()
        self.restart()
        count = self.count()
        if count not in possible:
            raise Wrong(f"done: {done}, come about: {count}, once restarted")
        if not self.request.ask(self) or \
                self.count() != self.request.again(count):
            raise Wrong("it cannot be made again")
        self.bob.acknowledge(1, 2**32 - 1)
        self.restart()
        left = [item[0] for item in self.bob.pull()] + self.relay.segments()
        if left:
            raise Wrong(f"left: {left}")


class Request:
    """What is asked of the relay, once all is set."""
    is_start = False

    def __init__(self, name):
        self.name = name

    def prepare(self, stage):
        pass


class Send(Request):
    """alice sends to bob."""

    def __init__(self, name, type_, content):
        super().__init__(name)
        self.message = (type_, content)

    def ask(self, stage):
        refused = stage.alice.send(stage.bob.id, *self.message)
        if refused and refused[0] not in FULL:
            raise Wrong(f"refused for {refused[0]}")
        return not refused

    def count(self, box):
        n = len(box) - len(BEFORE)
        if list(box.items()) != list(enumerate(
                BEFORE + [self.message] * n, 1)):
            raise Wrong(f"the mailbox has changed: {sorted(box)}")
        return n

    def again(self, n):
        return n + 1


class SendMany(Send):
    """So many sends at once that a thread is left to sync them."""
    MANY = 16

    def prepare(self, stage):
        stage.bob.send_many(stage.alice.id, [self.message] * self.MANY)

    def ask(self, stage):
        refused = stage.alice.send_many(stage.bob.id,
                                        [self.message] * self.MANY)
        if len(set(map(bool, refused))) > 1:
            raise Wrong(f"some are refused: {refused}")
        if refused[0] and refused[0][0] not in FULL:
            raise Wrong(f"refused for {refused[0]}")
        return not refused[0]

    def count(self, box):
        whole, part = divmod(super().count(box), self.MANY)
        if part:
            raise Wrong(f"{part} of {self.MANY} have come")
        return whole


class Acknowledge(Request):
    """bob acknowledges what he has pulled."""

    def __init__(self, name, first, last):
        super().__init__(name)
        self.range = range(first, last + 1)

    def ask(self, stage):
        return stage.bob.acknowledge(self.range[0], self.range[-1]) is not None

    def count(self, box):
        whole = dict(enumerate(BEFORE, 1))
        rest = {id_: m for id_, m in whole.items() if id_ not in self.range}
        if box not in (whole, rest):
            raise Wrong(f"left of the mailbox: {sorted(box)}")
        return int(box == rest)

    def again(self, n):
        return 1


class Start(Send):
    """Nobody asks for anything, the relay begins with a log."""
    is_start = True

    def ask(self, stage):
        return True

    def count(self, box):
        return super().count(box) == 0

    def again(self, n):
        return n


class Checkpoint(Send):
    """The send that makes the log so long that it is worked off."""

    def prepare(self, stage):
        pages = more = 0
        while pages + more < LOG_PAGES:
            stage.bob.send(stage.alice.id, TEXT, b"a text" * 40)
            more = stage.log.stat().st_size // (PAGE + 24) - pages
            pages += more


REQUESTS = [
    Send("send", TEXT, b"a text" * 40),
    SendMany("send-many", TEXT, b"a text" * 40),
    Send("send-piece", PIECE, b"a piece" * 3000),
    Acknowledge("acknowledge", 1, 1),
    Acknowledge("acknowledge-piece", 1, 2),
    Acknowledge("acknowledge-all", 1, 4),
    Start("start", TEXT, b""),
    Checkpoint("checkpoint", TEXT, b"a text" * 40),
]


def calls_of(trace):
    """How often each call was made, by the thread that made it most often."""
    most = collections.Counter()
    for (_, name), n in collections.Counter(CALL.findall(trace)).items():
        most[name] = max(most[name], n)
    return most


def points(stage, calls, whole):
    """(thread, name, number) of those that every run has, and are asked for."""
    steps = {}
    for call in filter(None, (calls or "").split(",")):
        name, _, step = call.partition("/")
        steps[name] = int(step or 1)
    check_order(stage.execute(ALL)[2])
    if whole or stage.request.is_start:
        ours = [ALL]
    else:
        stage.start_over()
        ours = range(len(threads(stage.relay)))  # before it is asked
    for thread in ours:
        least = None
        for _ in range(2):
            done, _, trace = stage.execute(thread)
            if not done:
                raise Wrong("undisturbed it is refused")
            seen = calls_of(trace)
            least = seen if least is None else least & seen
        begin = re.search(r"openat\(.*relay\.db\"", trace)
        before = calls_of(trace[:begin.start()] if stage.request.is_start
                          else "")
        for name, count in least.items():
            step = steps.get(name, 0 if steps else 1)
            for number in (range(before[name] + 1, count + 1, step)
                           if step else ()):
                yield thread, name, number


def check_order(trace):
    """What a request has written is on the disk before anybody is answered."""
    written, syncing = set(), {}
    for line in trace.splitlines():
        thread, _, call = line.partition(" ")
        if call.lstrip().startswith("sendto(") and written:
            raise Wrong(f"answered before {min(written)} is synced")
        if (match := WRITE.search(call)):
            written.add(match[1])
        if (match := SYNC.search(call)):
            syncing[thread] = match[1]
        if call.endswith(" = 0"):
            written.discard(syncing.pop(thread, None))


def check_syncs(trace):
    """What could not be synced is not synced again.

    Of the directory SQLite does not mind; whoever makes a name in it, does.
    """
    failed = set()
    for line in trace.splitlines():
        for path in filter(FILE.search, SYNC.findall(line)):
            if path in failed:
                raise Wrong(f"{path} is synced again")
            if line.endswith("(INJECTED)"):
                failed.add(path)


def try_point(stage, fault, thread, name, number):
    """Whether it was reached."""
    killed = -signal.SIGKILL
    ends = [killed] if fault == KILL else [None, ERR_IO]
    if (name, fault) == ("pwrite64", "error=ENOSPC"):
        ends = [None]           # that will pass
    if stage.request.is_start:
        ends.append(killed)     # by us, once it had begun
    for _ in range(TRIES):
        done, status, trace = stage.execute(
            thread, "-e", f"trace={name},fsync,fdatasync",
            "-e", f"inject={name}:{fault}:when={number}")
        if HIT.search(trace):
            if status not in ends:
                raise Wrong(f"it ended with {status}")
            if done is None and name in DURABLE and fault != KILL \
                    and not stage.request.is_start:
                raise Wrong("nobody is told")
            check_syncs(trace)
            stage.judge(done, status)
            return True
    if number == 1 and name not in WAITS:
        raise Wrong("never reached")
    return False


def play(args, directory, request):
    """How many points there were, and how many were not to be had."""
    stage = Stage(directory, request)
    faults = [f"error={e}" for e in filter(None, args.error.split(","))]
    met = absent = 0
    try:
        for point in list(points(stage, args.calls, bool(args.error))):
            for fault in faults or [KILL]:
                try:
                    reached = try_point(stage, fault, *point)
                except (Wrong, Gone) as e:
                    raise Wrong(f"{request.name}, thread {point[0]}, {point[1]}"
                                f" {point[2]}, {fault}: {e}") from e
                met, absent = met + reached, absent + (not reached)
    finally:
        stage.relay.end()
    if met <= absent:
        raise Wrong(f"{request.name}: {absent} of {met + absent} not reached")
    return met, absent


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--error", default="")
    parser.add_argument("--calls")
    parser.add_argument("--request", default=",".join(
        request.name for request in REQUESTS))
    args = parser.parse_args()
    # a leak checker cannot work under another tracer
    os.environ["ASAN_OPTIONS"] = (
        os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0")
    told = {}
    with tempfile.TemporaryDirectory() as directory:
        try:
            for request in REQUESTS:
                if request.name in args.request.split(","):
                    told[request.name] = play(
                        args, pathlib.Path(directory), request)
        except Wrong as e:
            sys.exit(f"wrong: {e}")
    print(json.dumps(told))


if __name__ == "__main__":
    main()
