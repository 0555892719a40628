#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
"""What a relay says when something happens between it and PostgreSQL.

  pgfaults.py [--names] CLUSTER PLAY...

CLUSTER is one of pgcluster's; the plays are the functions below that
are registered as such, one after the other on one relay whose connections go
through pgproxy.py.  After each of them a send works again.  In the end what
was acknowledged is in the database, and what was refused is not, but for what
a play says may be.  With --names the relay is told a name, which the play
slow_names keeps it from looking up (tests/preload/names.c).  Prints one JSON line; what is wrong is told on stderr,
with status 1.  $SENTINEL_BIN holds the relay, $SENTINEL_TOOLS the library.
"""
import argparse
import collections
import itertools
import json
import os
import pathlib
import select
import subprocess
import sys
import tempfile
import threading
import time

import pgproxy
from pgproxy import (Column, CutAt, Held, Noted, Refused, StallAt,
                     Uncommitted)
from relay import BUSY, PATIENCE, Gone, Person, Relay, Wrong
from sentinel import REQUEST, VERSION, connect

TEXT = 3
PUT, PULL, GREETING = "sentinel_put", "sentinel_pull", "pg_is_in_recovery"
LISTEN, START = "LISTEN", f"^{pgproxy.START}$"
LINKS = 3                       # connections of a relay
AWAY = 2                        # seconds, then nothing waits any more
ROUNDS = 100                    # of writers
CROWD = 40                      # who send a MiB each: 32 of them may wait
CLUSTER = pathlib.Path(__file__).with_name("pgcluster")
DONE, REFUSED = "acknowledged", "refused"

# of an SQLSTATE: what a send is answered that meets it once, and how many
# connections are made anew
STATES = {
    "40001": (DONE, 0), "40P01": (DONE, 0), "55P03": (DONE, 0),
    "08000": (DONE, 1), "08006": (DONE, 1), "57P01": (DONE, 1),
    "57P02": (DONE, 1), "57P03": (DONE, 1), "57014": (DONE, 1),
    "25006": (DONE, 1),
    "53000": (REFUSED, 0), "53100": (REFUSED, 0), "53200": (REFUSED, 0),
    "53300": (REFUSED, 0),
    "22P02": (REFUSED, 0), "23505": (REFUSED, 0), "42P01": (REFUSED, 0),
    "57000": (REFUSED, 0), "58030": (REFUSED, 0), "XX001": (REFUSED, 0),
}


class Send:
    """Somebody has asked for it, and waits for the answer.

    MORE follows its tag; COPIES, from and to, may be stored if it is in doubt.
    """

    def __init__(self, scene, who=None, more=b"", copies=None):
        self.scene, self.who = scene, who or scene.alice
        self.tag = next(scene.tags)
        scene.copies[self.tag] = copies
        request = Person.message(scene.bob.id, TEXT, self.tag + more)
        with self.who.trouble():
            self.who.channel.send_frame(REQUEST.pack(
                self.who.id, VERSION, 1103, len(request)) + request)

    def is_answered(self):
        return bool(select.select([self.who.channel.socket], [], [], 0)[0])

    def answer(self):
        with self.who.trouble():
            refused = Person.was_sent(*self.who.channel.reply())
        if refused and refused[0] != BUSY:
            raise Wrong(f"refused for {refused}")
        answer = REFUSED if refused else DONE
        self.scene.answers[self.tag] = answer
        self.scene.counts[answer] += 1
        return answer

    def has(self, wanted, what):
        answer = self.answer()
        if answer != wanted:
            raise Wrong(f"{what}: {answer}")


class Waiting(threading.Thread):
    """A pull that waits for a message."""

    def __init__(self, who):
        super().__init__(daemon=True)
        self.who, self.items = who, None
        self.start()

    def run(self):
        self.items = self.who.pull(0, 1000 * PATIENCE)


