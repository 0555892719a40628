#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
"""Damage a file in many ways, and run commands on each.

  damage.py [--flips N] [--seed N] FILE [!]STATUS,...:COMMAND...

FILE is cut short to some lengths, and has one of its bits flipped, N times
another, every second in a byte that is not 0.  Each COMMAND is a line for sh,
in which {} is the damaged file; for the flipped bits they take turns.  It ends
with one of the STATUSes, and unless that is 0 the file is byte for byte as it
was; after ! it may have changed, for what is damaged may be met late.  Prints how often each status came; the first that
is wrong is told on stderr, with status 1.
"""
import argparse
import collections
import json
import os
import pathlib
import random
import subprocess
import sys

TIMEOUT = 60


def ways(content, flips, rng):
    """(what was done, the damaged content)"""
    for size in (0, 1, 15, 100, 512, 4095, 4096, len(content) - 4096,
                 len(content) - 1):
        yield f"cut to {size}", content[:size]
    # most of it is free, and half of them shall hit something
    used = [n for n, byte in enumerate(content) if byte]
    bits = [rng.choice(used) * 8 + rng.randrange(8) if n % 2
            else rng.randrange(len(content) * 8) for n in range(flips)]
    for bit in bits:
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        yield f"bit {bit} flipped", bytes(damaged)


def run(command, file, content):
    """The status, once the file was laid there; and what was said."""
    for path in file.parent.glob(file.name + "*"):
        path.unlink()
    with open(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as f:
        f.write(content)
    done = subprocess.run(
        command.replace("{}", str(file)), shell=True, timeout=TIMEOUT,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, check=False)
    return done.returncode, done.stderr.decode(errors="replace")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--flips", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("file", type=pathlib.Path)
    parser.add_argument("commands", nargs="+")
    args = parser.parse_args()
    content = args.file.read_bytes()
    file = args.file.with_suffix(".damaged")
    seen = collections.Counter()
    all_ways = ways(content, args.flips, random.Random(args.seed))
    for n, (what, damaged) in enumerate(all_ways):
        turn = args.commands[n % len(args.commands)]
        for line in args.commands if what.startswith("cut") else [turn]:
            fine, _, command = line.partition(":")
            status, said = run(command, file, damaged)
            seen[f"{what.split()[0]} {status}"] += 1
            if str(status) not in fine.lstrip("!").split(","):
                sys.exit(f"{what}: {command}: ended with {status}: {said}")
            if status != 0 and fine[0] != "!" and file.read_bytes() != damaged:
                sys.exit(f"{what}: {command}: the file has changed")
    print(json.dumps(seen))


main()
