# SPDX-License-Identifier: ISC
"""What a power cut may leave of files, from a log of tests/preload/power.c.

The log is replayed up to a cut.  What was synced before it is there.  Of what
was not, each write, truncation and hole is there or not, on its own; a write
may be there in part, by sectors of 512 bytes, or as zeros; a file may be there
without its content.  A name is there or not, whatever became of the names
before it; only a rename is one thing, and only the sync of its directory makes
a name last.  No file system in use is that harsh, for each orders some of this:
what outlives it here outlives it there.  Nothing is damaged that was synced,
and nothing else than zeros stands where nothing was written.
"""
import bisect
import collections
import mmap
import os
import pathlib
import random
import shutil
import struct

SECTOR = 512
ROOM = 2**30                    # of a log, sparse
RECORD = struct.Struct("<IIQQQQQiI")
END = struct.Struct("<Q")
(WRITE, TRUNCATE, PUNCH, SYNC, OPEN, NAMELESS, LINK, UNLINK, RENAME, MKDIR,
 SEND, PRINT) = range(1, 13)

Record = collections.namedtuple(
    "Record", "place op now file dir at len pid data")


class Log:
    """A file that processes under power.so append to."""

    def __init__(self, path, library, synchronous=None):
        self.path = path
        with open(path, "xb") as f:
            f.truncate(ROOM)
        self.environment = {"LD_PRELOAD": str(library), "POWER_LOG": str(path)}
        if synchronous:
            self.environment["POWER_SYNCHRONOUS"] = synchronous

    def read(self):
        with open(self.path, "rb") as f, \
                mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ) as m:
            end, = END.unpack_from(m)
            records, place = [], 0
            while place < end:
                at = place + END.size
                size, *fields, carried = RECORD.unpack_from(m, at)
                at += RECORD.size
                records.append(Record(place, *fields, m[at:at + carried]))
                place += size
        return records


class Chance:
    """What becomes of that which was not synced."""

    def __init__(self, rng):
        self.rng = rng
        self.kept = rng.choice((0, 0.1, 0.5, 0.9, 1))
        self.torn = rng.choice((0, 0.5))

    def keeps(self):
        return self.rng.random() < self.kept

    def tears(self):
        return self.rng.random() < self.torn

    def half(self):
        return self.rng.random() < 0.5


class File:
    def __init__(self, number, content=b""):
        self.number = number
        self.full = bytearray(content)      # as the system has it
        self.durable = bytearray(content)
        self.pending = []                   # (place, function, arguments)

    def change(self, place, function, *arguments):
        function(self.full, *arguments)
        self.pending.append((place, function, arguments))

    def sync(self, begin):
        done = bisect.bisect_left(self.pending, begin, key=lambda p: p[0])
        for _, function, arguments in self.pending[:done]:
            function(self.durable, *arguments)
        del self.pending[:done]

    def left(self, chance):
        content = bytearray(self.durable)
        for _, function, arguments in self.pending:
            if function is not write:
                if chance.keeps():
                    function(content, *arguments)
            elif chance.keeps():
                write_some(content, chance, *arguments)
            elif chance.tears():            # its length without its bytes
                extend(content, arguments[0] + len(arguments[1]))
        return content


def extend(content, size):
    content.extend(bytes(max(0, size - len(content))))


def write(content, at, data):
    extend(content, at)
    content[at:at + len(data)] = data


def write_some(content, chance, at, data):
    if not chance.tears():
        write(content, at, data)
        return
    begin = 0
    while begin < len(data):
        end = begin + SECTOR - (at + begin) % SECTOR
        if chance.half():
            write(content, at + begin, data[begin:end])
        begin = end


def truncate(content, size):
    del content[size:]
    extend(content, size)


def punch(content, at, size):
    end = min(at + size, len(content))
    if end > at:
        content[at:end] = bytes(end - at)


class Directory:
    def __init__(self):
        self.full = {}
        self.durable = {}
        self.pending = []       # (place, function, arguments)

    change = File.change
    sync = File.sync

    def left(self, chance):
        names = dict(self.durable)
        for _, function, arguments in self.pending:
            if chance.keeps():
                function(names, *arguments)
        return names


def link(names, name, node):
    names[name] = node


def unlink(names, name):
    names.pop(name, None)


def rename(names, name, other, node):
    if names.get(name) is node:
        del names[name]
        names[other] = node