class Scene:
    """A relay behind a proxy, and people who send."""

    def __init__(self, cluster, directory, names=False):
        self.cluster = cluster
        self.proxy = pgproxy.Proxy(cluster, None if names else directory)
        where = f"host={directory}"
        self.tracer = []
        self.slow = pathlib.Path(directory, "slow")
        if names:
            where = f"host=db.test sslmode=disable port={self.proxy.port}"
            self.tracer = ["env", f"TEST_NAMES={self.slow}", "LD_PRELOAD="
                           f"{os.environ['SENTINEL_TOOLS']}/names.so"]
        self.relay = Relay(directory, options=(
            "--store", f"postgresql:{where} user=sentinel dbname=postgres",
            *(("--sandbox", "off") if names else ())))
        self.tags = (b"%d." % n for n in itertools.count())
        self.answers = {}       # by tag
        self.copies = {}        # of it that there may be
        self.counts = collections.Counter()

    def begin(self):
        self.relay.start(*self.tracer)
        self.alice, self.bob = self.person("alice"), self.person("bob")

    def person(self, name):
        person = Person(self.relay, f"{name}-{time.time_ns()}")
        person.register()
        person.connect()
        person.channel.socket.settimeout(PATIENCE)
        return person

    def send(self, **how):
        return Send(self, **how).answer()

    def wants(self, what, wanted, new=None, **how):
        """A send has this answer, and so many connections are made anew."""
        before = len(self.proxy.connections)
        Send(self, **how).has(wanted, what)
        made = len(self.proxy.connections) - before
        if new is not None and made != new:
            raise Wrong(f"{what}: {made} new connections")

    def meets(self, what, make, wanted=DONE, new=None, times=1, pattern=PUT,
              **how):
        """The same while something happens, and that it does."""
        self.proxy.arm(pattern, make, times)
        self.wants(what, wanted, new, **how)
        if not self.proxy.fired:
            raise Wrong(f"{what}: it did not happen")
        self.proxy.disarm()
        self.counts["faults"] += self.proxy.fired

    def until(self, condition, what):
        limit = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > limit:
                raise Wrong(f"not in time: {what}")
            time.sleep(0.005)

    def heal(self, what):
        """A send works, on all connections."""
        self.proxy.disarm()
        self.until(lambda: self.send() == DONE, f"healed of {what}")

    def ask(self, statement):
        return subprocess.run([CLUSTER, "sql", self.cluster, statement],
                              check=True, capture_output=True,
                              text=True).stdout

    def judge(self):
        stored = collections.Counter(
            row.encode() for row in self.ask(
                "SELECT split_part(convert_from(substr(content, 1, 12),"
                " 'SQL_ASCII'), '.', 1) || '.' FROM messages"
                f" WHERE to_client = '{self.bob.id.hex()}'").split())
        for tag, answer in self.answers.items():
            low, high = self.copies[tag] or 2 * (int(answer == DONE),)
            if not low <= stored[tag] <= high:
                raise Wrong(f"{tag}: {answer}, stored {stored[tag]} times")
        return {**self.counts, "connections": len(self.proxy.connections)}

# --- plays ------------------------------------------------------------------


PLAYS = {}


def play(f):
    PLAYS[f.__name__] = f
    return f


@play
def states(scene):
    """Each SQLSTATE once: again, on another connection, or not now."""
    for state, (answer, new) in STATES.items():
        scene.meets(state, lambda s=state: Refused(s), answer, new)
    for state in "57P01", "57P02":      # it says so, and goes
        scene.meets(state, lambda s=state: Refused(s, "FATAL"), new=1)


@play
def warnings(scene):
    """A commit that nobody waited for is none; a notice is no warning."""
    scene.meets("a notice", lambda: Noted("NOTICE"), new=0)
    scene.meets("a warning", lambda: Noted("WARNING"), new=0, copies=(2, 2))
    scene.meets("warnings", lambda: Noted("WARNING"), REFUSED, new=0,
                times=-1, copies=(1, 9))


@play
def conflicts(scene):
    """What fails each time is refused in the end."""
    scene.meets("conflicts", lambda: Refused("40001"), REFUSED, new=0,
                times=-1)


@play
def uncommitted(scene):
    """Rows before the commit are not acknowledged."""
    scene.meets("no commit", Uncommitted, new=1)


def sizes(scene, pattern, act):
    """Of its exchange, up and down."""
    scene.proxy.done.clear()
    act()
    scene.until(lambda: any(pattern in e.sql for e in list(scene.proxy.done)),
                pattern)
    return next(e.sent for e in scene.proxy.done if pattern in e.sql)


def cut_put(scene, step):
    for way, size in sizes(scene, PUT, scene.send).items():
        for n in range(0, size, step(size)):
            # in doubt: it may have been stored before
            scene.meets(f"{way} cut at {n}", lambda w=way, k=n: CutAt(w, k),
                        new=1, copies=(1, 2))


