#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
"""Races a pull for its output directory.

  races.py ROUNDS DIR SEND... -- PULL...

Each round makes a new file, runs SEND with it, then PULL, which is to take it
into DIR, and from when it has DIR open until it ends exchanges, as fast as can
be: DIR itself for a symbolic link to a directory outside, partial files for
links to a file outside, and the name the file will have for such a link or a
file of our own.  After each round:

  - what is outside is as it was
  - our own files are as they were
  - what else has a name is the whole file, 0600, and told of by a record
    that is right, or nothing

Prints one line of JSON, how often was won by whom.
"""
import hashlib
import json
import os
import random
import shutil
import stat
import subprocess
import sys
import time

NAME = "file.bin"
LIMIT_S = 30


class Round:
    def __init__(self, top, number):
        self.top, self.dir = top, os.path.join(top, "in")
        self.away = os.path.join(top, "away")
        self.outside = os.path.join(top, "outside")
        self.victim = os.path.join(self.outside, "victim")
        self.number, self.random = number, random.Random(number)
        self.ours = {}
        self.swaps = 0
        for made in (self.dir, self.outside):
            os.makedirs(made, exist_ok=True)
        with open(self.victim, "w") as f:
            f.write("victim")
        self.before = self.look(self.outside)

    @staticmethod
    def look(directory):
        """What is there, to the nanosecond."""
        found = {}
        for entry in os.scandir(directory):
            s = entry.stat(follow_symlinks=False)
            found[entry.name] = (s.st_ino, s.st_mode, s.st_size, s.st_mtime_ns)
        return found

    def exchange_directory(self):
        os.rename(self.dir, self.away)
        os.symlink(self.outside, self.dir)
        for _ in range(self.random.randrange(200)):
            pass
        os.unlink(self.dir)
        os.rename(self.away, self.dir)

    def exchange_part(self):
        link = os.path.join(self.dir, "link")
        for name in os.listdir(self.dir):
            if name.endswith(".part"):
                os.symlink(self.victim, link)
                os.rename(link, os.path.join(self.dir, name))

    def take_name(self):
        stem, ending = os.path.splitext(NAME)
        number = len(self.ours)
        path = os.path.join(
            self.dir, f"{stem}-{number}{ending}" if number else NAME)
        try:
            if self.random.randrange(2):
                os.symlink(self.victim, path)
            else:
                with open(path, "x") as f:
                    f.write("mine")
        except FileExistsError:
            return
        self.ours[os.path.basename(path)] = os.lstat(path).st_ino

    def race(self, pull, likely):
        """
        The directory all the time, the rest at a time of its own, which likely
        says how late that may be; in most rounds the file may win.  In every
        fifth the part is exchanged all the time, too, and it can hardly.
        """
        late = [(self.random.random() * likely, self.take_name)
                for _ in range(3)]
        if self.random.randrange(3) == 0:
            late.append((self.random.random() * likely, self.exchange_part))
        late.sort(key=lambda one: -one[0])
        relentless = self.number % 5 == 4
        began = time.monotonic()
        while pull.poll() is None:
            now = time.monotonic() - began
            assert now < LIMIT_S, "the pull does not end"
            if late and now >= late[-1][0]:
                late.pop()[1]()
            else:
                self.exchange_directory()
                if relentless:
                    self.exchange_part()
            self.swaps += 1
        return time.monotonic() - began

    def check(self, data, records):
        assert self.look(self.outside) == self.before, "something is outside"
        for name, inode in self.ours.items():
            path = os.path.join(self.dir, name)
            assert os.lstat(path).st_ino == inode, f"{name} was replaced"
            if not os.path.islink(path):
                with open(path) as f:
                    assert f.read() == "mine", f"{name} was overwritten"
        files = [n for n in os.listdir(self.dir)
                 if n not in self.ours and not n.startswith(".")]
        whole = 0
        for name in files:
            path = os.path.join(self.dir, name)
            if os.path.islink(path):
                continue    # a part that was exchanged just before its name
            mode = os.lstat(path).st_mode
            with open(path, "rb") as f:
                assert f.read() == data, f"{name} is not the file"
            assert stat.S_IMODE(mode) == 0o600, f"{name} is {oct(mode)}"
            whole += 1
        told = [r for r in records if r["type"] == "file"]
        assert len(told) <= whole, "a file was told of that is not there"
        for r in told:
            path = os.path.join(self.dir, r["name"])
            # it may have been away when the pull asked for its path
            assert r["path"] in (path, os.path.join(self.away, r["name"]))
            with open(path, "rb") as f:
                assert not os.path.islink(path) and f.read() == data
        return len(told)


def open_in(pid, directory):
    """Does it have the directory open?"""
    try:
        return any(
            os.readlink(f"/proc/{pid}/fd/{fd}") == directory
            for fd in os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return False


def play(top, number, likely, send, pull):
    r = Round(top, number)
    data = random.Random(number).randbytes(700000)
    with open(os.path.join(top, NAME), "wb") as f:
        f.write(data)
    subprocess.run(send + [os.path.join(top, NAME)], check=True,
                   stdout=subprocess.DEVNULL, timeout=LIMIT_S)
    # no pipe: a pull waits until somebody has read a record from one
    printed = open(os.path.join(top, "printed"), "w+")
    command = subprocess.Popen(pull, stdout=printed,
                               stderr=subprocess.DEVNULL)
    try:
        while command.poll() is None and not open_in(command.pid, r.dir):
            pass
        likely = r.race(command, likely)
        printed.seek(0)
        records = [json.loads(line) for line in printed]
    finally:
        command.kill()
        command.wait()
        printed.close()
    assert command.returncode in (0, 34), f"status {command.returncode}"
    told = r.check(data, records)
    # what a failed pull has left at the relay: by itself, in peace
    last = subprocess.run(pull, stdout=subprocess.PIPE, timeout=LIMIT_S)
    assert last.returncode == 0, f"status {last.returncode} in peace"
    told += r.check(data, [json.loads(line)
                           for line in last.stdout.splitlines()])
    shutil.rmtree(r.dir)
    return told, r.swaps, likely


def main():
    rounds, top = int(sys.argv[1]), os.path.realpath(sys.argv[2])
    at = sys.argv.index("--")
    send, pull = sys.argv[3:at], sys.argv[at + 1:]
    won = swaps = 0
    likely = 0.03
    for number in range(rounds):
        told, n, likely = play(top, number, likely, send, pull)
        won += told
        swaps += n
    print(json.dumps({"rounds": rounds, "swaps": swaps, "received": won,
                      "lost": rounds - won}))


if __name__ == "__main__":
    main()
