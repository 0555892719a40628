#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
"""Stands in for systemctl where no service manager runs.

  systemctl.py [--user] {enable --now|start|stop|reload} UNIT...
  systemctl.py kill --kill-whom=main -s SIGNAL UNIT

Finds the unit where it is installed, and starts its service as it says: by
another user, with its directories, on the sockets of the unit beside it, and
waits until it is ready.  What it does not know it refuses.
"""
import functools
import os
import pathlib
import re
import signal
import socket
import sys
import time

LIMIT = 20
NOBODY = 61184  # the first of systemd's dynamic users


class Unit:
    def __init__(self, name, user):
        self.name = name if "." in name else name + ".service"
        self.user = user
        self.file = pathlib.Path("/usr/local/lib/systemd",
                                 "user" if user else "system", self.name)
        if not self.file.exists():
            sys.exit(f"Unit {self.name} could not be found.")
        self.lines = re.findall(r"^(\w+)=(.*)$", self.file.read_text(), re.M)
        state = pathlib.Path.home() / ".units" if user else pathlib.Path("/run")
        state.mkdir(exist_ok=True)
        self.pidfile = state / f"{self.name}.pid"
        self.journal = state / f"{self.name}.log"

    def get(self, name):
        return [value for key, value in self.lines if key == name]

    def pid(self):
        """Of its process, while that runs."""
        try:
            pid = int(self.pidfile.read_text())
            state = pathlib.Path(f"/proc/{pid}/stat").read_text().split()[2]
        except FileNotFoundError:
            return None
        return None if state == "Z" else pid


def listen(unit):
    """The sockets of the unit beside it."""
    beside = unit.file.with_suffix(".socket")
    if not beside.exists():
        return []
    sockets = []
    for where in Unit(beside.name, unit.user).get("ListenStream"):
        host, port = re.fullmatch(r"\[?(.*?)\]?:(\d+)", where).groups()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sockets.append(socket.create_server(
            (host, int(port)), family=family,
            dualstack_ipv6=family == socket.AF_INET6))
    return sockets


def directories(unit, number):
    """Make them, and tell the service where they are."""
    told = {}
    for key, top, variable, owner in (
            ("ConfigurationDirectory", "/etc", "CONFIGURATION_DIRECTORY", 0),
            ("StateDirectory", "/var/lib", "STATE_DIRECTORY", number)):
        for name in unit.get(key):
            path = pathlib.Path(top, name)
            path.mkdir(mode=0o700 if owner else 0o755, exist_ok=True)
            os.chown(path, owner, owner)
            told[variable] = str(path)
    return told


def words(unit, environment):
    text = unit.get("ExecStart")[0].replace("%h", str(pathlib.Path.home()))
    return re.sub(r"\$\{(\w+)\}", lambda m: environment[m[1]], text).split()


def is_mapped(number):
    ranges = pathlib.Path("/proc/self/uid_map").read_text().splitlines()
    return any(int(first) <= number < int(first) + int(count)
               for first, _, count in map(str.split, ranges))


def become(unit, sockets, notify, number, environment):
    os.setsid()
    high = [os.dup(s.fileno()) for s in sockets]
    for i, fd in enumerate(high, 3):
        os.dup2(fd, i, inheritable=True)
    journal = os.open(unit.journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open("/dev/null", os.O_RDONLY)
    for fd, to in ((nothing, 0), (journal, 1), (journal, 2)):
        os.dup2(fd, to, inheritable=True)
    if number:
        os.setgroups([])
        os.setgid(number)
        os.setuid(number)
    if sockets:
        environment |= {"LISTEN_FDS": str(len(sockets)),
                        "LISTEN_PID": str(os.getpid())}
    if notify:
        environment["NOTIFY_SOCKET"] = notify
    command = words(unit, environment)
    os.execvpe(command[0], command, environment)


def start(unit):
    if unit.name.endswith(".socket") or unit.pid():
        return
    number = NOBODY if unit.get("DynamicUser") and is_mapped(NOBODY) else 0
    environment = os.environ | directories(unit, number)
    sockets = listen(unit)
    told = None
    if "notify" in unit.get("Type"):
        told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        told.bind(f"\0{unit.name}.{os.getpid()}")
        told.settimeout(LIMIT)
    pid = os.fork()
    if pid == 0:
        notify = told and told.getsockname().decode().replace("\0", "@")
        become(unit, sockets, notify, number, environment)
    unit.pidfile.write_text(str(pid))
    while told and b"READY=1" not in told.recv(65536):
        pass


def stop(unit):
    pid = unit.pid()
    if not pid:
        return
    os.kill(pid, signal.SIGTERM)
    until = time.monotonic() + LIMIT
    while unit.pid():
        if time.monotonic() > until:
            sys.exit(f"{unit.name} does not stop")
        time.sleep(0.02)


def tell(name, unit):
    pid = unit.pid()
    if not pid:
        sys.exit(f"Unit {unit.name} not loaded.")
    os.kill(pid, getattr(signal, f"SIG{name}"))


def main():
    words = sys.argv[1:]
    user = "--user" in words[:1]
    verb, *words = words[user:]
    now = "--now" in words[:1]
    words = words[now:]
    if verb == "kill" and words[:2] == ["--kill-whom=main", "-s"]:
        act = functools.partial(tell, words[2])
        words = words[3:]
    elif verb == "reload":
        act = functools.partial(tell, "HUP")
    elif verb == "stop":
        act = stop
    elif verb == "start" or (verb == "enable" and now):
        act = start
    else:
        sys.exit(f"systemctl: {sys.argv[1:]}: not known here")
    for unit in [Unit(name, user) for name in words]:
        act(unit)


if __name__ == "__main__":
    main()
