#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
"""Many who talk to several relays on one store, whatever becomes of these.

  pgload.py ADDRESS...

An ADDRESS is sentinel://KEY@HOST:PORT,HOST:PORT; people are spread over them,
and each goes to the hosts of his in turn.  Eight send, half of them round the
mailboxes one way, half the other; four pull and acknowledge.  It is told what
to do on stdin, a line each, and answers with a JSON line:

  more N   until N more have been acknowledged; for how long nobody was
  end      no more are sent, all are pulled: what was acknowledged, and how
           many of these are missing or came under another id again, ids that
           hold another message now, and ids that nothing came under
"""
import argparse
import collections
import json
import struct
import sys
import time

import crashload
from relay import BUSY, PATIENCE, Gone, Person, Wrong


SKIPPED = 2**20     # ids that no message has, behind a failover


def gaps(ids):
    """How many ids are missing in between."""
    missing, before = 0, 0
    for id_ in ids:
        step = id_ - before
        missing += max(0, step - 1 - SKIPPED * (step > SKIPPED // 2))
        before = id_
    return missing


class Place:
    """Where a Person finds his relay."""

    def __init__(self, address):
        self.address = address


class Patient(Person):
    """To whom a relay that is busy is one that is away for a moment."""

    def expect(self, code, payload=b""):
        answer, reply = self.ask(code, payload)
        if answer == 9000 and struct.unpack_from("<H", reply)[0] == BUSY:
            time.sleep(0.05)
            raise Gone("busy")
        if answer != code + 1000:
            raise Wrong(f"{code}: answered {answer} {reply.hex()}")
        return reply


class Sender(crashload.Sender):
    def __init__(self, number, person, recipients):
        if number % 2:
            recipients = recipients[::-1]
        super().__init__(number, person, recipients)
        self.times = []         # of acknowledgements

    def turn(self):
        before = len(self.acknowledged)
        super().turn()
        if len(self.acknowledged) > before:
            self.times.append(time.monotonic())
        else:
            time.sleep(0.05)    # busy


class Puller(crashload.Worker):
    def __init__(self, number, person):
        super().__init__(number, person)
        self.after = 0
        self.got = {}           # tags, by id
        self.changed = 0

    def turn(self):
        if not self.person.channel:
            self.after = 0
        items = self.person.pull(self.after, 200)
        for id_, _, type_, text in items:
            tag = text[:crashload.TAG.size]
            if text != crashload.content(tag, type_):
                raise Wrong(f"{id_} is not what was sent")
            if id_ <= self.after:
                raise Wrong(f"{id_} comes after {self.after}")
            self.changed += self.got.setdefault(id_, tag) != tag
            self.after = id_
        if items:
            self.person.acknowledge(items[0][0], self.after)


class Load:
    def __init__(self, places):
        people = [Patient(places[n % len(places)], f"load{n}-{time.time_ns()}")
                  for n in range(crashload.SENDERS + crashload.PULLERS)]
        for person in people:
            self.register(person)
        recipients = people[crashload.SENDERS:]
        self.pullers = [Puller(n, p) for n, p in enumerate(recipients)]
        self.senders = [Sender(n, p, recipients)
                        for n, p in enumerate(people[:crashload.SENDERS])]
        # a tag says which of the pullers it is for, whatever the way round
        self.mailboxes = {s.number: [self.number_of(r) for r in s.recipients]
                          for s in self.senders}
        for worker in self.senders + self.pullers:
            worker.start()

    def number_of(self, recipient):
        return next(p.number for p in self.pullers if p.person is recipient)

    @staticmethod
    def register(person):
        limit = time.monotonic() + PATIENCE
        while True:
            try:
                return person.register()
            except Gone:
                if time.monotonic() > limit:
                    raise

    def acknowledged(self):
        return sum(len(s.acknowledged) for s in self.senders)

    def judge_workers(self):
        for worker in self.senders + self.pullers:
            worker.judge()

    def more(self, n):
        began = time.monotonic()
        limit, wanted = began + 3 * PATIENCE, self.acknowledged() + n
        while self.acknowledged() < wanted:
            self.judge_workers()
            if time.monotonic() > limit:
                raise Wrong("nothing more is acknowledged")
            time.sleep(0.005)
        times = sorted([began] + [t for s in self.senders for t in s.times
                                  if t > began])
        return {"more": n, "stalled_s": round(
            max((b - a for a, b in zip(times, times[1:])), default=0), 3)}

    def end(self):
        for sender in self.senders:
            sender.end()
        for puller in self.pullers:
            puller.end()
            puller.ending.clear()
            self.drain(puller)
        self.judge_workers()
        return self.verdict()

    @staticmethod
    def drain(puller):
        limit = time.monotonic() + PATIENCE
        while True:
            try:
                puller.after = 0
                if not puller.person.pull_all():
                    return
                puller.turn()
            except Gone:
                if time.monotonic() > limit:
                    raise

    def verdict(self):
        pulled = collections.Counter(
            (puller.number, tag) for puller in self.pullers
            for tag in puller.got.values())
        missing = 0
        for sender in self.senders:
            for tag in sender.acknowledged:
                to = self.mailboxes[sender.number][crashload.TAG.unpack(tag)[1]]
                missing += not pulled[to, tag]
        return {"acknowledged": self.acknowledged(),
                "pulled": pulled.total(), "missing": missing,
                "again": pulled.total() - len(pulled),
                "changed": sum(p.changed for p in self.pullers),
                "gaps": sum(gaps(sorted(p.got)) for p in self.pullers),
                "refused": sum(s.refused for s in self.senders)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("address", nargs="+")
    load = Load([Place(a) for a in parser.parse_args().address])
    print(json.dumps(load.more(1)), flush=True)
    for line in sys.stdin:
        verb, *number = line.split()
        answer = load.end() if verb == "end" else load.more(int(number[0]))
        print(json.dumps(answer), flush=True)
        if verb == "end":
            return


if __name__ == "__main__":
    try:
        main()
    except (Wrong, Gone) as e:
        sys.exit(f"wrong: {e}")
