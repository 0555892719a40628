#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
"""Backups of a relay that is in use.

  backupload.py DIRECTORY

DIRECTORY holds the relay's store and key, or will.  While alice sends to bob,
a backup is taken, and carol acknowledges all pieces of files she has as soon
as the database is copied.  A relay on what was copied back has every message
that was acknowledged before the backup began, each piece as it was, and is
sound; those who talk to the first one are answered meanwhile.

Then one is killed during another backup: the one before stays, and the next
takes its place.  Prints one JSON line; what is wrong is told on stderr, with
status 1.  $SENTINEL_BIN holds the relay.
"""
import argparse
import json
import os
import pathlib
import shutil
import signal
import struct
import sys
import time

from crashload import Worker
from relay import PATIENCE, Gone, Person, Relay, Wrong

TEXT, PIECE = 3, 4
TEXTS, TEXT_LEN = 150, 60000    # of a database that takes some turns
PIECES, PIECE_LEN = 300, 256000     # more than a segment
ALL = (1, 2**32 - 1)


def content(number, size):
    return struct.pack("<I", number) * (size // 4)


class Sender(Worker):
    def __init__(self, person, to):
        super().__init__(0, person)
        self.to = to
        self.acknowledged = 0
        self.longest = 0.0

    def turn(self):
        begin = time.monotonic()
        refused = self.person.send(
            self.to, TEXT, content(self.acknowledged, TEXT_LEN))
        if refused:
            raise Wrong(f"refused: {refused}")
        self.acknowledged += 1
        self.longest = max(self.longest, time.monotonic() - begin)


def wait_until(condition, what):
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise Wrong(f"never: {what}")
        time.sleep(0.001)


def events(relay, name):
    with open(relay.directory / "relay.log", encoding="ascii") as log:
        return sum(json.loads(line)["event"] == name
                   for line in log if line.endswith("\n"))


def back_up(relay):
    """Begins one; answers what waits for its end."""
    before = events(relay, "backup_done")
    os.kill(relay.pid, signal.SIGUSR1)
    return lambda: wait_until(
        lambda: events(relay, "backup_done") == before + 1, "backup_done")


def beside(relay, end):
    return pathlib.Path(f"{relay.store}.backup{end}")


def check_place(relay):
    """There is one, and nothing else is left."""
    if sorted(os.listdir(beside(relay, ""))) != ["relay.db", "relay.db.files"]:
        raise Wrong("it is not whole")
    for end in (".new", ".old"):
        if beside(relay, end).exists():
            raise Wrong(f"{end} is left")


def restore(relay, name):
    """Another relay, on a copy of what was backed up."""
    directory = relay.directory / name
    shutil.copytree(beside(relay, ""), directory)
    shutil.copy(relay.directory / "relay.secret", directory)
    other = Relay(directory, options=relay.options)
    other.check_store()
    other.start()
    return other


def move(person, relay):
    person.hang_up()
    person.relay = relay


def check_mailbox(person, type_, least, size):
    items = person.pull_all()
    if len(items) < least:
        raise Wrong(f"{len(items)} of {least} of type {type_}")
    for number, (id_, _, was, bytes_) in enumerate(items):
        if (id_, was) != (number + 1, type_) or \
                bytes_ != content(number, size):
            raise Wrong(f"{id_} is another one")
    return len(items)


def play(directory):
    relay = Relay(directory, options=("--min-free", "0"))
    relay.start()
    alice, bob, carol, dave = people = [
        Person(relay, name) for name in ("alice", "bob", "carol", "dave")]
    for person in people:
        person.register()
    for number in range(PIECES):
        dave.send(carol.id, PIECE, content(number, PIECE_LEN))
    sender = Sender(alice, bob.id)
    sender.start()
    wait_until(lambda: sender.acknowledged >= TEXTS, "many texts")
    least = sender.acknowledged
    sender.longest = 0.0
    finish = back_up(relay)
    wait_until((beside(relay, ".new") / "relay.db.files").exists, "segments")
    if carol.acknowledge(*ALL) != PIECES:
        raise Wrong("pieces are missing")
    finish()
    meanwhile, longest = sender.acknowledged - least, sender.longest
    sender.end()
    sender.judge()
    check_place(relay)
    # what was held back is given back then
    alice.send(bob.id, TEXT, content(sender.acknowledged, TEXT_LEN))
    wait_until(lambda: not relay.segments(), "segments are given back")

    other = restore(relay, "first")
    move(bob, other)
    move(carol, other)
    kept = check_mailbox(bob, TEXT, least, TEXT_LEN)
    check_mailbox(carol, PIECE, PIECES, PIECE_LEN)
    other.stop()

    back_up(relay)
    wait_until(beside(relay, ".new").exists, "another backup")
    relay.kill()
    other = restore(relay, "second")    # is the first one still
    move(bob, other)
    if check_mailbox(bob, TEXT, least, TEXT_LEN) != kept:
        raise Wrong("it has changed")
    other.kill()
    relay.start()
    back_up(relay)()
    check_place(relay)
    relay.stop()
    other = restore(relay, "third")
    move(bob, other)
    check_mailbox(bob, TEXT, sender.acknowledged + 1, TEXT_LEN)
    other.stop()
    return {"before": least, "meanwhile": meanwhile,
            "longest_ms": round(longest * 1000)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=pathlib.Path)
    try:
        print(json.dumps(play(parser.parse_args().directory)))
    except (Wrong, Gone) as e:
        sys.exit(f"wrong: {e}")


if __name__ == "__main__":
    main()
