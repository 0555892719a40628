#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
"""Power cuts of a relay's store: what it acknowledged outlives them.

  powerstore.py [--cuts N] [--seed N] [--synchronous NORMAL] [--large N]
                DIRECTORY

Some people register, send texts and pieces of files to each other, pull and
acknowledge, all at once, while the relay is ended and started again; what it
does to its files is logged (tests/preload/power.c).  Then the power is cut at
N places of the log, what is left (power.py has the model) is given to another
relay, and everybody looks:

  an acknowledged send, not acknowledged by its recipient, is in the mailbox;
  nothing is there twice, or that nobody sent; an id that was shown is that
  message, and what is sent later has a larger one; who was told to be
  registered is; the relay has the key it printed; the store is sound.

With --large N so many texts of a MiB go before: 32 fill the log, so that it is
worked off and begun anew.  With --synchronous NORMAL the database's log counts
as synced when SQLite does so at that level, and not for each commit; the first
cut that loses anything ends it.  Prints one JSON line; the status is 1 when
anything was lost or unsound.  $SENTINEL_BIN holds the relay, $SENTINEL_TOOLS
the library.
"""
import argparse
import collections
import json
import os
import pathlib
import shutil
import sqlite3
import sys
import threading
import time

from power import (PRINT, SEND, Chance, Disk, Log, choose, generator,
                   lazily)
from relay import Gone, Person, Relay, Wrong

PEOPLE, ROUNDS, DEEDS = 6, 4, 12
TEXT, PIECE = 3, 4
SIZES = {TEXT: (50, 3000), PIECE: (5000, 60000)}
LARGE = 2**20
MEBIBYTE = b"m" * (LARGE - 100)

# asked and done are monotonic, in ns
Deed = collections.namedtuple("Deed", "kind asked done port to result")


