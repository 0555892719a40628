#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
"""The ten steps and a message, while something happens to their streams.

  cuts.py cuts [--step NAME] [--stride N]   the stream of each command ends at
                                            each Nth byte, in each direction
  cuts.py flips [--seed N] [--count N]      a bit of it is another one
  cuts.py doubt [--count N]                 the answer to a message is cut
  cuts.py batches [--stride N]              a batch's stream ends, falls silent,
                                            or its relay dies at each Nth byte
  cuts.py modes                             every connection of the session in
                                            each mode of proxy.py

A session of the first two starts from the state before a command: key files
and the relay's store.  The command runs with its first connection mangled and
must succeed wholly or fail in a documented way; then it runs again, and so do
the steps after it, as if nothing had been.  One session cuts every second
step, so that each cut is followed by a command that nobody disturbs.

Prints one JSON line; a case that fails is told on stderr, and the exit status
is 1.  $SENTINEL_BIN holds the commands.
"""
import argparse
import collections
import concurrent.futures
import itertools
import json
import multiprocessing
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

import proxy
from proxy import Proxy, records

BIN = pathlib.Path(os.environ["SENTINEL_BIN"])
TIMEOUT = 2                     # seconds, of each network operation;
IMPATIENT = 0.5                 # where most of them run into it
PATIENCE = 3                    # beyond it a command hangs,
SETTLED = 20                    # or a connection
CUT = (10,)                     # how it may fail when its stream ends,
FLIPPED = (10, 14)              # and when a bit was turned

# name, who, command; {alice} and {bob} are their ids
STEPS = [tuple(line.split(None, 2)) for line in """
register-a  alice  sentinel-register alice
alone       alice  sentinel-clients
register-b  bob    sentinel-register bob
list        alice  sentinel-clients
fetch-a     alice  sentinel-keys fetch {bob}
request     alice  sentinel-keys request {bob}
requested   bob    sentinel-pull -w 1 -n 1 --type key_request
fetch-b     bob    sentinel-keys fetch {alice}
answer      bob    sentinel-keys send {alice}
answered    alice  sentinel-pull -w 1 -n 1 --type key_received
finish      alice  sentinel-keys send {bob}
finished    bob    sentinel-pull -w 1 -n 1 --type key_received
send        alice  sentinel-send bob -m one
send-2      alice  sentinel-send bob -m two
pull        bob    sentinel-pull
rest        alice  sentinel-pull
""".strip().splitlines()]
NAMES = [name for name, _, _ in STEPS]
READS = ("alone", "list")       # change nothing

# what differs from run to run, and what a repetition calls otherwise
VOLATILE = {"fingerprint", "public_key_base64", "issued_at", "keyfile",
            "relay", "seq", "sent_at", "received_at", "first_seen"}
REPEATED = {"already_registered": "registered", "unchanged": "pinned"}


class Wrong(Exception):
    """What must not be."""


Result = collections.namedtuple("Result", "status records error")


