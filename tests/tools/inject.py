#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
"""Kill or fail a command at each of its system calls in turn, for tests.

  inject.py [--error ERRNO,...] [--calls CALL[/STEP],...] [--stdin FILE]
            [--drain LINE] BEFORE AFTER COMMAND...
  inject.py --memory STEP [--stdin FILE] [--drain LINE] BEFORE AFTER COMMAND...

Records the system calls of COMMAND under strace(1), then runs it once for
each of them.  It is killed when it enters that call; with --error the call is
not made and fails so, with each of the errors in a run of its own.  BEFORE and
AFTER are lines for bash: BEFORE restores what the command finds, AFTER must
succeed, also after the undisturbed command.  AFTER finds in its environment

  POINT     the call, as "pwrite64 3": the third of that name; or "none"
  STATUS    how the command ended
  OUT, ERR  files with what it printed
  TRACE     a file with its sendto calls and those of that name (strace -y)

and both find RUN, which also stands for {run} in COMMAND.

A command has a hundred calls between two commits, and what it leaves behind is
the same at each.  So with --drain AFTER is asked once about equal remains
(remains.py) that the command ended with in the same way; of the others what
waits at the relay goes with LINE, as AFTER would have it go.  A journal that is
to be undone is undone in a copy, and what is left then counts.

With --calls only these calls count, of the /STEP ones the first and then every
STEPth.  Without it a kill before a call counts for the kill after it as well,
where the call changes nothing that outlives the process (INWARD).

A point that a run did not reach is tried again, for timing moves a few.  How
often a command waits for a stream and reads from it depends on the pieces in
which that arrives: of those calls a later one may stay away for good, and is
counted as absent.  The first point that fails is told, and ends it with
status 1.

With --memory nothing is traced.  There is no memory the first time that COMMAND
asks for some, and then every STEPth, until it asks no more often (memory.c in
tests/preload): once, and in a run of its own from then on.  POINT is then "memory 3"
or "memory 3 on", and STATUS must be 0, 1 or, of many, 3.
"""
import argparse
import collections
import os
import re
import select
import shlex
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from remains import Remains, plain

TRIES = 8               # to reach a point
TIMEOUT = 60            # seconds a run
ARRIVAL = {"recvfrom", "poll", "ppoll"}
NEVER = "never reached"
# how often, first and last failure, process, how much was sent
ASKED = struct.Struct("=QQQQQ")
EVER = 2**64 - 1
SETTLE = 0.03           # seconds, for what a relay writes that nobody awaits
CALL = re.compile(r"^(\w+)\(", re.MULTILINE)
HIT = re.compile(r"\(INJECTED\)$|\+\+\+ killed by SIGKILL", re.MULTILINE)
# what changes nothing outside of the process, and waits for nobody
INWARD = frozenset("""access arch_prctl brk clock_gettime faccessat2 fcntl
    flock fstat getcwd getegid geteuid getgid getpid getrandom getsockopt
    gettid getuid lseek madvise mlock mlock2 mmap mprotect munlock munmap
    newfstatat prctl pread64 prlimit64 read rseq rt_sigaction
    rt_sigprocmask set_robust_list set_tid_address setsockopt socket statx
    uname""".split())
NUMBER = re.compile(rb"socket:|\d+")      # of a file that has no other name
# a call's name, file and result
RESULT = re.compile(rb"^(\w+)\(\d+<([^>]*)>.* = (-?\d+.*)$", re.MULTILINE)
# a bash for each line costs more than most lines do: one forks for each
SHELL = """
while IFS= read -r line; do
    (
        set -eE -o pipefail
        trap 'echo "failed: $BASH_COMMAND"' ERR
        eval "$line"
    ) </dev/null >"$SAID" 2>&1
    echo $?
done
"""


