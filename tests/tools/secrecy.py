#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
"""Is a key that was used and erased still in the key file?

  secrecy.py BIN KEYFILE ADDRESS PEER asks|answers MESSAGES

The independent client (pyclient.py) registers as PEER at the relay, makes a
session with the owner of KEYFILE, being the one who asks or answers, and so
many messages go each way, some in reverse order.  It derives the same keys as
the commands in BIN, and keeps all of them.  Then every box of KEYFILE is
opened, with the data key that stands in it, and searched:

  - of the handshake, and of root, chain and message keys, exactly the three
    of the session's present state are found;
  - of the X25519 keys whose public half the owner has shown, exactly the
    present one;
  - neither these nor any part of a former box stands anywhere in KEYFILE or
    in a file beside it; of a box, also right after the command that erased it.

Prints one JSON object with the counts.
"""
import glob
import json
import os
import sqlite3
import struct
import subprocess
import sys

import endtoend
from nacl.bindings import crypto_scalarmult_base
from nacl.exceptions import CryptoError
from pyclient import Client
from sentinel import domain

BURST = 5
PIECE = 32              # of a former box, part of which may be written over


class Log:
    """Every secret that both ends have, by kind; and the public keys that the
    other end has shown."""

    def __init__(self):
        self.shake, self.roots, self.chains, self.messages = [], [], [], []
        self.publics = set()
        self.watch("_kdf_rk", lambda _, out: (
            self.roots.append(out[0]), self.chains.append(out[1])))
        self.watch("_kdf_ck", lambda _, out: (
            self.messages.append(out[0]), self.chains.append(out[1])))
        self.watch("_root", lambda given, out: (
            self.shake.extend((given[0], given[2], given[3])),
            self.roots.append(out[0])))
        self.watch("crypto_scalarmult", lambda given, out: (
            self.publics.add(given[1]), self.shake.append(out)))
        self.watch("_read", lambda given, _: self.publics.add(given[1][:32]))
        self.watch_split()

    @staticmethod
    def watch(name, note):
        real = getattr(endtoend, name)

        def watched(*given, **named):
            out = real(*given, **named)
            note(given, out)
            return out

        setattr(endtoend, name, watched)

    def watch_split(self):
        state = endtoend._State
        real = state.split

        def watched(this):
            ciphers = real(this)
            self.shake.extend((this.k1, this.exporter, this._ck))
            return ciphers

        state.split = watched

    def secrets(self):
        return {*self.shake, *self.roots, *self.chains, *self.messages}


# --- the key file -----------------------------------------------------

class KeyFile:
    def __init__(self, path):
        self.path = path
        self.present = self.former = frozenset()

    def look(self):
        """After each command: note what is gone, and see that it is."""
        present = frozenset(self.boxes())
        self.refute(self.present - present)
        self.former |= self.present - present
        self.present = present

    def refute(self, boxes):
        raw = self.raw()
        for box in boxes:
            for at in range(0, len(box) - PIECE + 1, PIECE):
                assert box[at:at + PIECE] not in raw, "part of a former box"

    def boxes(self):
        """{box: what is in it}: every value that opens where it stands."""
        return {box: plain for _, box, plain in self.opened()}

    def places(self):
        """{(table, column, row): what is in the box there}"""
        return {place: plain for place, _, plain in self.opened()}

    def opened(self):
        db = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)
        uuid, key = db.execute("SELECT file_uuid, dek_box FROM self").fetchone()
        for table, in db.execute(
                "SELECT name FROM sqlite_schema WHERE type = 'table'"):
            columns = db.execute(f"PRAGMA table_info({table})").fetchall()
            names = [c[1] for c in columns]
            parts = sorted((c[5], c[0]) for c in columns if c[5])
            for row in db.execute(f"SELECT {','.join(names)} FROM {table}"):
                where = ":".join(v.hex() if isinstance(v, bytes) else str(v)
                                 for v in (row[at] for _, at in parts))
                for name, value in zip(names, row):
                    place = domain("sentinel-column-v3") + uuid + b"".join(
                        struct.pack("<B", len(t)) + t.encode()
                        for t in (table, name)
                    ) + struct.pack("<H", len(where)) + where.encode()
                    plain = open_box(value, place, key)
                    if plain is not None:
                        yield (table, name, where), value, plain
        db.close()

    def raw(self):
        """All bytes of the file, and of those beside it."""
        return b"".join(open(p, "rb").read()
                        for p in sorted(glob.glob(self.path + "*")))