class World:
    """Two people, a relay and the proxy between them, in one directory."""

    def __init__(self, directory, timeout=TIMEOUT):
        directory.mkdir()
        self.directory = directory
        self.timeout = timeout
        self.proxy = Proxy()
        self.relay = None
        self.ids = {}
        self.sent = []          # (id, body) of what is on its way to bob

    def start(self):
        self.relay = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", BIN / "sentinel-relay",
             "-l", "127.0.0.1:0", "--store",
             f"sqlite:{self.directory}/relay.db", "--key",
             f"{self.directory}/relay.secret"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        ready = json.loads(self.relay.stdout.readline())
        key, listen = ready["address"].split("@")
        host, port = listen.split(":")
        self.proxy.target = host, int(port)
        self.address = f"{key}@{host}:{self.proxy.port}"

    def stop(self):
        """As a power cut does it."""
        self.relay.kill()
        self.relay.wait()
        self.relay.stdout.close()
        self.relay = None

    def settle(self):
        """Until all connections have ended."""
        until = time.monotonic() + SETTLED
        while not all(c.over.locked() for c in self.proxy.connections):
            if time.monotonic() > until:
                raise Wrong("a connection never ends")
            time.sleep(0.001)

    def leave(self):
        """Until nothing of them can touch the relay."""
        for c in self.proxy.connections:
            if not c.gone.wait(SETTLED):
                raise Wrong("a connection never ends")

    def restore(self, snapshot):
        shutil.rmtree(self.directory)
        shutil.copytree(snapshot.directory, self.directory)
        self.ids = dict(snapshot.ids)
        self.sent = list(snapshot.sent)
        self.start()

    def run(self, step, allowed=(0,), given=b""):
        """One command, judged by itself."""
        _, who, command = step
        words = command.format(**self.ids).split()
        started = time.monotonic()
        try:
            done = subprocess.run(
                [BIN / words[0], *words[1:]], timeout=30, check=False,
                input=given, capture_output=True, env={
                    **os.environ,
                    "SENTINEL_KEYFILE": f"{self.directory}/{who}.key",
                    "SENTINEL_RELAY": self.address,
                    "SENTINEL_TIMEOUT": str(self.timeout)})
        except subprocess.TimeoutExpired:
            raise Wrong("never ends") from None
        if time.monotonic() - started > self.timeout + PATIENCE:
            raise Wrong(f"took {time.monotonic() - started:.1f} s")
        result = Result(done.returncode, lines(done.stdout),
                        (lines(done.stderr) or [{}])[-1])
        if result.status not in allowed:
            raise Wrong(f"status {result.status} {done.stderr.decode()}")
        if result.status and result.error.get("exit_code") != result.status:
            raise Wrong(f"error record {result.error}")
        for record in result.records:
            if record["type"] == "registration":
                self.ids[record["name"]] = record["id"]
            if record["type"] == "sent" and not given:
                self.sent.append((record["id"], words[-1]))
        if result.error.get("in_doubt") and words[0] == "sentinel-send":
            self.sent.append((result.error["id"], words[-1]))
        return result


def lines(output):
    """Whole records, each of which the schemas are to see."""
    if output and not output.endswith(b"\n"):
        raise Wrong(f"half a record: {output[-80:]}")
    if "WITNESS_DIR" in os.environ:
        with open(f"{os.environ['WITNESS_DIR']}/cuts.{os.getpid()}",
                  "ab") as f:
            f.write(output)
    try:
        return [json.loads(line) for line in output.splitlines()]
    except ValueError:
        raise Wrong(f"no records: {output.decode()}") from None


def plain(value, names):
    """What a record says, whoever and whenever it was."""
    if isinstance(value, dict):
        return {k: plain(v, names) for k, v in value.items()
                if k not in VOLATILE and (k != "id" or v in names)}
    if isinstance(value, list):
        return [plain(v, names) for v in value]
    if isinstance(value, str):
        return names.get(value, REPEATED.get(value, value))
    return value


def judge(world, step, results, expected):
    """What a step printed, in all its runs together."""
    name, _, command = step
    names = {i: n for n, i in world.ids.items()}
    if command.startswith("sentinel-pull"):
        printed = [record for result in results for record in result.records
                   if not record.get("redelivered")]
    else:
        printed = results[-1].records
    if name == "pull":
        found = [(r["type"], r.get("seq"), r["id"], r.get("body"))
                 for r in printed]
        expected = [("message", n, *sent) for n, sent in enumerate(world.sent)]
    else:
        found = [plain(r, names) for r in printed]
    if found != expected:
        raise Wrong(f"{name}: prints {found}, not {expected}")


class Snapshot:
    """Before a step: the files; and what the step then should do."""

    def __init__(self, world, directory):
        self.directory = directory
        self.ids = dict(world.ids)
        self.sent = list(world.sent)
        shutil.copytree(world.directory, directory)

    def take(self, world, step):
        world.proxy.mangle()
        result = world.run(step)
        names = {i: n for n, i in world.ids.items()}
        self.expected = [plain(r, names) for r in result.records]
        world.settle()
        self.streams = [bytes(b) for b in world.proxy.connections[0].seen]