@play
def cuts(scene):
    """The writer's connection ends within a transaction."""
    cut_put(scene, lambda size: size // 3)


@play
def every_cut(scene):
    cut_put(scene, lambda size: 1)


@play
def bytewise(scene):
    """Each byte comes alone, on connections that are new."""
    scene.proxy.bytewise = True
    scene.proxy.cut_all()
    scene.heal("bytes")
    for size in 10, 1000:
        scene.wants("bytes", DONE, new=0, more=b"." * size)
    if len(scene.bob.pull()) < 3:
        raise Wrong("too little comes")
    scene.proxy.bytewise = False


def cut_new(scene, pattern, step):
    """All connections end, and so does the next within its beginnings."""
    for way, n in ((w, n) for w in ("up", "down") for n in step):
        scene.proxy.arm(pattern, lambda w=way, k=n: CutAt(w, k))
        scene.proxy.cut_all()
        scene.heal(f"{pattern} {way} cut at {n}")
        scene.counts["faults"] += 1


@play
def new_cuts(scene):
    """A connection ends before it is of use."""
    cut_new(scene, START, (0, 20))
    cut_new(scene, GREETING, (0, 300))
    cut_new(scene, LISTEN, (5,))


@play
def every_new_cut(scene):
    cut_new(scene, START, range(0, 300, 23))
    cut_new(scene, GREETING, range(0, 2000, 131))
    cut_new(scene, LISTEN, range(0, 60, 7))


@play
def pulls(scene):
    """What reads is asked again, and a warning takes nothing from it."""
    scene.send()
    for make in (lambda: CutAt("down", 40), lambda: CutAt("up", 10),
                 lambda: Refused("40001"), lambda: Refused("57P01")):
        scene.proxy.arm(PULL, make)
        if not scene.bob.pull() or not scene.proxy.fired:
            raise Wrong("nothing is pulled")
        scene.counts["faults"] += 1
    scene.proxy.arm(PULL, lambda: Noted("WARNING"), -1)
    if not scene.bob.pull() or scene.proxy.fired != 1:
        raise Wrong("a warning is pulled again")


def hold(scene):
    """A transaction is under way until it is let go, and its send."""
    held = Held()
    scene.proxy.arm(PUT, lambda: held)
    first = Send(scene)
    if not held.has_come.wait(PATIENCE):
        raise Wrong("nothing to hold")
    return held, first


def together(scene, fault, times, wanted):
    """One transaction of a send each, what they are answered; how often it
    was met."""
    people = {more: scene.person("one") for more in wanted}
    held, first = hold(scene)
    scene.proxy.arm(b"bad", fault, times)
    sends = {more: Send(scene, who, more) for more, who in people.items()}
    scene.bob.pull()            # the relay has read what came before
    held.let_go.set()
    first.has(DONE, "held")
    for more, send in sends.items():
        send.has(wanted[more], more)
    scene.counts["faults"] += scene.proxy.fired
    return scene.proxy.fired


@play
def neighbours(scene):
    """One that fails takes none of its transaction along; no disk does."""
    n = together(scene, lambda: Refused("22P02"), -1,
                 {b"good": DONE, b"bad": REFUSED, b"fine": DONE})
    if n < 2:                   # together, and alone
        raise Wrong(f"it was tried {n} times")
    scene.heal("one that fails")
    together(scene, lambda: Refused("53100"), 1,
             {b"bad": REFUSED, b"as bad": REFUSED})


@play
def crowded(scene):
    """More than may wait for the database is refused at once."""
    people = [scene.person("one") for _ in range(CROWD)]
    held, first = hold(scene)
    sends = [Send(scene, who, b"." * 2**20) for who in people]
    scene.until(lambda: any(s.is_answered() for s in sends), "refused")
    if first.is_answered():
        raise Wrong("it was not held")
    held.let_go.set()
    first.has(DONE, "held")
    answers = collections.Counter(s.answer() for s in sends)
    if answers[DONE] < CROWD // 2 or not answers[REFUSED]:
        raise Wrong(f"answers: {answers}")


def restart(scene, refusal):
    """All connections end, and none is made until that is None again."""
    scene.proxy.refusal, scene.proxy.refused = refusal, 0
    scene.proxy.cut_all()
    scene.until(lambda: scene.proxy.refused >= LINKS, "refused")


@play
def too_many(scene):
    """No connection for a moment, and a send that waits."""
    restart(scene, "53300")
    waiting = Send(scene)
    scene.proxy.refusal = None
    waiting.has(DONE, "too many")
    scene.counts["faults"] += scene.proxy.refused


def greet(scene, text):
    """All servers from now on say that this is their timeline."""
    scene.proxy.disarm()
    scene.proxy.arm(GREETING, lambda: Column(text), -1)


@play
def fenced(scene):
    """A server of an older timeline is none, nor is one in recovery; the last
    play, for what was seen stands in a file."""
    for text, wanted in ("", "standby"), ("00000001", "older"):
        greet(scene, "000000FF")
        scene.proxy.cut_all()
        scene.until(lambda: scene.proxy.fired >= LINKS, "greeted")
        greet(scene, text)
        scene.proxy.cut_all()
        waiting = Send(scene)
        scene.until(lambda: scene.proxy.fired > 2 * LINKS, "greeted")
        if waiting.is_answered() or wanted not in log(scene):
            raise Wrong(f"no {wanted}")
        greet(scene, "000000FF")
        waiting.has(DONE, wanted)


def log(scene):
    return (scene.relay.directory / "relay.log").read_text()


@play
def stalls(scene):
    """An answer that does not come within the deadline: on another."""
    for way, n in ("up", 0), ("up", 30), ("down", 0), ("down", 60):
        began = time.monotonic()
        scene.meets(f"{way} stalled at {n}",
                    lambda w=way, k=n: StallAt(w, k), new=1, copies=(1, 2))
        scene.counts["stalled_ms"] = max(
            scene.counts["stalled_ms"],
            round(1000 * (time.monotonic() - began)))


@play
def away(scene):
    """Whoever asks while there is no server is told soon, then at once."""
    for state in "53300", "57P03", "28P01":
        restart(scene, state)
        scene.wants("away", REFUSED)
        began = time.monotonic()
        scene.wants("still away", REFUSED)
        if time.monotonic() - began > 1:
            raise Wrong("it waits")
        scene.proxy.refusal = None
        scene.heal(state)
        scene.counts["faults"] += scene.proxy.refused


@play
def slow_names(scene):
    """While a name is looked up, the relay serves on."""
    scene.slow.touch()
    scene.proxy.cut_all()
    scene.until(lambda: scene.slow.stat().st_size > 0, "looked up")
    for _ in range(3):          # as far as it goes without a database
        connect(scene.relay.address, scene.bob.identity).socket.close()
    waiting = Send(scene)
    made = len(scene.proxy.connections)
    scene.slow.unlink()
    waiting.has(DONE, "slow names")
    if len(scene.proxy.connections) == made:
        raise Wrong("no name was looked up")


@play
def polled(scene):
    """What came by a relay that told nobody is found by a look."""
    carol = scene.person("carol")
    carol.channel.socket.settimeout(2 * PATIENCE)
    waiting = Waiting(carol)
    scene.until(lambda: scene.ask(
        "SELECT id FROM clients WHERE at_relay <> 0 AND"
        f" id = '{carol.id.hex()}'"), "parked")
    began = time.monotonic()
    scene.ask(f"SELECT sentinel_put(ARRAY['{carol.id.hex()}'::uuid],"
              f" ARRAY['{scene.alice.id.hex()}'::uuid], ARRAY[{TEXT}::int2],"
              " ARRAY[1700000000000], ARRAY['\\x00'::bytea],"
              " ARRAY[9, 99, 9, 99]::bigint[])")
    scene.until(lambda: waiting.items, "found")
    scene.counts["found_ms"] = round(1000 * (time.monotonic() - began))


@play
def opposite_orders(scene):
    """Eight write to the same people at once, every other one in reverse.

    Pieces of files, which are put one by one.
    """
    people = [scene.person(f"p{n}").id.hex() for n in range(16)]

    def statement(order):
        of_all = ", ".join(f"array_fill({value}, ARRAY[{len(order)}])" for value
                           in (f"'{scene.alice.id.hex()}'::uuid",
                               "4::int2", "1700000000000::int8",
                               "'\\x00'::bytea"))
        return (f"DO $$ BEGIN FOR n IN 1 .. {ROUNDS} LOOP PERFORM"
                f" sentinel_put(ARRAY{order}::uuid[], {of_all}, ARRAY[99999,"
                " 99999999, 9, 9999999999]::bigint[]); COMMIT; END LOOP; END $$")

    writers = [subprocess.Popen(
        [CLUSTER, "sql", scene.cluster, statement(people[::1 - n % 2 * 2])])
        for n in range(8)]
    if any([w.wait() for w in writers]):
        raise Wrong("a writer has failed")
    told = scene.ask("SELECT sum(pieces) FROM clients WHERE id = ANY ("
                     f"ARRAY{people}::uuid[])")
    if int(told) != len(writers) * ROUNDS * len(people):
        raise Wrong(f"{told} pieces in all")


def run(scene, names):
    scene.begin()
    for name in names:
        began = time.monotonic()
        PLAYS[name](scene)
        scene.heal(name)
        scene.counts[f"{name}_ms"] = round(1000 * (time.monotonic() - began))
    scene.relay.stop()
    return scene.judge()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--names", action="store_true")
    parser.add_argument("cluster")
    parser.add_argument("play", nargs="+", choices=PLAYS)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        scene = Scene(args.cluster, directory, args.names)
        try:
            print(json.dumps(run(scene, args.play)))
        except (Wrong, Gone) as e:
            sys.exit(f"wrong: {e}\n{log(scene)[-2000:]}")
        finally:
            scene.relay.end()


if __name__ == "__main__":
    main()