class Shell:
    """Runs lines of bash, each for itself."""

    def __init__(self, said, environment):
        self.said = said
        # pylint: disable-next=consider-using-with
        self.bash = subprocess.Popen(
            ["bash", "-c", SHELL], env={**environment, "SAID": said},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def run(self, line, **variables):
        """None when it succeeds, else what it said."""
        given = "".join(f"export {name}={shlex.quote(value)}; "
                        for name, value in variables.items())
        self.bash.stdin.write(f"{given}{line}\n".encode())
        self.bash.stdin.flush()
        if not select.select([self.bash.stdout], [], [], TIMEOUT)[0]:
            self.bash.kill()
            sys.exit(f"no end: {line}")
        status = int(self.bash.stdout.readline())
        if status == 0:
            return None
        with open(self.said, encoding="utf-8", errors="replace") as said:
            return f"{status}\n{said.read()}"


class Injector:
    """Runs a command once for each point.

    Most points change no file: BEFORE has nothing to restore then, and AFTER
    is not asked twice about the same end.
    """

    def __init__(self, args):
        self.args = args
        self.run = 0
        self.found, self.untouched = None, False
        self.passed = set()
        self.asked = 0
        self.directory = tempfile.TemporaryDirectory()
        base = os.path.join(self.directory.name, "")
        self.out, self.err, self.trace = base + "o", base + "e", base + "t"
        # a leak checker cannot work under another tracer
        leaks = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
        self.environment = {**os.environ, "ASAN_OPTIONS": leaks,
                            "OUT": self.out, "ERR": self.err,
                            "TRACE": self.trace}
        self.shell = Shell(base + "s", self.environment)

    def remains(self):
        return Remains(os.environ["BATS_TEST_TMPDIR"])

    def start_over(self):
        if self.untouched:
            return
        self.run += 1
        trouble = self.shell.run(self.args.before, RUN=str(self.run))
        if trouble:
            sys.exit(f"before the command: {trouble}")
        self.found = self.remains()

    def spawn(self, *tracer, **more):
        """The status of the command, from the start."""
        self.start_over()
        command = [a.replace("{run}", str(self.run))
                   for a in self.args.command]
        with open(self.out, "wb") as out, open(self.err, "wb") as err, \
                open(self.args.stdin, "rb") as given, \
                subprocess.Popen([*tracer, *command], stdin=given, stdout=out,
                                 stderr=err,
                                 env={**self.environment, **more}) as process:
            # wait(TIMEOUT) would look each 50 ms
            ended = os.pidfd_open(process.pid)
            if not select.select([ended], [], [], TIMEOUT)[0]:
                process.kill()
                sys.exit(f"no end: {command}")
            os.close(ended)
        return process.returncode

    def execute(self, *options):
        """The status of a run from the start, and its trace."""
        status = self.spawn("strace", "-y", "-o", self.trace, *options)
        with open(self.trace, encoding="ascii", errors="replace") as f:
            return status, f.read()

    def end(self, status, trace):
        """How the command ended, as far as AFTER can tell."""
        out, err = Path(self.out).read_bytes(), Path(self.err).read_bytes()
        for argument in self.args.command:
            given = argument.replace("{run}", str(self.run))
            out = out.replace(given.encode(), argument.encode())
        failed = trace.find(b"(INJECTED)")
        begin = trace.rfind(b"\n", 0, failed) + 1 if failed >= 0 else len(trace)
        calls = [(name, NUMBER.sub(b"#", path.rpartition(b"/")[2]), result)
                 for name, path, result in RESULT.findall(trace, begin)]
        return status, plain(out), plain(err), tuple(calls)

    def after(self, point, status):
        """None when it went well, else what was wrong."""
        trace = Path(self.trace).read_bytes()
        sent = b"sendto(" in trace
        if sent:
            time.sleep(SETTLE)
        remains = self.remains()
        changes = remains.changes(self.found)
        end = self.end(status, trace), changes
        self.untouched = changes == () and not sent
        if end in self.passed and self.untouched:
            return None
        if end in self.passed and self.args.drain:
            return self.shell.run(self.args.drain) if remains.waits() else None
        self.asked += 1
        self.untouched = False
        trouble = self.shell.run(self.args.after, RUN=str(self.run),
                                 POINT=point, STATUS=str(status))
        if changes is not None and not trouble:
            self.passed.add(end)
        return trouble

    def record(self):
        """The system calls of the command, in order, by name."""
        status, trace = self.execute()
        trouble = self.after("none", status)
        if trouble or status != 0:
            sys.exit(f"undisturbed it ends with {status}: {trouble}")
        return CALL.findall(trace)

    def points(self):
        """(name, number) of those that every run has, and are asked for."""
        steps = {}
        for call in filter(None, (self.args.calls or "").split(",")):
            name, _, step = call.partition("/")
            steps[name] = int(step or 1)
        least = collections.Counter(self.record())
        calls = self.record()
        least &= collections.Counter(calls)
        seen = collections.Counter()
        due = True
        for name in calls:
            seen[name] += 1
            wanted = self.args.error or due
            if steps:
                step = steps.get(name)
                wanted = step and (seen[name] - 1) % step == 0
            if wanted and name != "execve" and seen[name] <= least[name]:
                yield name, seen[name]
                due = False
            due = due or name not in INWARD

    def try_point(self, fault, name, number):
        """None when it went well, else what was wrong."""
        for _ in range(TRIES):
            status, trace = self.execute(
                "-e", f"trace={name},sendto",
                "-e", f"inject={name}:{fault}:when={number}")
            hit = HIT.search(trace)
            trouble = self.after(f"{name} {number}" if hit else "none", status)
            if hit or trouble:
                return trouble
        return NEVER


class Memory(Injector):
    """The same for requests of memory, which are not system calls."""

    def __init__(self, args):
        super().__init__(args)
        self.shared = os.path.join(self.directory.name, "m")
        with open(self.trace, "wb"):
            pass

    def execute(self, first, last):
        """The status of a run from the start, and how often it asked."""
        with open(self.shared, "wb") as shared:
            shared.write(ASKED.pack(0, first, last, 0, 0))
        library = os.path.join(os.environ["SENTINEL_TOOLS"], "memory.so")
        status = self.spawn(LD_PRELOAD=library, TEST_MEMORY=self.shared)
        with open(self.shared, "rb") as shared:
            asked, *_, sent = ASKED.unpack(shared.read())
        if sent:
            time.sleep(SETTLE)
        return status, asked

    def play(self, first, last):
        """Whether it asked that often."""
        status, asked = self.execute(first, last)
        with open(self.err, encoding="utf-8", errors="replace") as err:
            said = err.read()
        # a sanitizer itself has no memory to go on: as if it were killed
        killed = status == 99 and "AsanThread::ThreadStart" in said
        status = -9 if killed else status
        on = " on" if last == EVER else ""
        trouble = self.after(f"memory {first}{on}", status)
        if not killed and (status not in (0, 1, 3) or
                           asked < first and status != 0):
            trouble = f"ended with {status}"
        if trouble:
            sys.exit(f"memory {first}{on}: {trouble}{said}")
        return asked >= first

    def play_all(self):
        """How many points there were."""
        for last in None, EVER:
            first = 1
            while self.play(first, last or first):
                first += self.args.memory
        return first // self.args.memory * 2


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--error", default="")
    parser.add_argument("--calls")
    parser.add_argument("--memory", type=int)
    parser.add_argument("--stdin", default=os.devnull)
    parser.add_argument("--drain")
    parser.add_argument("before")
    parser.add_argument("after")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    return parser.parse_args()


def main():
    args = arguments()
    if args.memory:
        memory = Memory(args)
        print(f"{memory.play_all()} points, {memory.asked} asked")
        return
    injector = Injector(args)
    faults = [f"error={e}" for e in filter(None, args.error.split(","))]
    met = absent = 0
    for name, number in injector.points():
        for fault in faults or ["signal=KILL"]:
            trouble = injector.try_point(fault, name, number)
            if trouble == NEVER and name in ARRIVAL and number > 1:
                absent += 1
            elif trouble:
                sys.exit(f"{name} {number}, {fault}: {trouble}")
            else:
                met += 1
    print(f"{met} points, {absent} absent, {injector.asked} asked")
    sys.exit(met <= absent)


main()