def open_box(value, place, key):
    if not isinstance(value, bytes) or len(value) < 40:
        return None
    try:
        return endtoend.xchacha_decrypt(value[24:], place, value[:24], key)
    except CryptoError:
        return None


# --- the conversation -------------------------------------------------

class Conversation:
    def __init__(self, directory, path, address, name):
        self.bin, self.file = directory, KeyFile(path)
        self.client = Client(
            os.path.join(os.path.dirname(path), name + ".json"))
        self.name = name
        self.said = 0
        self.client.register(address, name)
        self.owner = self.ours("sentinel-keys", "show")[0]["id"]

    def ours(self, command, *args, text=b""):
        """The records of a command of ours, and a look at its key file."""
        done = subprocess.run(
            [os.path.join(self.bin, command), "-k", self.file.path, *args],
            input=text, stdout=subprocess.PIPE, check=True)
        self.file.look()
        return [json.loads(line) for line in done.stdout.splitlines()]

    def peer(self):
        return self.client.find(self.owner)

    def answers(self):
        self.ours("sentinel-keys", "fetch", self.name)
        self.ours("sentinel-keys", "request", self.name)
        list(self.client.pull())
        self.client.fetch(self.owner)
        self.client.send_key(self.owner)
        self.ours("sentinel-pull")
        self.ours("sentinel-keys", "send", self.name)
        list(self.client.pull())

    def asks(self):
        self.client.fetch(self.owner)
        self.client.request(self.owner)
        self.ours("sentinel-pull")
        self.ours("sentinel-keys", "fetch", self.name)
        self.ours("sentinel-keys", "send", self.name)
        list(self.client.pull())
        self.client.send_key(self.owner)
        self.ours("sentinel-pull")

    def texts(self):
        """Of sizes that move rows from page to page."""
        for _ in range(BURST):
            self.said += 1
            yield b"t" * (self.said * 1237 % 2503)

    def they_send(self, reverse):
        contents = [self.client.seal(self.peer(), text)[0]
                    for text in self.texts()]
        # reversed, the key of the first one waits
        for burst in (contents[:0:-1], contents[:1]) if reverse \
                else (contents,):
            for content in burst:
                self.client.put(self.peer(), 3, content)
            # into the inbox, not printed
            assert not self.ours("sentinel-pull", "--type", "key_request")
        # some are left, so that the inbox has rows to move
        seen = self.ours("sentinel-pull", "--type", "message", "-n", "3")
        assert len(seen) == 3, seen

    def we_send(self, reverse):
        for text in self.texts():
            self.ours("sentinel-send", self.name, text=text)
        order = range(BURST)[::-1] if reverse else None
        seen = [r["type"] for r in self.client.pull(order=order)]
        assert seen == ["message"] * BURST, seen


# --- the search -------------------------------------------------------

def private_keys(plain, publics):
    """Those of PUBLICS whose private half is somewhere in PLAIN."""
    windows = {plain[i:i + 32] for i in range(len(plain) - 31)}
    return publics & {crypto_scalarmult_base(w) for w in windows}


def search(talk, log, present):
    session = talk.peer().sessions[0]
    boxes = talk.file.boxes()
    raw = talk.file.raw()
    secrets = log.secrets()
    found = {s for s in secrets for plain in boxes.values() if s in plain}
    assert found == present, "a key too many, or too few, in the boxes"
    shown = set().union(*(private_keys(p, log.publics)
                          for p in boxes.values()))
    assert shown == {session.dhr}, "a private key that is retired"
    assert not any(s in raw for s in secrets), "a key in the clear"
    talk.file.refute(talk.file.former)
    return {"retired": len(secrets - present), "publics": len(log.publics),
            "messages": len(set(log.messages)), "boxes": len(boxes),
            "former": len(talk.file.former)}


def main():
    directory, path, address, name, role, messages = sys.argv[1:]
    log = Log()
    talk = Conversation(directory, path, address, name)
    getattr(talk, role)()
    # who has asked speaks first, so that both have turned the ratchet
    for i in range(int(messages) // BURST):
        talk.they_send(i % 2)
        chain = talk.peer().sessions[0].cks
        talk.we_send(i % 2)
    session = talk.peer().sessions[0]
    # theirs has gone one step further than ours, which it has from it
    present = {log.roots[-2], session.ckr, chain}
    print(json.dumps(search(talk, log, present)))


if __name__ == "__main__":
    main()
