#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
"""How soon a pull that waits at one relay has what is sent through another.

  pgwake.py N SENDING WAITING

Both are addresses of relays on one store.  N times one message; prints the
median and the longest time from its acknowledgement, in ms, as one JSON line.
"""
import json
import statistics
import sys
import threading
import time

from relay import PATIENCE, Gone, Person, Wrong

TEXT = 3


class Place:
    def __init__(self, address):
        self.address = address


def person(name, address):
    someone = Person(Place(address), f"{name}-{time.time_ns()}")
    someone.register()
    someone.connect()
    return someone


class Waiter(threading.Thread):
    def __init__(self, who, after):
        super().__init__(daemon=True)
        self.who, self.after = who, after
        self.items, self.at = [], None

    def run(self):
        self.items = self.who.pull(self.after, PATIENCE * 1000)
        self.at = time.monotonic()


def wake(sender, recipient, n):
    waiter = Waiter(recipient, n)
    waiter.start()
    time.sleep(0.05 + 0.01 * (n % 5))   # it is parked by then, or is about to
    if sender.send(recipient.id, TEXT, b"%d" % n):
        raise Wrong("refused")
    sent = time.monotonic()
    waiter.join(2 * PATIENCE)
    if not waiter.at or [i[3] for i in waiter.items] != [b"%d" % n]:
        raise Wrong(f"{n} has not come: {waiter.items}")
    return 1000 * (waiter.at - sent)


def main():
    sender = person("sender", sys.argv[2])
    recipient = person("recipient", sys.argv[3])
    recipient.connect()
    recipient.channel.socket.settimeout(2 * PATIENCE)
    times = [wake(sender, recipient, n) for n in range(int(sys.argv[1]))]
    print(json.dumps({"wakes": len(times),
                      "median_ms": round(statistics.median(times), 1),
                      "max_ms": round(max(times), 1)}))


if __name__ == "__main__":
    try:
        main()
    except (Wrong, Gone) as e:
        sys.exit(f"wrong: {e}")