def rehearse(directory):
    """All steps as they should be: a snapshot of each."""
    world = World(directory / "rehearsal")
    world.start()
    snapshots = []
    for name, step in zip(NAMES, STEPS):
        world.stop()
        snapshots.append(Snapshot(world, directory / name))
        world.start()
        snapshots[-1].take(world, step)
    world.stop()
    return snapshots


# --- cases, in processes of their own ----------------------------------------

class Stage:
    """Where a process plays its cases."""

    def __init__(self, directory, snapshots):
        self.world = World(directory / str(os.getpid()))
        self.snapshots = snapshots
        self.shown = None       # the read-only step that it is all set for

    def set_up(self, index):
        if self.shown != index:
            if self.world.relay:
                self.world.stop()
            self.world.restore(self.snapshots[index])
        self.shown = index if NAMES[index] in READS else None

    def play(self, session, allowed):
        """The statuses of the mangled runs."""
        first = min(session)
        self.set_up(first)
        if self.shown is not None:
            statuses = [self.play_step(first, session[first], allowed)]
            self.is_unchanged(first)
            return statuses
        statuses = [self.play_step(index, session.get(index), allowed)
                    for index in range(first, len(STEPS))]
        self.is_empty()
        return [statuses[index - first] for index in session]

    def play_step(self, index, modes, allowed):
        """The status of the run, mangled if there are modes."""
        world, step = self.world, STEPS[index]
        if modes:
            world.proxy.mangle(*modes, only=1)
        results = [world.run(step, (0, *allowed) if modes else (0,))]
        world.proxy.mangle()
        if results[0].status:
            results.append(world.run(step))
        judge(world, step, results, self.snapshots[index].expected)
        return results[0].status

    def is_unchanged(self, index):
        name = f"{STEPS[index][1]}.key"
        before, after = ((d / name).read_bytes() for d in (
            self.snapshots[index].directory, self.world.directory))
        if before != after:
            raise Wrong("the key file has changed")

    def is_empty(self):
        """Nothing is left at the relay."""
        self.world.stop()
        with sqlite3.connect(self.world.directory / "relay.db") as db:
            left, = db.execute("SELECT count(*) FROM messages").fetchone()
        db.close()
        if left:
            raise Wrong(f"{left} messages are left at the relay")


def enter(*args):
    global stage
    stage = Stage(*args)


def play(session, allowed):
    """(session, statuses, what was wrong)"""
    try:
        return session, stage.play(session, allowed), None
    except Wrong as e:
        stage.shown = None
        return session, [], str(e)


def play_all(sessions, allowed, directory, snapshots, jobs):
    tally = collections.Counter()
    with concurrent.futures.ProcessPoolExecutor(
            jobs, multiprocessing.get_context("spawn"), enter,
            (directory, snapshots)) as pool:
        for session, statuses, trouble in pool.map(
                play, sessions, itertools.repeat(allowed)):
            tally.update(f"status {status}" for status in statuses)
            if trouble:
                tally["wrong"] += 1
                told = ", ".join(f"{NAMES[index]} {' '.join(modes)}"
                                 for index, modes in session.items())
                print(f"{told}: {trouble}", file=sys.stderr)
    return tally


def share(cases):
    """Sessions: each mangles every second step that changes something, or one
    of the others alone."""
    queues = {index: [] for index in range(len(STEPS))}
    for index, modes in cases:
        queues[index].append((index, modes))
    changing = [q for i, q in queues.items() if NAMES[i] not in READS]
    for index, name in enumerate(NAMES):
        if name in READS:
            yield from ({i: modes} for i, modes in queues[index])
    for parity in 0, 1:
        for row in itertools.zip_longest(*changing[parity::2]):
            yield dict(filter(None, row))


# --- acts ----------------------------------------------------------------------

