#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
"""Start a command as a service manager does, for tests.

  manager.py [--sockets N] [--abstract] DIRECTORY COMMAND...

N sockets that listen on 127.0.0.1 are its descriptors from 3 on, and
DIRECTORY/told gets what it tells: a line each, "---" after each datagram.
Becomes its parent, passes SIGTERM and SIGHUP on, and ends as it does.
"""
import argparse
import os
import pathlib
import signal
import socket
import sys


def become(args, sockets, where):
    # out of the way first, for they may stand in each other's place
    high = [os.dup(s.fileno()) for s in sockets]
    for i, fd in enumerate(high, 3):
        os.dup2(fd, i, inheritable=True)
    environment = {**os.environ, "NOTIFY_SOCKET": where,
                   "LISTEN_FDS": str(len(sockets)),
                   "LISTEN_PID": str(os.getpid())}
    os.execvpe(args.command[0], args.command, environment)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sockets", type=int, default=0)
    parser.add_argument("--abstract", action="store_true")
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    args = parser.parse_args()
    where = "@" + str(args.directory / "notify") if args.abstract \
        else str(args.directory / "notify")
    told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    told.bind(where.replace("@", "\0"))
    sockets = [socket.create_server(("127.0.0.1", 0))
               for _ in range(args.sockets)]
    pid = os.fork()
    if pid == 0:
        become(args, sockets, where)
    for passed in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(passed, lambda signo, _: os.kill(pid, signo))
    told.settimeout(0.05)
    with open(args.directory / "told", "w", buffering=1) as out:
        ended = 0
        while True:
            try:
                out.write(told.recv(65536).decode() + "\n---\n")
                continue
            except TimeoutError:
                pass
            if ended:
                break
            ended, status = os.waitpid(pid, os.WNOHANG)
    sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
