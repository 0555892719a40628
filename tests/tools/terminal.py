#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
"""Runs a command on a terminal of its own and answers its questions.

  terminal.py [OPTION]... [--] COMMAND [ARG]...

  --answer TEXT KEYS   when TEXT has appeared, type KEYS; may be given again,
                       the answers are given in this order.  KEYS is as in a
                       Python string: \\r is the Enter key, \\x03 is Ctrl-C
  --run TEXT COMMAND   when TEXT has appeared, run COMMAND in a shell; it finds
                       the command's process in PID.  In order with --answer
  --stdin FILE, --stdout FILE, --stderr FILE
                       this stream is not the terminal
  --log FILE           append a JSON line when the terminal was written to
                       ("prompt"), the command was stopped ("stopped"; it is
                       continued at once) or has ended ("status"), and whether
                       the terminal echoed then ("echo")
  --timeout SECONDS    of all of it (20); the status is 99 then

Prints what the terminal showed, with plain newlines, and ends with the
command's exit status, 128 and its number when that was a signal.

The command is a job in the foreground, as a shell would start it: it can be
stopped, and its terminal's signals reach it alone.
"""
import argparse
import json
import os
import select
import signal
import subprocess
import sys
import termios
import time

# whoever started us may ignore them, a job of a terminal does not
DEFAULT = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP,
           signal.SIGTTOU, signal.SIGPIPE)


class Action(argparse.Action):
    """--answer and --run share a list, in the order they were given."""

    def __call__(self, parser, args, values, option=None):
        args.steps.append((self.dest, *values))


def arguments():
    parser = argparse.ArgumentParser()
    parser.set_defaults(steps=[])
    for name in ("answer", "run"):
        parser.add_argument(f"--{name}", nargs=2, action=Action)
    for name in ("stdin", "stdout", "stderr", "log"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--timeout", type=float, default=20)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    args = parser.parse_args()
    args.command = args.command[args.command[:1] == ["--"]:]
    if not args.command:
        parser.error("COMMAND is missing")
    return args


def redirect(args):
    for fd, name, flags in (
            (0, args.stdin, os.O_RDONLY),
            (1, args.stdout, os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
            (2, args.stderr, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)):
        if name:
            os.dup2(os.open(name, flags, 0o600), fd)


def start(args):
    """The command, in the foreground of this process's terminal."""
    pid = os.fork()
    if pid == 0:
        os.setpgid(0, 0)
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        os.tcsetpgrp(0, os.getpid())
        for number in DEFAULT:
            signal.signal(number, signal.SIG_DFL)
        redirect(args)
        os.execvp(args.command[0], args.command)
    return pid


def keep(args, tell):
    """The leader of the session: what a shell does for a job."""
    def say(event):
        os.write(tell, (json.dumps(event) + "\n").encode())

    pid = start(args)
    say({"pid": pid})
    while True:
        _, status = os.waitpid(pid, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            break
        say({"stopped": os.WSTOPSIG(status), "echo": echoes(0)})
        os.kill(pid, signal.SIGCONT)
    if os.WIFSIGNALED(status):
        code = 128 + os.WTERMSIG(status)
    else:
        code = os.WEXITSTATUS(status)
    say({"status": code, "echo": echoes(0)})
    os._exit(0)


def echoes(fd):
    return bool(termios.tcgetattr(fd)[3] & termios.ECHO)


class Watch:
    """The master's side: transcript, steps, and what the keeper tells."""

    def __init__(self, args, master, told):
        self.args, self.master, self.told = args, master, told
        self.shown, self.seen = b"", 0
        self.heard, self.pid, self.status = b"", None, None

    def log(self, event):
        if self.args.log:
            with open(self.args.log, "a", encoding="utf-8") as f:
                f.write(json.dumps(event) + "\n")

    def listen(self):
        data = os.read(self.told, 4096)
        self.heard += data
        while b"\n" in self.heard:
            line, self.heard = self.heard.split(b"\n", 1)
            event = json.loads(line)
            self.pid = event.get("pid", self.pid)
            self.status = event.get("status", self.status)
            if "pid" not in event:
                self.log(event)
        return data

    def look(self):
        try:
            data = os.read(self.master, 4096)
        except OSError:         # nobody has the terminal open any more
            return b""
        self.shown += data.replace(b"\r\n", b"\n")
        return data

    def step(self):
        """The next step, if what it waits for has appeared."""
        if not self.args.steps or self.pid is None:
            return
        kind, text, what = self.args.steps[0]
        at = self.shown.find(text.encode(), self.seen)
        if at < 0:
            return
        self.seen = at + len(text.encode())
        self.args.steps.pop(0)
        self.log({"prompt": text, "echo": echoes(self.master)})
        if kind == "run":
            subprocess.run(["sh", "-c", what], check=True,
                           env={**os.environ, "PID": str(self.pid)})
        else:
            os.write(self.master, what.encode().decode("unicode_escape")
                     .encode("latin-1"))

    def follow(self, deadline):
        fds = [self.master, self.told]
        while fds and time.monotonic() < deadline:
            ready, _, _ = select.select(fds, [], [], 0.5)
            if self.told in ready and not self.listen():
                fds.remove(self.told)
            if self.master in ready and not self.look():
                fds.remove(self.master)
            self.step()


def main():
    args = arguments()
    told, tell = os.pipe()
    keeper, master = os.forkpty()
    if keeper == 0:
        os.close(told)
        keep(args, tell)
    os.close(tell)
    watch = Watch(args, master, told)
    watch.follow(time.monotonic() + args.timeout)
    sys.stdout.buffer.write(watch.shown)
    sys.stdout.flush()
    if watch.status is None:
        for pid in filter(None, (watch.pid, keeper)):
            os.kill(pid, signal.SIGKILL)
        print("terminal.py: no end in time", file=sys.stderr)
    os.waitpid(keeper, 0)
    if args.steps:
        print(f"terminal.py: never appeared: {args.steps[0][1]}", file=sys.stderr)
    if watch.status is None or args.steps:
        sys.exit(99)
    sys.exit(watch.status)


if __name__ == "__main__":
    main()