def cuts(args, directory, snapshots):
    """At each byte of each direction, or at every Nth."""
    cases = [(index, (f"{way}:cut:{at}",))
             for index, snapshot in enumerate(snapshots)
             if not args.step or NAMES[index] in args.step
             for way, stream in zip(("up", "down"), snapshot.streams)
             for at in range(index % args.stride, len(stream), args.stride)]
    return play_all(list(share(cases)), CUT, directory, snapshots, args.jobs)


def flips(args, directory, snapshots):
    """So many bits, drawn from the whole session."""
    drawn = random.Random(args.seed)
    streams = [(index, way, len(stream))
               for index, snapshot in enumerate(snapshots)
               for way, stream in zip(("up", "down"), snapshot.streams)]
    cases = [(index, (f"{way}:flip:{drawn.randrange(size)}:"
                      f"{drawn.randrange(8)}",))
             for index, way, size in drawn.choices(
                 streams, [size for _, _, size in streams], k=args.count)]
    return {"seed": args.seed, **play_all(
        list(share(cases)), FLIPPED, directory, snapshots, args.jobs)}


def doubt(args, directory, snapshots):
    """Anywhere in the answer; the next command delivers, and only once."""
    send, following = (STEPS[NAMES.index(n)] for n in ("send", "send-2"))
    pull = STEPS[NAMES.index("pull")]
    snapshot = snapshots[NAMES.index("send")]
    greeting, answer, *_ = (
        len(r) for _, r in records(iter([snapshot.streams[1]])))
    world = World(directory / "doubt")
    world.restore(snapshot)
    doubted, told = [], collections.Counter()
    for n in range(args.count):
        world.proxy.mangle(f"down:cut:{greeting + n % answer}", only=1)
        error = world.run(send, CUT).error
        doubted += [error["id"]] if error.get("in_doubt") else []
        world.proxy.mangle()
        world.run(following if n % 2 else STEPS[-1])
        told.update(r["id"] for r in world.run(pull).records)
    world.stop()
    return {"cuts": args.count, "in_doubt": len(doubted),
            "once": sum(told[id_] == 1 for id_ in doubted),
            "others": sum(told.values()) - len(doubted)}


BATCH = ("batch", "alice", "sentinel-send -l bob")
LINES = [f"line {n}" for n in range(5)]
GIVEN = "".join(f"{line}\n" for line in LINES).encode()    # read at once


def relay_dies(world):
    """A mode: the relay is killed before this byte, and the stream ends."""
    def die(pieces, offset):
        yield from proxy.cut(pieces, offset)
        world.relay.kill()
        world.relay.wait()
    return die


def same_bytes(world):
    """Messages under one key are one message, and no nonce serves two."""
    with sqlite3.connect(world.directory / "relay.db") as db:
        contents = [bytes(c) for c, in db.execute(
            "SELECT content FROM messages WHERE type = 3")]
    db.close()
    for bounds in ((0, 52), (52, 76)):      # the header; the nonce
        if len({c[slice(*bounds)] for c in contents}) != len(set(contents)):
            raise Wrong("two messages under one key, or under one nonce")


