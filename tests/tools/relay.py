# SPDX-License-Identifier: ISC
"""A relay that is to die, and people who notice: for crashload, crashpoints.

What they say to it is sentinel.py's, so that nothing of ours judges itself.
"""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time

from sentinel import REQUEST, VERSION, Fault, Identity, connect

BIN = pathlib.Path(os.environ["SENTINEL_BIN"])
PATIENCE = 20                   # seconds, for what will surely come
ITEM = struct.Struct("<16sIBI")         # of a 2104: from, id, type, size
PAGE = 2**20
BUSY = 10                       # reasons of a 9000
MAILBOX_FULL = 7
FULL = (BUSY, MAILBOX_FULL)


class Wrong(Exception):
    """What must not be."""


class Gone(Exception):
    """The relay went away instead of an answer."""


class Relay:
    """One at a time on the store in a directory."""

    def __init__(self, directory, listen="127.0.0.1:0", disk=None,
                 options=(), program=BIN / "sentinel-relay"):
        self.directory = pathlib.Path(directory)
        self.disk = disk or self.directory
        self.store = self.disk / "relay.db"
        self.listen = listen
        self.options = options
        self.program = program
        self.process = None
        self.pid = 0            # of the relay; tracers are its parents
        self.address = None
        self.ready = {}         # what it said of itself
        self.started = 0.0

    def start(self, *tracer):
        alone = ["setpriv", "--pdeathsig", "KILL"]
        self.started = time.monotonic()
        with open(self.directory / "relay.log", "ab") as log:
            self.process = subprocess.Popen(
                [*alone, *tracer, *alone, self.program,
                 "--listen", self.listen, "--store", f"sqlite:{self.store}",
                 "--key", self.directory / "relay.secret", *self.options],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        line = self.process.stdout.readline()
        if not line:
            raise Gone(f"it does not start: {self.wait()}")
        self.ready = json.loads(line)
        self.pid, self.address = self.ready["pid"], self.ready["address"]
        self.listen = self.ready["listen"][0]

    def wait(self, timeout=PATIENCE):
        """How it ended: a status, or minus the signal."""
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Wrong(f"still there after {timeout} s") from None
        self.process.stdout.close()
        return status

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        self.wait()

    def end(self):
        """Whatever has become of it."""
        if self.process and self.process.poll() is None:
            self.kill()

    def stop(self, timeout=10):
        os.kill(self.pid, signal.SIGTERM)
        status = self.wait(timeout)
        if status != 0:
            raise Wrong(f"SIGTERM ended it with {status}")

    def check_store(self):
        """Of a copy, for a look would finish what the crash has left."""
        with tempfile.TemporaryDirectory() as copy:
            for path in self.disk.glob("relay.db*"):
                if path.is_file():
                    shutil.copy(path, copy)
            with sqlite3.connect(f"{copy}/relay.db") as db:
                found = db.execute("PRAGMA integrity_check").fetchall()
            db.close()
        if found != [("ok",)]:
            raise Wrong(f"integrity_check: {found}")

    def segments(self):
        """Files with pieces of files."""
        return sorted(os.listdir(f"{self.store}.files"))


def tell(relay, play):
    """What a play found, as one JSON line, or what was wrong."""
    try:
        print(json.dumps(play()))
    except (Wrong, Gone) as e:
        sys.exit(f"wrong: {e}")
    finally:
        relay.end()


class Person:
    """Somebody with keys of his own and a channel, anew when it has ended."""

    def __init__(self, relay, name):
        self.relay = relay
        self.identity = Identity(name)
        self.id = self.identity.id
        self.channel = None
        self.last = 0           # when the last answer came

    @contextlib.contextmanager
    def trouble(self):
        try:
            yield
        except (EOFError, OSError) as e:
            self.hang_up()
            raise Gone(str(e)) from None
        except Fault as e:
            raise Wrong(str(e)) from None

    def connect(self):
        with self.trouble():
            if not self.channel:
                self.channel = connect(self.relay.address, self.identity)

    def ask(self, code, payload=b""):
        """(code, payload) of the reply."""
        self.connect()
        with self.trouble():
            reply = self.channel.request(self.id, code, payload)
        self.last = time.monotonic()
        return reply

    def hang_up(self):
        if self.channel:
            self.channel.socket.close()
        self.channel = None

    def expect(self, code, payload=b""):
        """The payload of the reply that this request should have."""
        answer, reply = self.ask(code, payload)
        if answer != code + 1000:
            raise Wrong(f"{code}: answered {answer} {reply.hex()}")
        return reply

    def register(self):
        self.expect(1100, self.identity.registration())
        self.hang_up()          # what follows is for a bound channel

    def send(self, to, type_, content):
        """None when it is acknowledged, else (reason, retry_after)."""
        code, reply = self.ask(1103, self.message(to, type_, content))
        return self.was_sent(code, reply)

    def send_many(self, to, messages):
        """The same of each, all of them asked for in one record."""
        self.connect()
        requests = [self.message(to, *message) for message in messages]
        with self.trouble():
            self.channel.send_frame(b"".join(
                REQUEST.pack(self.id, VERSION, 1103, len(request)) + request
                for request in requests))
            return [self.was_sent(*self.channel.reply()) for _ in requests]

    @staticmethod
    def message(to, type_, content):
        return to + struct.pack("<BI", type_, len(content)) + content

    @staticmethod
    def was_sent(code, reply):
        if code not in (2103, 9000):
            raise Wrong(f"1103: answered {code}")
        return None if code == 2103 else struct.unpack_from("<HI", reply)

    def pull(self, after=0, wait_ms=0):
        """[(id, sender, type, content)]"""
        reply, items = self.expect(1104, struct.pack(
            "<IIIB3x", after, PAGE, wait_ms, 0)), []
        while reply:
            sender, id_, type_, size = ITEM.unpack_from(reply)
            items.append((id_, sender, type_, reply[ITEM.size:][:size]))
            reply = reply[ITEM.size + size:]
        return items

    def pull_all(self):
        items = []
        while page := self.pull(items[-1][0] if items else 0):
            items += page
        return items

    def acknowledge(self, first, last):
        """How many are gone; None when it is refused."""
        code, reply = self.ask(1105, struct.pack("<II", first, last))
        if code not in (2105, 9000):
            raise Wrong(f"1105: answered {code}")
        return struct.unpack("<I", reply)[0] if code == 2105 else None
