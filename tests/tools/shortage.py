#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
"""A relay that runs out of what it needs, and goes on when that is back.

  shortage.py [--within SECONDS] descriptors|taken|disk DIRECTORY

descriptors  it has 64 from the start, and 100 connect
taken        it has hardly more than it uses, and 100 connect
disk         DIRECTORY is a small file system; to be run under unshare(1) -m,
             for it is mounted here

Meanwhile it does not spin, who is connected is served, nothing is acknowledged
that is not kept, and what is kept can be pulled; within so many SECONDS of the
end of it all is as before, without a restart.  Prints one JSON line; what is
wrong is told on stderr, with status 1.  $SENTINEL_BIN holds the relay.
"""
import argparse
import errno
import os
import pathlib
import resource
import select
import socket
import subprocess
import time

from relay import FULL, Gone, Person, Relay, Wrong, tell

TEXT, PIECE = 3, 4
CONNECTIONS = 100
WATCHED = 1.5           # seconds
SPINS = 0.05            # of a core, at this
DISK = "4m"
MOST = 4000             # sends that fill it


def people(relay, *names):
    found = [Person(relay, name) for name in names]
    for person in found:
        person.register()
        person.connect()
    return found


def cpu_of(pid):
    """Seconds that a process has computed."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def within(seconds, attempt):
    """Try until it works; how long that took."""
    begin = time.monotonic()
    while True:
        try:
            if attempt():
                return round(time.monotonic() - begin, 3)
        except Gone:
            pass
        if time.monotonic() > begin + seconds:
            raise Wrong(f"not even after {seconds} s")
        time.sleep(0.01)


# --- descriptors ---

def crowd(relay):
    """So many connections that say nothing."""
    host, port = relay.listen.split(":")
    found = []
    for _ in range(CONNECTIONS):
        sock = socket.socket()
        sock.setblocking(False)
        sock.connect_ex((host, int(port)))
        found.append(sock)
    return found


def kept_open(socks):
    """Those that the relay has not closed, or not even taken."""
    poll = select.poll()
    for sock in socks:
        poll.register(sock, select.POLLIN)
    return len(socks) - len(poll.poll(0))


def besiege(relay, seconds):
    alice, bob = people(relay, "alice", "bob")
    socks = crowd(relay)
    begin, cpu, sent = time.monotonic(), cpu_of(relay.pid), 0
    while time.monotonic() < begin + WATCHED:
        if alice.send(bob.id, TEXT, b"one of many"):
            raise Wrong("who is connected is refused")
        sent += 1
        time.sleep(0.05)
    share = (cpu_of(relay.pid) - cpu) / (time.monotonic() - begin)
    if share > SPINS:
        raise Wrong(f"it computes {share:.2f} of the time")
    kept = kept_open(socks)
    for sock in socks:
        sock.close()
    carol = Person(relay, "carol")
    again = within(seconds, lambda: carol.register() or carol.expect(1101))
    if alice.send(bob.id, PIECE, b"a piece" * 1000):
        raise Wrong("a piece is refused")
    if len(bob.pull()) != sent + 1 or bob.acknowledge(1, sent + 1) != sent + 1:
        raise Wrong("the mailbox has not what was acknowledged")
    relay.stop()
    return {"cpu": round(share, 3), "kept": kept, "served": sent,
            "accepts_again_s": again}


def descriptors(relay, seconds):
    relay.start("prlimit", "--nofile=64")
    return besiege(relay, seconds)


def taken(relay, seconds):
    relay.start()
    used = len(os.listdir(f"/proc/{relay.pid}/fd"))
    resource.prlimit(relay.pid, resource.RLIMIT_NOFILE, (used + 8, used + 8))
    return besiege(relay, seconds)


# --- disk ---

class Books:
    """What alice has sent to bob, and what he must find."""

    def __init__(self, relay):
        self.alice, self.bob = people(relay, "alice", "bob")
        self.kept = []
        self.sent = self.taken = 0

    def send(self, type_, size):
        """Whether it is acknowledged."""
        self.sent += 1
        content = (f"{self.sent} " * size)[:size].encode()
        refused = self.alice.send(self.bob.id, type_, content)
        if not refused:
            self.kept.append((type_, content))
            self.taken += 1
            return True
        reason, retry_ms = refused
        if reason not in FULL or retry_ms == 0:
            raise Wrong(f"refused for {reason}, again in {retry_ms} ms")
        return False

    def kill_relay(self):
        self.alice.relay.kill()
        self.alice.hang_up()
        self.bob.hang_up()
        self.alice.relay.start()

    def check(self):
        items = self.bob.pull_all()
        found = [(type_, content) for _, _, type_, content in items]
        if found != self.kept:
            raise Wrong(f"{len(found)} pulled, {len(self.kept)} acknowledged")
        return items

    def acknowledge(self, n):
        """The first N, one by one; whether all were taken."""
        for id_, *_ in self.check()[:n]:
            if self.bob.acknowledge(id_, id_) is None:
                return False
            self.kept.pop(0)
        return True


def fill(path):
    """By somebody else, to the last byte."""
    with open(path, "ab", buffering=0) as f:
        try:
            while True:
                f.write(b"x" * 4096)
        except OSError as e:
            if e.errno != errno.ENOSPC:
                raise


def fill_to_the_floor(books):
    refused = 0
    while refused < 3:
        if not books.send(PIECE if books.sent % 4 == 3 else TEXT, 4000):
            refused += 1
            time.sleep(0.3)     # it may look again, or find room in its log
        if books.sent > MOST:
            raise Wrong("it takes more than there is room for")


def fill_to_the_end(books, filler):
    """What the relay gives up of its log is taken, too."""
    refused = 0
    while refused < 3:
        fill(filler)
        refused += not (books.send(TEXT, 20000) or books.send(PIECE, 20000))
        if books.sent > 2 * MOST:
            raise Wrong("it takes more than there is room for")


def disk(relay, seconds):
    filler = relay.disk / "filler"
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "none",
                    relay.disk], check=True)
    relay.start()
    books = Books(relay)
    fill_to_the_floor(books)
    held = len(books.kept)
    within(seconds, lambda: books.acknowledge(held // 4))

    fill_to_the_end(books, filler)
    books.check()
    books.acknowledge(held // 4)        # or not
    books.check()
    relay.check_store()
    books.kill_relay()                  # it begins with no room at all
    books.check()
    books.send(TEXT, 4000)
    books.check()

    os.unlink(filler)
    again = within(seconds, lambda: books.send(TEXT, 4000))
    within(seconds, lambda: books.acknowledge(len(books.kept)))
    within(seconds, lambda: books.send(PIECE, 4000))
    books.check()
    relay.check_store()
    relay.stop()
    return {"held": held, "refused": books.sent - books.taken,
            "takes_again_s": again}


ACTS = {act.__name__: act for act in (descriptors, taken, disk)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--within", type=float, default=1)
    parser.add_argument("act", choices=ACTS)
    parser.add_argument("directory")
    args = parser.parse_args()
    directory = pathlib.Path(args.directory)
    relay = Relay(directory, disk=directory / "disk")
    relay.disk.mkdir()
    tell(relay, lambda: ACTS[args.act](relay, args.within))


if __name__ == "__main__":
    main()
