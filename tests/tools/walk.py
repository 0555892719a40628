#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
"""Types what a man page says, as the people in it.

  walk.py [--instead OLD NEW] PAGE

A line of PAGE with a prompt, as in "alice$ COMMAND", is typed by that user of
the machine, who has a shell and a terminal of his own; what stands below is
what the terminal has to show then, times, keys and numbers apart.  A line that
ends with a colon is a question, and is answered.  Each command ends with
status 0.  --instead types NEW where OLD stands.

The page is read as mandoc shows it.  Prints what the terminals show.
"""
import argparse
import os
import pathlib
import pty
import pwd
import re
import select
import subprocess
import sys
import termios
import time

PROMPT = re.compile(r"(\s+)(root|alice|bob)[$#] (.*)")
DONE = re.compile(r"<(\d+)>\n?$")
LIMIT = 300
KEPT = ("ASAN_OPTIONS", "UBSAN_OPTIONS", "GCOV_ERROR_FILE")


class Amiss(Exception):
    pass


def commands(page):
    """Who types what, and the lines that he is shown."""
    text = subprocess.run(["mandoc", "-Tutf8", page], check=True,
                          stdout=subprocess.PIPE).stdout.decode()
    text = re.sub(".\x08", "", text)  # bold and underlined
    found = []
    indent = None
    more = None  # what ends the command
    for line in text.splitlines():
        start = PROMPT.match(line)
        if more is not None:
            line = line[len(indent):]
            found[-1][1].append(line)
            if line == more or more == "\\" and not line.endswith("\\"):
                more = None
        elif start:
            indent, who, line = start.groups()
            found.append((who, [line], []))
            here = re.search(r"<<'(\w+)'$", line)
            more = here[1] if here else "\\" if line.endswith("\\") else None
        elif indent and line.strip() and not line.startswith(indent):
            indent = None
        elif indent:
            found[-1][2].append(line[len(indent):])
    return found


def plain(lines):
    """What stays the same from one walk to the next."""
    text = "\n".join(line.rstrip() for line in lines if line.strip())
    text = text.replace("/mnt/", "/home/").replace("\t", " ")
    text = re.sub(r"sentinel://[\w-]{43}@", "sentinel://KEY@", text)
    text = re.sub(r"\d", "0", re.sub(r" +", " ", text))
    return text.splitlines()


class Person:
    """A shell on a terminal."""

    def __init__(self, name):
        user = pwd.getpwnam(name)
        environment = {
            "HOME": user.pw_dir, "USER": name, "PATH": os.environ["PATH"],
            "TERM": "dumb", "LANG": "C.UTF-8", "PS1": "<$?>\n", "PS2": "",
            **{key: os.environ[key] for key in KEPT if key in os.environ}}
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            if user.pw_uid:
                os.setgroups([])
                os.setgid(user.pw_gid)
                os.setuid(user.pw_uid)
            os.chdir(user.pw_dir)
            os.umask(0o022)
            os.execve("/bin/bash", ["bash", "--norc", "--noprofile",
                                    "--noediting", "-i"], environment)
        terminal = termios.tcgetattr(self.fd)
        terminal[1] &= ~termios.ONLCR
        terminal[3] &= ~termios.ECHO
        termios.tcsetattr(self.fd, termios.TCSANOW, terminal)
        self.until(lambda text: DONE.search(text))

    def until(self, enough):
        """What it shows, until that is enough."""
        text = b""
        end = time.monotonic() + LIMIT
        while not enough(text.decode(errors="replace")):
            if not select.select([self.fd], [], [],
                                 max(0, end - time.monotonic()))[0]:
                raise Amiss("and nothing more")
            try:
                got = os.read(self.fd, 65536)
            except OSError:
                raise Amiss("the shell has ended") from None
            sys.stdout.write(got.decode(errors="replace"))
            sys.stdout.flush()
            text += got
        return text.decode()

    def type(self, line):
        os.write(self.fd, line.encode() + b"\n")

    def run(self, lines, answer):
        """Type it, answer what is asked; what is shown, and the status."""
        for line in lines:
            self.type(line)
        shown = ""
        while True:
            shown += self.until(lambda text: DONE.search(text) or
                                re.search(r"(?:^|\n)[A-Z][^\n]*: $", text))
            done = DONE.search(shown)
            if done:
                return shown[:done.start()], int(done[1])
            self.type(answer(shown.rstrip().rsplit("\n", 1)[-1]))
            shown += "\n"


def walk(page, old, new):
    people = {}
    number = ""
    found = commands(page)
    if old and not any(old in line for _, lines, _ in found for line in lines):
        raise Amiss(f"the page has no {old}")

    def answer(question):
        print()
        return number if "number" in question else "correct horse"

    for who, lines, expected in found:
        people[who] = people.get(who) or Person(who)
        lines = [line.replace(old, new) if old else line for line in lines]
        print(f"{who}: " + "\n    ".join(lines), flush=True)
        shown, status = people[who].run(lines, answer)
        if status:
            raise Amiss(f"ended with {status}")
        digits = re.sub(r"\s", "", shown)
        if re.fullmatch(r"\d{60}", digits):
            number = digits
        if any(expected) and plain(shown.split("\n")) != plain(expected):
            raise Amiss("the page shows:\n" + "\n".join(expected))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--instead", nargs=2, default=("", ""))
    parser.add_argument("page", type=pathlib.Path)
    args = parser.parse_args()
    try:
        walk(args.page, *args.instead)
    except Amiss as amiss:
        sys.exit(f"walk: {amiss}")


if __name__ == "__main__":
    main()