class Disk:
    """Everything under a directory, as of some record of the log."""

    def __init__(self, root):
        self.nodes = {}         # by number
        self.at = 0             # records replayed
        self.root = self.load(root)

    def load(self, path):
        if path.is_dir():
            node = Directory()
            node.full = {p.name: self.load(p) for p in path.iterdir()}
            node.durable = dict(node.full)
        else:
            node = File(path.stat().st_ino, path.read_bytes())
        self.nodes[path.stat().st_ino] = node
        return node

    def replay(self, records, end):
        for record in records[self.at:end]:
            if record.op in HOW:
                HOW[record.op](self, record)
        self.at = end

    def add(self, record, node):
        """A node with a name, where that is watched."""
        self.nodes[record.file] = node
        self.nodes[record.dir].change(record.place, link,
                                      os.fsdecode(record.data), node)

    def opened(self, record):
        if record.dir not in self.nodes:
            return
        node = self.nodes.get(record.file)
        names = self.nodes[record.dir].full
        if node is None or names.get(os.fsdecode(record.data)) is not node:
            self.add(record, File(record.file))
        elif record.at:
            node.change(record.place, truncate, 0)

    def nameless(self, record):
        self.nodes[record.file] = File(record.file)

    def linked(self, record):
        if record.dir in self.nodes:
            self.add(record, self.nodes[record.file])

    def unlinked(self, record):
        if record.dir in self.nodes:
            self.nodes[record.dir].change(record.place, unlink,
                                          os.fsdecode(record.data))

    def renamed(self, record):
        node = self.nodes.get(record.dir)
        if not node:
            return
        if record.file != record.dir:
            raise ValueError("a rename between directories")
        name, other = os.fsdecode(record.data).split("/")
        node.change(record.place, rename, name, other, node.full[name])

    def made(self, record):
        if record.dir in self.nodes:
            self.add(record, Directory())

    def changed(self, record):
        function, *arguments = {
            WRITE: (write, record.at, record.data),
            TRUNCATE: (truncate, record.at),
            PUNCH: (punch, record.at, record.len)}[record.op]
        if record.file in self.nodes:
            self.nodes[record.file].change(record.place, function, *arguments)

    def synced(self, record):
        if record.file in self.nodes:
            self.nodes[record.file].sync(record.at)

    def put(self, to, chance=None, name=None, attic=None):
        """Lay down in a new place what is left, or all of it: of everything,
        or of what has this name in the directory."""
        lay(self.root.full[name] if name else self.root, pathlib.Path(to),
            chance, attic, {})


HOW = {WRITE: Disk.changed, TRUNCATE: Disk.changed, PUNCH: Disk.changed,
       SYNC: Disk.synced, OPEN: Disk.opened, NAMELESS: Disk.nameless,
       LINK: Disk.linked, UNLINK: Disk.unlinked, RENAME: Disk.renamed,
       MKDIR: Disk.made}


class Attic:
    """Keeps files while others are laid down, for a cut leaves a file its
    number, by which it may be known."""

    def __init__(self, path, root):
        self.path = pathlib.Path(path)
        self.path.mkdir()
        self.numbers = {p.stat().st_ino for p in root.rglob("*")
                        if p.is_file()}
        self.clear(root)

    def clear(self, root):
        """Take back what is there, of the rest nothing is left."""
        for path in root.rglob("*"):
            number = path.lstat().st_ino
            if number in self.numbers and path.is_file():
                path.rename(self.path / str(number))
        shutil.rmtree(root)

    def lend(self, number, path):
        if (self.path / str(number)).exists():
            (self.path / str(number)).rename(path)


def lay(node, path, chance, attic, laid):
    if node in laid:
        os.link(laid[node], path)
        return
    laid[node] = path
    left = node.left(chance) if chance else node.full
    if isinstance(node, Directory):
        path.mkdir(mode=0o700)
        for name, child in left.items():
            lay(child, path / name, chance, attic, laid)
        return
    if attic:
        attic.lend(node.number, path)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
              "wb") as f:
        f.write(left)


def lazily(records, database):
    """Without the syncs of its log that SQLite leaves out when synchronous is
    NORMAL, whoever makes them: all but those before it is worked off."""
    numbers = {r.data: r.file for r in records if r.op == OPEN}
    logs = {r.file for r in records
            if r.op == OPEN and r.data == database + b"-wal"}
    kept, worked_off = [], False
    for r in reversed(records):
        if r.op == SYNC and r.file in logs and not worked_off:
            continue
        if r.op != SYNC:
            worked_off = r.op == WRITE and r.file == numbers[database]
        kept.append(r)
    return kept[::-1]


def choose(records, count, rng, whose=lambda record: True):
    """So many places to cut, ascending: half anywhere, half where it hurts,
    just before a sync has come back and just after something was told."""
    own = [n for n, r in enumerate(records) if whose(r)]
    worst = [n + (records[n].op != SYNC) for n in own
             if records[n].op in (SYNC, SEND, PRINT)]
    half = min(count // 2, len(worst))
    return sorted(rng.sample(worst, half) +
                  [n + 1 for n in rng.sample(own, count - half)])


def generator(seed):
    return random.Random(seed)