class BatchStage:
    """Where a process plays its batches."""

    def __init__(self, directory, snapshot):
        self.world = World(directory / f"batch-{os.getpid()}", IMPATIENT)
        self.snapshot = snapshot
        proxy.MODES["die"] = relay_dies(self.world)

    def measure(self):
        """The lengths of the streams of a batch that nobody disturbs."""
        world = self.world
        world.restore(self.snapshot)
        world.proxy.mangle()
        world.run(BATCH, given=GIVEN)
        world.settle()
        world.stop()
        return [len(s) for s in world.proxy.connections[0].seen]

    def play(self, spoiled):
        """What was accepted, or may have been, comes once, and in order."""
        world = self.world
        if world.relay:
            world.stop()
        world.restore(self.snapshot)
        world.proxy.mangle(spoiled, only=1)
        first = world.run(BATCH, (0, 3, *CUT), GIVEN)
        told = first.records
        if [r["line"] for r in told] != list(range(1, len(LINES) + 1)):
            raise Wrong(f"records {told}")
        sure = [r["id"] for r in told if "id" in r]
        for r in told:
            if (r["status"] == "failed"
                    and r["error"]["code"] != "relay_unreachable"):
                raise Wrong(f"failed for {r['error']}")
        if len(sure) not in (0, len(LINES)):
            raise Wrong(f"{len(sure)} of them were made")
        if ":die:" in spoiled:
            world.leave()
            world.stop()        # where the client gave up before that byte
            world.start()
        world.proxy.mangle()
        world.run(STEPS[NAMES.index("send-2")])
        world.stop()
        same_bytes(world)
        world.start()
        pulled = world.run(STEPS[NAMES.index("pull")]).records
        if [(r["type"], r.get("seq"), r["id"]) for r in pulled] != [
                ("message", n, i) for n, i in enumerate(
                    [*sure, world.sent[-1][0]])]:
            raise Wrong(f"{sure} were sent, {pulled} came")
        return first.status


def enter_batches(*args):
    global stage
    stage = BatchStage(*args)


def play_batch(spoiled):
    """(status or None, what was wrong)"""
    try:
        return stage.play(spoiled), None
    except Wrong as e:
        return None, f"{spoiled}: {e}"


def batches(args, directory, snapshots):
    """At each byte of a batch's stream, or at every Nth, in turn."""
    snapshot = snapshots[NAMES.index("send")]
    streams = BatchStage(directory, snapshot).measure()
    places = ((way, at) for way, size in zip(("up", "down"), streams)
              for at in range(0, size, args.stride))
    spoiled = [f"{way}:{('cut', 'hush', 'die')[n % 3]}:{at}"
               for n, (way, at) in enumerate(places)]
    tally = collections.Counter()
    # two of three wait for a relay most of the time
    with concurrent.futures.ProcessPoolExecutor(
            2 * args.jobs, multiprocessing.get_context("spawn"),
            enter_batches, (directory, snapshot)) as pool:
        for status, trouble in pool.map(play_batch, spoiled):
            tally["wrong" if trouble else f"status {status}"] += 1
            if trouble:
                print(trouble, file=sys.stderr)
    return tally


def modes(_, directory, snapshots):
    """How far the session goes: the status that ends it, or 0."""
    stream = directory / "stream"
    stream.write_bytes(snapshots[NAMES.index("request")].streams[0])
    tally = {}
    for n, mode in enumerate((
            "both:bytewise", "both:delay:2", "up:drop", "down:drop",
            "up:cut:150", "down:cut:130", "up:reset:150", "down:reset:130",
            "up:flip:150", "down:flip:130", f"up:splice:124:{stream}",
            f"down:splice:114:{stream}", f"up:replay:{stream}",
            f"down:replay:{stream}", "up:drop-record:3", "down:drop-record:2",
            "up:repeat-record:3", "down:repeat-record:2", "up:swap-records:3",
            "down:swap-records:2")):
        world = World(directory / f"mode-{n}", IMPATIENT)
        world.start()
        world.proxy.mangle(mode)
        started = time.monotonic()
        for step, snapshot in zip(STEPS, snapshots):
            result = world.run(step, (0, *FLIPPED))
            if result.status:
                break
            judge(world, step, [result], snapshot.expected)
        world.stop()
        tally[mode.replace(f":{stream}", "")] = [
            result.status, round(time.monotonic() - started, 1)]
    return tally


ACTS = {"cuts": cuts, "flips": flips, "doubt": doubt, "batches": batches,
        "modes": modes}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("act", choices=ACTS)
    parser.add_argument("--step", action="append", choices=NAMES)
    parser.add_argument("--stride", type=int, default=1)
    parser.add_argument("--seed", type=int,
                        default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        tally = ACTS[args.act](args, directory, rehearse(directory))
    print(json.dumps(tally))
    return not tally.get("wrong")


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
