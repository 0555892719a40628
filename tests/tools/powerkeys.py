#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
"""Power cuts of the machine that alice's and bob's key files are on.

  powerkeys.py [--cuts N] [--seed N] [--synchronous LEVEL] DIRECTORY

The commands of a conversation are run, and what they do to their files is
logged (tests/preload/power.c).  Then the power is cut at N places of the log:
what is left of their files (power.py has the model) is given to the same
commands, with the relay as it was when all that had been sent had come.

  Both key files open, are sound, and have all that a command which ended has
  told.  What was accepted is printed once; again only when the command that
  printed it did not come to its end, and then marked.  What was printed is
  never lost, a received file lies where it was said to.  No nonce and no
  message key is used for two contents, of all that was ever sent.  Both go on
  talking.

--synchronous gives SQLite another level than the commands ask for, and ends
with the first cut that loses anything.  Prints one JSON line; the status is 1
when anything was lost or unsound.  $SENTINEL_BIN holds the commands,
$SENTINEL_TOOLS the library and the relay with a tape.
"""
import argparse
import hashlib
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import tempfile

from power import (PRINT, RENAME, SEND, Attic, Chance, Disk, Log, choose,
                   generator)
from relay import BIN, Gone, Relay, Wrong

TOOLS = pathlib.Path(os.environ["SENTINEL_TOOLS"])
TIMEOUT = 60            # seconds a command
NOWHERE = "127.0.0.1:1"
WHOLE = 20              # records from there to the name of a file
FILE_SIZE = 600000
ROUNDS = 3
# of contents: what may be said once under one of them, what must differ
ONCE = {1: (slice(0, 20), slice(0, 0)), 2: (slice(0, 20), slice(0, 0)),
        3: (slice(0, 52), slice(52, 76)), 4: (slice(28, 52), slice(28, 52))}


class Command:
    """One that has run: what it printed, and in which places of the log."""

    def __init__(self, who, arguments, pid, status, out, err):
        self.who, self.arguments, self.pid = who, arguments, pid
        self.status, self.err = status, err
        self.records = [json.loads(line) for line in out.splitlines()]
        self.ends = [sum(len(line) for line in
                         out.splitlines(True)[:n + 1]) for n in
                     range(len(self.records))]
        self.begin = self.end = 0
        self.told = []          # a place for each record
        self.effects = []       # (who, peer, field, value)
        self.sent = 0           # contents on the tape, afterwards

    def locate(self, log):
        own = [(n, r) for n, r in enumerate(log) if r.pid == self.pid]
        if not own:
            return
        self.begin, self.end = own[0][0], own[-1][0]
        printed = 0
        for n, r in own:
            printed += r.len if r.op == PRINT else 0
            while len(self.told) < len(self.ends) and \
                    printed >= self.ends[len(self.told)]:
                self.told.append(n)


