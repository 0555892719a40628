#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
"""A relay that is ended again and again while many talk to it.

  crashload.py [--end KILL|TERM] [--rounds N] [--answers SECONDS]
               [--listen ADDR:PORT] DIRECTORY

DIRECTORY holds the relay's store and key, or will.  Eight send, one message
in eight a piece of a file; four pull and acknowledge.  Every 50 to 500 ms the
relay is ended and started again at the same port, which takes it so many
SECONDS to its first answer at most.

What was acknowledged to its sender is pulled under one id, and never again
once that was acknowledged; of what was not, at most one.  The ids that a
mailbox was pulled under have no gap.  After each end the store is sound, and
in the end nothing is left in it.  Prints one JSON line; what is wrong is told
on stderr, with status 1.  $SENTINEL_BIN holds the relay.
"""
import argparse
import collections
import os
import random
import signal
import struct
import threading
import time

from relay import PATIENCE, Gone, Person, Relay, Wrong, tell

SENDERS, PULLERS = 8, 4
TAG = struct.Struct("<HHI")     # of a content: sender, recipient, number
TEXT, PIECE = 3, 4
SIZES = {TEXT: 256, PIECE: 20000}
AWAY = 0.002                    # seconds, until the relay is tried again


class Worker(threading.Thread):
    """Does its turn until it is told to end; remembers what went wrong."""

    def __init__(self, number, person):
        super().__init__(daemon=True)
        self.number = number
        self.person = person
        self.ending = threading.Event()
        self.trouble = None

    def run(self):
        try:
            while not self.ending.is_set():
                try:
                    self.turn()
                except Gone:
                    time.sleep(AWAY)
        except Exception as e:  # pylint: disable=broad-except
            self.trouble = e

    def end(self):
        self.ending.set()
        self.join(PATIENCE)
        if self.is_alive():
            raise Wrong("somebody waits for ever")

    def judge(self):
        if self.trouble:
            raise self.trouble


class Sender(Worker):
    def __init__(self, number, person, recipients):
        super().__init__(number, person)
        self.recipients = recipients
        self.sent = 0
        self.acknowledged = set()
        self.refused = 0

    def turn(self):
        self.person.connect()   # else nothing is sent
        to = self.sent % len(self.recipients)
        tag = TAG.pack(self.number, to, self.sent)
        type_ = PIECE if self.sent % 8 == 7 else TEXT
        self.sent += 1
        if self.person.send(self.recipients[to].id, type_, content(tag, type_)):
            self.refused += 1
        else:
            self.acknowledged.add(tag)


class Puller(Worker):
    def __init__(self, number, person):
        super().__init__(number, person)
        self.after = 0
        self.got = {}           # tags, by id
        self.gone = set()       # ids that are acknowledged

    def turn(self):
        if not self.person.channel:
            self.after = 0      # as one who has forgotten
        items = self.person.pull(self.after, 200)
        for item in items:
            self.take(*item)
        if items and self.person.acknowledge(items[0][0],
                                             self.after) is not None:
            self.gone.update(item[0] for item in items)

    def take(self, id_, sender, type_, text):
        tag = text[:TAG.size]
        if text != content(tag, type_):
            raise Wrong(f"{id_} is not what was sent")
        if id_ <= self.after:
            raise Wrong(f"{id_} comes after {self.after}")
        if id_ in self.gone:
            raise Wrong(f"{id_} was acknowledged and comes again")
        if self.got.setdefault(id_, tag) != tag:
            raise Wrong(f"{id_} is another message now")
        self.after = id_

    def judge(self):
        super().judge()
        if sorted(self.got) != list(range(1, len(self.got) + 1)):
            raise Wrong("the ids have a gap")


def content(tag, type_):
    return tag + bytes(tag[-4:]) * ((SIZES[type_] - TAG.size) // 4)


class Load:
    def __init__(self, relay):
        self.relay = relay
        people = [Person(relay, f"load{n}-{os.getpid()}")
                  for n in range(SENDERS + PULLERS)]
        for person in people:
            person.register()
        self.senders = [Sender(n, person, people[SENDERS:])
                        for n, person in enumerate(people[:SENDERS])]
        self.pullers = [Puller(n, person)
                        for n, person in enumerate(people[SENDERS:])]

    @property
    def workers(self):
        return self.senders + self.pullers

    def start(self):
        for worker in self.workers:
            worker.start()

    def acknowledged(self):
        return sum(len(s.acknowledged) for s in self.senders)

    def answered(self, since):
        """How long after that the first answer came."""
        limit = since + PATIENCE
        while time.monotonic() < limit:
            times = [t for t in (w.person.last for w in self.workers)
                     if t > since]
            if times:
                return min(times) - since
            time.sleep(0.001)
        raise Wrong("no answer")

    def go_on(self):
        """Until more is acknowledged."""
        limit, before = time.monotonic() + PATIENCE, self.acknowledged()
        while self.acknowledged() == before:
            for worker in self.workers:
                if worker.trouble:
                    raise worker.trouble
            if time.monotonic() > limit:
                raise Wrong("nothing more is acknowledged")
            time.sleep(0.001)

    def finish(self):
        """All is pulled, and then told."""
        for sender in self.senders:
            sender.end()
        for puller in self.pullers:
            puller.end()
            puller.judge()
            puller.ending.clear()
            while puller.person.pull_all():
                puller.after = 0
                puller.turn()

    def judge(self):
        for worker in self.workers:
            worker.judge()
        pulled = collections.Counter(
            (puller.number, tag) for puller in self.pullers
            for tag in puller.got.values())
        tags = {tag for sender in self.senders for tag in sender.acknowledged}
        missing = sum(pulled[TAG.unpack(tag)[1], tag] != 1 for tag in tags)
        if missing:
            raise Wrong(f"{missing} of {len(tags)} are missing")
        if len({tag for _, tag in pulled}) != pulled.total():
            raise Wrong("some have come twice")
        return pulled.total()


def end_relay(relay, how):
    if how == "TERM":
        relay.stop()
    else:
        relay.process.send_signal(signal.SIGKILL)
        if relay.wait() != -signal.SIGKILL:
            raise Wrong("it was gone before it was killed")
    relay.check_store()


def play(args, relay):
    relay.start()
    load = Load(relay)
    load.start()
    answers = []
    for _ in range(args.rounds):
        time.sleep(random.uniform(0.05, 0.5))
        load.go_on()
        end_relay(relay, args.end)
        relay.start()
        answers.append(load.answered(relay.started))
    load.go_on()
    load.finish()
    pulled = load.judge()
    end_relay(relay, args.end)
    relay.start()
    if relay.segments():
        raise Wrong(f"{relay.segments()} are left")
    relay.stop()
    if max(answers) > args.answers:
        raise Wrong(f"the first answer took {max(answers):.3f} s")
    return {"rounds": args.rounds, "acknowledged": load.acknowledged(),
            "in_doubt": sum(s.sent - s.refused for s in load.senders)
            - load.acknowledged(), "pulled": pulled,
            "refused": sum(s.refused for s in load.senders),
            "first_answer_s": [round(statistic, 3) for statistic in (
                sorted(answers)[len(answers) // 2], max(answers))]}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--end", choices=("KILL", "TERM"), default="KILL")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--answers", type=float, default=1)
    parser.add_argument("--listen", default="127.0.0.1:0")
    parser.add_argument("directory")
    args = parser.parse_args()
    relay = Relay(args.directory, args.listen,
                  options=("--min-free", "0"))
    tell(relay, lambda: play(args, relay))


if __name__ == "__main__":
    main()