class Talker(Person):
    """Does this and that, and notes when."""

    def __init__(self, relay, name, seed):
        super().__init__(relay, name)
        self.rng = generator(f"{name} {seed}")
        self.deeds = []
        self.wrong = None

    def do(self, kind, action, *arguments, to=None):
        self.connect()
        port = self.channel.socket.getsockname()[1]
        asked = time.monotonic_ns()
        result = action(*arguments)
        self.deeds.append(Deed(kind, asked, time.monotonic_ns(), port, to,
                               result))
        return result

    def say(self, to, type_, content):
        refused = self.send(to.id, type_, content)
        if refused:
            raise Wrong(f"refused for {refused[0]}")
        return type_, content

    def send_one(self, others):
        to = self.rng.choice(others)
        type_ = PIECE if self.rng.random() < 0.2 else TEXT
        tag = f"{self.identity.name} {len(self.deeds)} "
        content = tag * (self.rng.randint(*SIZES[type_]) // len(tag))
        self.do("send", self.say, to, type_, content.encode(), to=to)

    def take_some(self):
        items = self.do("pull", self.pull)
        if items and self.rng.random() < 0.7:
            last = self.rng.choice(items)[0]
            self.do("acknowledge", self.drop, items[0][0], last)

    def drop(self, first, last):
        if self.acknowledge(first, last) is None:
            raise Wrong("an acknowledgement is refused")
        return range(first, last + 1)

    def round(self, others):
        try:
            for _ in range(DEEDS):
                if self.rng.random() < 0.75:
                    self.send_one(others)
                else:
                    self.take_some()
        except Exception as e:  # pylint: disable=broad-except
            self.wrong = e


def all_at_once(people):
    threads = [threading.Thread(
        target=p.round, args=([o for o in people if o is not p],))
        for p in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for p in people:
        p.hang_up()
        if p.wrong:
            raise p.wrong


def fill_log(people, large):
    a, b = people[:2]
    for n in range(large):
        a.do("send", a.say, b, TEXT, b"%d " % n + MEBIBYTE, to=b)
        if n % 8 == 7:
            b.do("pull", b.pull_all)
            b.do("acknowledge", b.drop, 1, 2**32 - 1)


def work(relay, log, people, large):
    """Between the rounds nobody talks: a relay that is killed while it notes
    something would leave a hole in the log."""
    tracer = ["env", *(f"{k}={v}" for k, v in log.environment.items())]
    for n in range(ROUNDS):
        relay.start(*tracer)
        if n == 0:
            for p in people:
                p.do("register", p.register)
        if n == 1:
            fill_log(people, large)
        all_at_once(people)
        if n % 2:
            relay.stop()
        else:
            relay.kill()


class History:
    """The log and the deeds, by places of the log."""

    def __init__(self, records, people, key):
        self.records = records
        self.people = people
        self.key = key
        self.sent = collections.defaultdict(list)   # by port
        self.ready = None
        for n, r in enumerate(records):
            if r.op == SEND:
                self.sent[r.at].append((r.now, n))
            elif r.op == PRINT and self.ready is None:
                self.ready = n
        self.times = [r.now for r in records]

    def told(self, deed, cut):
        """Whether the answer was on its way."""
        last = max(n for now, n in self.sent[deed.port] if now <= deed.done)
        return last < cut

    def asked(self, deed, cut):
        """Whether anything of it may have been done."""
        return self.times[cut - 1] >= deed.asked

    def deeds(self, kind, when, cut):
        return [(p, d) for p in self.people for d in p.deeds
                if d.kind == kind and when(d, cut)]

    def mailboxes(self, cut):
        """For each of the people: what must be there, what may, {id: it}."""
        boxes = {p: (set(), set(), {}) for p in self.people}
        for _, d in self.deeds("send", self.asked, cut):
            boxes[d.to][1].add(d.result)
        for _, d in self.deeds("send", self.told, cut):
            boxes[d.to][0].add(d.result)
        for p, d in self.deeds("pull", self.told, cut):
            boxes[p][2].update({id_: (type_, content)
                                for id_, _, type_, content in d.result})
        for p, d in self.deeds("acknowledge", self.asked, cut):
            boxes[p][0].difference_update(
                boxes[p][2].get(id_) for id_ in boxes[p][2] if id_ in d.result)
        return boxes


class Look:
    """At what one cut has left."""

    def __init__(self, history, cut, relay):
        self.history = history
        self.cut = cut
        self.relay = relay
        self.lost = 0

    def start(self):
        self.relay.check_store()
        self.relay.start()
        if self.history.ready is not None and self.history.ready < self.cut \
                and not self.relay.address.startswith(self.history.key):
            raise Wrong("the relay has another key")

    def registered(self):
        """Who was told to be; all are, afterwards."""
        told = {p for p, _ in self.history.deeds(
            "register", self.history.told, self.cut)}
        for p in self.history.people:
            p.relay = self.relay
            try:
                p.expect(1101)
            except (Wrong, Gone):
                self.lost += p in told
                p.hang_up()
                p.register()

    def mailbox(self, p, must, may, shown):
        items = p.pull_all()
        found = [(type_, content) for _, _, type_, content in items]
        if len(set(found)) != len(found):
            raise Wrong("a message is there twice")
        if not may.issuperset(found):
            raise Wrong("a message that nobody sent")
        for id_, _, type_, content in items:
            if shown.get(id_, (type_, content)) != (type_, content):
                raise Wrong(f"{id_} is another message now")
        self.lost += len(must.difference(found))

    def goes_on(self, p, shown, to):
        """What is sent now has a new id."""
        p.say(to, TEXT, b"afterwards")
        last = to.pull_all()[-1]
        if last[3] != b"afterwards" or last[0] <= max(shown, default=0):
            raise Wrong(f"a new message has the id {last[0]}")

    def all(self):
        self.start()
        self.registered()
        boxes = self.history.mailboxes(self.cut)
        for p, box in boxes.items():
            self.mailbox(p, *box)
        people = self.history.people
        for p, to in zip(people, people[1:] + people[:1]):
            self.goes_on(p, boxes[to][2], to)


def play(args, top):
    watched = top / "run"
    watched.mkdir()
    relay = Relay(watched, options=("--min-free", "0"))
    log = Log(top / "log", pathlib.Path(os.environ["SENTINEL_TOOLS"])
              / "power.so")
    people = [Talker(relay, f"user{n}", args.seed) for n in range(PEOPLE)]
    before = Disk(watched)
    try:
        work(relay, log, people, args.large)
    finally:
        relay.end()
    records = log.read()
    if args.synchronous:
        records = lazily(records, b"relay.db")
    history = History(records, people, relay.address.partition("@")[0])
    rng = generator(args.seed)
    cuts = choose(records, args.cuts, rng)
    lost_in = lost = 0
    unsound = []
    for cut in cuts:
        before.replay(records, cut)
        before.put(top / "left", Chance(rng))
        n = look_at(history, cut, top / "left", unsound)
        lost, lost_in = lost + n, lost_in + (n > 0)
        if args.synchronous and lost:
            break               # which is all that the control is to show
    for line in unsound:
        print(line, file=sys.stderr)
    print(json.dumps({
        "cuts": len(cuts), "records": len(records),
        "acknowledged": sum(d.kind == "send" for p in people for d in p.deeds),
        "lost": lost, "lost_in_cuts": lost_in, "unsound": len(unsound)}))
    return 1 if lost or unsound else 0


def look_at(history, cut, left, unsound):
    """How much was lost; notes what is worse."""
    relay = Relay(left, options=("--min-free", "0"))
    look = Look(history, cut, relay)
    try:
        look.all()
    except (Wrong, Gone, sqlite3.Error) as e:
        unsound.append(f"cut at {cut} of {len(history.records)}: {e}")
    finally:
        for p in history.people:
            p.hang_up()
        relay.end()
        shutil.rmtree(left)
    return look.lost


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cuts", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--synchronous", choices=("NORMAL",))
    parser.add_argument("--large", type=int, default=0)
    parser.add_argument("directory")
    args = parser.parse_args()
    try:
        sys.exit(play(args, pathlib.Path(args.directory)))
    except (Wrong, Gone) as e:
        sys.exit(f"wrong: {e}")


if __name__ == "__main__":
    main()