class Stage:
    """Two people's files and a relay, below one directory."""

    def __init__(self, top, environment):
        self.top = top
        self.environment = {**os.environ, **environment}
        self.relay = Relay(top / "relay", options=("--min-free", "0"),
                           program=TOOLS / "evilrelay")
        self.tape = top / "relay" / "tape"
        self.files = top / "people"

    def start(self):
        self.relay.start(
            "env", *(f"{k}={v}" for k, v in self.environment.items()
                     if k == "LD_PRELOAD" or k.startswith("POWER")),
            f"EVIL_TAPE={self.tape}", "EVIL_LIES=/dev/null")

    def key(self, who):
        return self.files / who / f"{who}.key"

    def run(self, who, tool, *arguments, also=()):
        """Any status is fine, but what they do not know of."""
        with subprocess.Popen(
                [BIN / f"sentinel-{tool}", *arguments, "-k", self.key(who)],
                env={"SENTINEL_RELAY": self.relay.address,
                     **self.environment}, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            out, err = process.communicate(timeout=TIMEOUT)
        done = Command(who, (tool, *arguments), process.pid,
                       process.returncode, out, err)
        if done.status not in (0, *also):
            raise Wrong(f"{who}: {tool} {' '.join(map(str, arguments))} ended "
                        f"with {done.status}: {err.decode()[-300:]}")
        return done

    def contents(self):
        """(type, content) of all that the relay took."""
        if not self.tape.exists():
            return []
        lines = [line.split() for line in self.tape.read_text().splitlines()]
        return [(int(type_), bytes.fromhex("".join(content)))
                for _, _, type_, *content in lines]

    def waiting(self):
        """The same of what the relay, which does not run, has."""
        store = self.top / "relay" / "relay.db"
        if not store.exists():
            return []
        with sqlite3.connect(store) as db:
            found = db.execute("SELECT type, content FROM messages"
                               " WHERE type < 4").fetchall()
        db.close()
        return found


class Play:
    """The conversation, with what each command leaves in a key file."""

    def __init__(self, stage, data):
        self.stage = stage
        self.data = data
        self.commands = []
        self.ids = {}

    def do(self, who, *arguments, effects=(), stdin=None):
        done = self.stage.run(who, *arguments)
        done.effects = [(who, *e) for e in effects]
        done.sent = len(self.stage.contents())
        self.commands.append(done)
        return done

    def register(self, who):
        record, = self.do(who, "register", who).records
        self.ids[who] = record["id"]
        self.commands[-1].effects = [
            (who, None, "fingerprint", record["fingerprint"])]

    def fetch(self, who, peer):
        self.do(who, "keys", "fetch", self.ids[peer],
                effects=[(peer, "id", self.ids[peer])])

    def shake_hands(self):
        self.fetch("alice", "bob")
        self.do("alice", "keys", "request", "bob")
        self.do("bob", "pull")
        self.fetch("bob", "alice")
        self.do("bob", "keys", "send", "alice")
        self.do("alice", "pull")
        self.do("alice", "keys", "send", "bob",
                effects=[("bob", "session", "established")])
        self.do("bob", "pull", effects=[("alice", "session", "established")])

    def talk(self, n):
        self.do("alice", "send", "bob", "-m", f"alice {n} a")
        self.do("alice", "send", "bob", "-m", f"alice {n} b")
        self.do("bob", "send", "alice", "-m", f"bob {n}")
        self.do("bob", "pull")
        self.do("alice", "send", "--queue", "bob", "-m", f"alice {n} queued",
                "-r", self.stage.relay.address.partition("@")[0] + "@" +
                NOWHERE, "--timeout", "0.05")
        self.do("alice", "pull")
        self.do("alice", "keys", "alias", "bob", f"bob{n}",
                effects=[("bob", "alias", f"bob{n}")])
        self.do("bob", "pull")

    def verify(self):
        number = self.stage.run("bob", "keys", "fingerprint", "alice",
                                ).records[0]["safety_number"]
        self.do("bob", "keys", "verify", "alice", number,
                effects=[("alice", "verified", True)])

    def all(self):
        self.register("alice")
        self.register("bob")
        self.shake_hands()
        for n in range(ROUNDS):
            self.talk(n)
        self.verify()
        self.do("alice", "sendfile", "bob", self.data)
        self.do("bob", "pull", "-o", self.stage.files / "bob" / "in")
        self.do("alice", "keys", "rotate")
        self.commands[-1].effects = [(
            "alice", None, "issued_at",
            self.commands[-1].records[0]["issued_at"])]
        self.talk(ROUNDS)


def subjects(command):
    """(place, what was said) of each record, and whether to oneself."""
    for n, record in enumerate(command.records):
        place = command.told[n] if command.told else 0
        if record["type"] == "undecryptable":
            raise Wrong(f"{command.who} has {record}")
        if record["type"] == "message":
            yield place, record["body"], record
        elif record["type"] == "file":
            yield place, record["blake2b"], record
        elif record["type"] == "file_sent":
            yield place, record["blake2b"], record
        elif record["type"] == "sent":
            yield place, command.arguments[command.arguments.index("-m") + 1], \
                record


class Look:
    """At what one cut has left, by going on with it."""

    def __init__(self, stage, play, cut):
        self.stage = stage
        self.play = play
        self.cut = cut
        self.ids = dict(play.ids)
        self.lost = []          # what
        self.after = []         # commands
        self.before = [c for c in play.commands if c.begin < cut]

    def do(self, who, *arguments, also=()):
        done = self.stage.run(who, *arguments, also=also)
        self.after.append(done)
        return done

    # --- the key files ---

    def sound(self, who):
        """Of a copy, for a look would finish what the cut has left."""
        path = self.stage.key(who)
        if not path.exists():
            return
        with tempfile.TemporaryDirectory() as copy:
            for file in path.parent.glob(path.name + "*"):
                shutil.copy(file, copy)
            with sqlite3.connect(f"{copy}/{path.name}") as db:
                found = db.execute("PRAGMA integrity_check").fetchall()
            db.close()
        if found != [("ok",)]:
            raise Wrong(f"{path.name}: {found}")

    def registered(self, who):
        """A key file that is not there was never told of."""
        done = self.do(who, "register", who)
        if done.records[0]["id"] != self.ids[who] and any(
                c.arguments == ("register", who) and c.told[0] < self.cut
                for c in self.before):
            self.lost.append(f"the key file of {who}")
        self.ids[who] = done.records[0]["id"]

    def effects(self):
        """What the last command that ended told, or one that did not."""
        fine = {}
        for command in self.before:
            for who, peer, field, value in command.effects:
                known = fine.setdefault((who, peer), {})
                if command.end < self.cut:
                    known[field] = [value]
                elif field in known:
                    known[field].append(value)
        for (who, peer), known in fine.items():
            peer = [self.ids[peer]] if peer else []
            shown = self.do(who, "keys", "show", *peer, also=(20,)).records
            self.lost += [f"{who} {field}: {values}"
                          for field, values in known.items()
                          if not shown or shown[0].get(field) not in values]

    # --- messages ---

    def pull(self, who):
        return self.do(who, "pull", "-o", self.stage.files / who / "in")

    def session(self, who, peer):
        shown = self.do(who, "keys", "show", self.ids[peer]).records
        return shown[0]["session"] == "established"

    def shake_hands(self):
        """As far as it is not done."""
        a, b = self.ids["alice"], self.ids["bob"]
        self.do("alice", "keys", "fetch", b)
        self.do("bob", "keys", "fetch", a)
        self.pull("alice")
        self.pull("bob")
        if self.session("alice", "bob") and self.session("bob", "alice"):
            return
        if not self.session("alice", "bob"):
            self.do("alice", "keys", "request", b)
            self.pull("bob")
            self.do("bob", "keys", "send", a, also=(21,))
            self.pull("alice")
        self.do("alice", "keys", "send", b, also=(21,))
        self.pull("bob")
        if not self.session("alice", "bob") or not self.session("bob", "alice"):
            raise Wrong("no session comes about")

    def goes_on(self):
        for who, peer in (("alice", "bob"), ("bob", "alice")):
            done = self.do(who, "send", self.ids[peer], "-m", f"{who} now")
            if done.records[0]["status"] != "accepted":
                raise Wrong(f"{done.records}")
        for who, peer in (("alice", "bob"), ("bob", "alice")):
            if f"{peer} now" not in [s for _, s, _ in
                                     subjects(self.pull(who))]:
                raise Wrong("what is sent now does not come")

    def let_go(self):
        """What somebody had sealed is sent when he has surely died: after
        twice the timeout, which is taken from its time."""
        for who in ("alice", "bob"):
            if self.do(who, "status").records[0]["outbox"]["sealed"]:
                with sqlite3.connect(self.stage.key(who)) as db:
                    db.execute("UPDATE outbox SET at = at - 4100")
                db.close()
                self.do(who, "pull", "--timeout", "2")
                self.pull("alice")
                self.pull("bob")

    def judge(self, who, peer):
        """What was said to somebody: printed before, or now, and how."""
        pulls = [c for c in self.before if c.who == who
                 and c.arguments[0] == "pull"]
        printed = {s: (place, c.end) for c in pulls
                   for place, s, _ in subjects(c) if place < self.cut}
        said = {s: place for c in self.before if c.who == peer
                and c.arguments[0] != "pull" for place, s, _ in subjects(c)}
        now = [(s, r) for c in self.after if c.who == who
               and c.arguments[0] == "pull" for _, s, r in subjects(c)]
        seen = set()
        for s, record in now:
            if s in seen:
                raise Wrong(f"{s} is printed twice")
            seen.add(s)
            if s not in said and s != f"{peer} now":
                raise Wrong(f"{s} was not sent")
            place, end = printed.get(s, (None, None))
            if place is not None and (end < self.cut or
                                      not record.get("redelivered")):
                raise Wrong(f"{s} is printed again")
        self.lost += [f"{s} for {who}" for s, place in said.items()
                      if place < self.cut and s not in seen
                      and s not in printed]

    def received(self):
        """A file that was told of is there."""
        for c in self.before:
            for place, _, record in subjects(c):
                if record["type"] == "file" and place < self.cut \
                        and not lies_there(record):
                    self.lost.append(record["path"])

    # --- keys ---

    def used_once(self, contents):
        """No nonce and no message key for two contents."""
        keys, nonces = {}, {}
        for type_, content in contents:
            key, nonce = (content[part] for part in ONCE[type_])
            if keys.setdefault((type_, key), content) != content:
                raise Wrong(f"a key of type {type_} is used twice")
            if nonce and nonces.setdefault(nonce, content) != content:
                raise Wrong(f"a nonce of type {type_} is used twice")

    def all(self):
        ended = [c.sent for c in self.before if c.end < self.cut]
        contents = self.play.contents[:max(ended, default=0)] \
            + self.stage.waiting()
        for who in ("alice", "bob"):
            self.sound(who)
        self.stage.start()
        for who in ("alice", "bob"):
            self.registered(who)
            self.do(who, "status", "--check")
        self.effects()
        self.received()
        self.shake_hands()
        self.goes_on()
        self.let_go()
        self.judge("alice", "bob")
        self.judge("bob", "alice")
        self.used_once(contents + self.stage.contents())


def lies_there(record):
    path = pathlib.Path(record["path"])
    return path.exists() and hashlib.blake2b(
        path.read_bytes(), digest_size=32).hexdigest() == record["blake2b"]


def perform(top, log, data):
    """The play, located in the log, and the disk before it."""
    for name in ("people", "relay"):
        (top / name).mkdir(parents=True)
    disks = [(Disk(top), Disk(top)) for _ in range(3)]
    stage = Stage(top, log.environment)
    play = Play(stage, data)
    try:
        stage.start()
        play.all()
        play.contents = stage.contents()
        relay = stage.relay.pid
    finally:
        stage.relay.end()
    records = log.read()
    for command in play.commands:
        command.locate(records)
    return play, records, relay, disks


class Cuts:
    """All of them."""

    def __init__(self, directory, play, records, relay):
        self.directory = directory
        self.top = directory / "run"
        self.play = play
        self.records = records
        self.relay = relay
        self.attic = Attic(directory / "attic", self.top)
        self.lost, self.unsound = [], []

    def choose(self, count, rng):
        """The relay keeps its power.  A cut before a received file has its
        name may cost it its number, so that these come last, and before them
        those just before that, which need it."""
        cuts = choose(self.records, count, rng,
                      lambda r: r.pid != self.relay)
        named = next(n for n, r in enumerate(self.records) if r.op == RENAME)
        return [[c for c in cuts if first < c <= last] for first, last in (
            (named, len(self.records)), (named - WHOLE, named),
            (-1, named - WHOLE))]

    def try_all(self, cuts, people, rest, rng):
        for cut in cuts:
            people.replay(self.records, cut)
            rest.replay(self.records, arrived(self.records, cut, self.relay))
            self.top.mkdir()
            people.put(self.top / "people", Chance(rng), "people", self.attic)
            rest.put(self.top / "relay", None, "relay")
            self.look(cut)
            self.attic.clear(self.top)

    def look(self, cut):
        look = Look(Stage(self.top, {}), self.play, cut)
        try:
            look.all()
        except (Wrong, Gone, sqlite3.Error) as e:
            self.unsound.append(f"cut at {cut}: {e}")
        finally:
            look.stage.relay.end()
        self.lost += [f"cut at {cut}: lost: {what}" for what in look.lost]


def run(args, directory):
    data = directory / "data"
    data.write_bytes(generator(args.seed).randbytes(FILE_SIZE))
    log = Log(directory / "log", TOOLS / "power.so", args.synchronous)
    play, records, relay, disks = perform(directory / "run", log, data)
    cuts = Cuts(directory, play, records, relay)
    rng = generator(args.seed)
    for some, (people, rest) in zip(cuts.choose(args.cuts, rng), disks):
        cuts.try_all(some, people, rest, rng)
        if args.synchronous and cuts.lost:
            break               # which is all that the control is to show
    print(*cuts.lost, *cuts.unsound, sep="\n", file=sys.stderr)
    print(json.dumps({
        "cuts": args.cuts, "records": len(records),
        "commands": len(play.commands), "lost": len(cuts.lost),
        "unsound": len(cuts.unsound)}))
    return 1 if cuts.lost or cuts.unsound else 0


def arrived(records, cut, relay):
    """Where all that was sent before the cut has come, and nothing else."""
    while cut < len(records) and not (records[cut].op == SEND
                                      and records[cut].pid != relay):
        cut += 1
    return cut


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cuts", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--synchronous")
    parser.add_argument("directory")
    args = parser.parse_args()
    try:
        sys.exit(run(args, pathlib.Path(args.directory)))
    except (Wrong, Gone) as e:
        sys.exit(f"wrong: {e}")


if __name__ == "__main__":
    main()
