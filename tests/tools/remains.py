# SPDX-License-Identifier: ISC
"""What a command leaves behind, without what differs from run to run.

A command draws other keys, identifiers and times in each run.  Two runs that
were stopped behind the same commit have still changed as many rows of the same
tables, with the same states, and contents of the same lengths: their changes
are equal, and what is done next ends alike.
"""
import collections
import contextlib
import hashlib
import os
import re
import sqlite3
import tempfile
from pathlib import Path

DATABASE = b"SQLite format 3\0"
# what stands beside one: a journal that undoes, and one that is yet to be done
BESIDE = ("-journal", "-wal")
# the relay's log, and what SQLite shares in memory
VARIES = re.compile(r"\.log$|-shm$")
# columns that number what there has ever been, or tell where a file is
NUMBERS = {"n", "number", "ID", "client", "nextMessage", "inode", "lastSeen"}
CLOCK = 10**9           # no count comes so far
SHORT = 1 << 16         # bytes of a file that may be a record
# identifiers, keys and times in what is printed
DRAWN = re.compile(rb"[A-Za-z0-9_-]{20,}|\d{10,}|\d{4}-\d\d-\d\dT[0-9:.]+Z")


def plain(text):
    return DRAWN.sub(b"#", text)


def _content(path):
    """What a relay has in its segments is seen by nobody, but that it is."""
    if path.parent.suffix == ".files":
        return str(path.stat().st_size).encode()
    return path.read_bytes() if path.is_file() else b""


def _count(database):
    """How many transactions a database has had, by its header."""
    return int.from_bytes(database[24:28], "big")


def _value(value):
    if isinstance(value, bytes):
        return len(value)
    if isinstance(value, str):
        return re.sub("[0-9]+", "#", value)     # user17
    return "time" if value is not None and value > CLOCK else value


def _kinds(rows):
    return tuple(sorted(
        repr([table, *(_value(value) for name, value in row
                       if name not in NUMBERS)])
        for table, *row in rows.elements()))


class Database:
    """Its rows, and how many transactions it has had, as whoever opens it finds
    them; sqlite3.Error where that fails."""

    def __init__(self, parts):
        """parts: (what the name ends with, content)"""
        self.rows = collections.Counter()
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "d")
            for suffix, content in parts:
                Path(path + suffix).write_bytes(content)
            with contextlib.closing(sqlite3.connect(path)) as db:
                self._read(db)
            self.count = _count(Path(path).read_bytes())

    def _read(self, db):
        for said, in db.execute("PRAGMA integrity_check"):
            if said != "ok":
                raise sqlite3.DatabaseError(said)
        for table, in db.execute("SELECT name FROM sqlite_master "
                                 "WHERE type = 'table'").fetchall():
            found = db.execute(f'SELECT * FROM "{table}"')
            names = [column[0] for column in found.description]
            self.rows.update((table, *zip(names, row)) for row in found)


class Remains:
    """All files below a directory, but for those that vary."""

    def __init__(self, directory):
        self.files = {}
        for path in sorted(Path(directory).rglob("*")):
            if VARIES.search(path.name):
                continue
            with contextlib.suppress(FileNotFoundError):
                self.files[str(path)] = (path.stat().st_mode, _content(path))

    def mode(self, path):
        return self.files.get(path, (None, b""))[0]

    def content(self, path):
        return self.files.get(path, (None, b""))[1]

    def _database(self, path):
        return Database([(suffix, self.content(path + suffix))
                         for suffix in ("", *BESIDE)
                         if self.content(path + suffix)])

    def _change(self, before, path):
        """What has changed in a file: no two runs write the same bytes."""
        old, new = before.content(path), self.content(path)
        if path.endswith(".mark"):
            count = int.from_bytes(new[16:20], "little")
            return _count(self.content(path[:-5])) - count
        if DATABASE in (old[:16], new[:16]):
            was, now = before._database(path), self._database(path)
            hot = bool(self.content(path + "-journal"))
            return (hot, hot and old == new, now.count - was.count,
                    _kinds(now.rows - was.rows), _kinds(was.rows - now.rows))
        return hashlib.blake2b(plain(new) if len(new) < SHORT else new).digest()

    def waits(self):
        """Whether anything waits at the relay."""
        return any(content.startswith(DATABASE) and any(
            row[0] == "messages" for row in self._database(path).rows)
                   for path, (_, content) in self.files.items())

    def changes(self, before):
        """How this differs from what was before, to be compared; or None,
        where it is not known."""
        changed = {re.sub("|".join(f"{end}$" for end in BESIDE), "", path)
                   for path in self.files.keys() | before.files.keys()
                   if self.files.get(path) != before.files.get(path)}
        try:
            return tuple((plain(path.encode()), self.mode(path),
                          self._change(before, path))
                         for path in sorted(changed))
        except sqlite3.Error:
            return None
