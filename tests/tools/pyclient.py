#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
"""A second Sentinel client, made from the description of the protocol alone.

Built on sentinel.py and endtoend.py; imports nothing of ours.  Each step is
one call; what must survive it stands in the JSON file given by --state, in
clear: this is a tool for tests.

  pyclient.py --state FILE register ADDRESS NAME          step 1
  pyclient.py --state FILE list                           step 2
  pyclient.py --state FILE fetch PEER                     steps 3 and 6
  pyclient.py --state FILE request PEER                   step 4
  pyclient.py --state FILE pull                           steps 5, 8 and 10
  pyclient.py --state FILE send-key PEER                  steps 7 and 9
  pyclient.py --state FILE send PEER                      text from stdin
  pyclient.py --state FILE deliver PEER FILE              what send --hold kept
  pyclient.py --state FILE safety PEER [NUMBER]           tell, or compare
  pyclient.py selftest                                    known answers

Records go to stdout, one line of JSON each; a fault ends with status 1 and
its name on stderr.  Not here: files, rotation, glare after ten minutes, and
whatever grows old.
"""
import argparse
import base64
import json
import os
import struct
import sys
from dataclasses import asdict, dataclass, field
from uuid import UUID

import endtoend
import selftest
from endtoend import Initiator, Judged, Responder, Session
from sentinel import (DAY_MS, Bundle, Fault, Identity, connect, fingerprint,
                      now_ms, safety_number)

SESSIONS = 5                    # one active, four that still receive
ACK_RANGES = 1024
MAILBOX_LINE = struct.Struct("<16sIBI")
NO_CHUNKS = 1                   # flag of a pull: leave type 4 out


@dataclass
class Peer:
    """What is known of one other client, and how far we are with it."""
    id: bytes
    bundle: bytes = None                # a 2102 as it came
    last_init_ts: int = 0
    last_sent_ts: int = 0
    pending: dict = None                # our type 1, and the (02) to it
    request: bytes = None               # their type 1
    half_open: dict = None              # our (02)
    confirmation: bytes = None          # our (03), until they write
    seq: int = 0
    sessions: list = field(default_factory=list)        # the active one first

    def __post_init__(self):
        self.sessions = [Session(**s) for s in self.sessions]

    @property
    def uuid(self):
        return str(UUID(bytes=self.id))

    def keys(self):
        return Bundle.unpack(self.bundle)

    def activate(self, session):
        self.sessions = [session, *self.sessions][:SESSIONS]
        self.pending = None


class Client:
    """An identity, its peers, and the file both are kept in."""

    def __init__(self, path):
        self.path = path
        self.channel = None
        self.address = self.me = None
        self.peers = {}
        if path and os.path.exists(path):
            with open(path, encoding="utf-8") as f:
                # bytes are {"hex": ...}
                state = json.load(f, object_hook=lambda d: bytes.fromhex(
                    d["hex"]) if d.keys() == {"hex"} else d)
            self.address = state["address"]
            self.me = Identity(**state["me"])
            self.peers = {p["id"]: Peer(**p) for p in state["peers"]}

    def save(self):
        """Before anything leaves: a key that was used is never used again."""
        me = {"name": self.me.name.decode(), "seed": bytes(self.me.signing),
              "static": self.me.static.private.data,
              "prekey": self.me.prekey.private.data,
              "issued_at": self.me.issued_at}
        state = {"address": self.address, "me": me,
                 "peers": [asdict(p) for p in self.peers.values()]}
        with open(self.path + ".new", "w", encoding="utf-8") as f:
            json.dump(state, f, default=lambda b: {"hex": b.hex()}, indent=1)
        os.replace(self.path + ".new", self.path)

    # --- the relay ---

    def ask(self, code, payload, wait=0):
        """The payload of the reply; a fault for anything but success."""
        if self.channel is None:
            self.channel = connect(self.address, self.me)
            if abs(self.channel.relay_time - now_ms()) > DAY_MS:
                raise Fault("the relay's clock is not ours")
        self.channel.socket.settimeout(10 + wait)
        answer, reply = self.channel.request(self.me.id, code, payload)
        if answer == 9000:
            raise Fault(f"refused {struct.unpack_from('<H', reply)[0]}: "
                        + repr(reply[6:].decode(errors="replace")))
        if answer != code + 1000:
            raise Fault(f"{answer} in reply to {code}")
        return reply

    def close(self):
        if self.channel:
            self.channel.close()
            self.channel = None

    def register(self, address, name):
        if self.me is None:
            self.address, self.me = address, Identity(name)
            self.save()
        if self.ask(1100, self.me.registration()) != self.me.id:
            raise Fault("registered as somebody else")
        self.channel = None             # the relay closed it

    def list(self, name=b""):
        """(id, name) of the others, page by page."""
        after = bytes(16)
        while True:
            page = self.ask(
                1101, after + struct.pack("<HB", 0, len(name)) + name)
            if not page:
                return
            for id_, padded in struct.iter_unpack("16s255s", page):
                if id_ <= after:
                    raise Fault("a page out of order")
                after = id_
                yield id_, padded.rstrip(b"\0")

    def fetch(self, who):
        """Pin the keys of a peer, by id or by name."""
        try:
            id_, name = UUID(who).bytes, None
        except ValueError:
            name = who.encode()
            id_ = next((i for i, _ in self.list(name)), None)
        if id_ is None:
            raise Fault("unknown_peer")
        reply = self.ask(1102, id_)
        bundle = Bundle.unpack(reply)
        bundle.check(now_ms())
        if bundle.id != id_ or name not in (None, bundle.name):
            raise Fault("the keys of somebody else")
        peer = self.peers.setdefault(id_, Peer(id_))
        if peer.bundle is not None:
            # the identity cannot have changed: the id is a hash of it
            if peer.keys().issued_at > bundle.issued_at:
                raise Fault("rollback")
            if peer.keys().issued_at == bundle.issued_at \
                    and peer.bundle != reply:
                raise Fault("peer_key_changed")
        peer.bundle = reply
        self.save()
        return peer

    def put(self, peer, type_, content):
        self.save()
        head = peer.id + struct.pack("<BI", type_, len(content))
        reply = self.ask(1103, head + content)
        if reply != peer.id + bytes(4):
            raise Fault("sent to somebody else")

    # --- the ten steps ---

    def find(self, who):
        """A peer whose keys we hold, by id or by name."""
        for peer in self.peers.values():
            if peer.bundle and who in (peer.uuid, peer.keys().name.decode()):
                return peer
        raise Fault("unknown_peer")

    def request(self, who):
        """Step 4, or the same bytes again; tells where we are."""
        peer = self.find(who)
        if peer.pending and peer.pending["answer"]:
            return "key_received"
        if not peer.pending:
            ts = max(now_ms(), peer.last_sent_ts + 1)
            peer.last_sent_ts = ts
            peer.pending = {"ephemeral": os.urandom(32), "ts": ts,
                            "bundle": peer.bundle, "answer": None}
        self.put(peer, 1, self._initiator(peer).type1)
        return "requested"

    def _initiator(self, peer):
        pending = peer.pending
        return Initiator(self.me, Bundle.unpack(pending["bundle"]),
                         pending["ephemeral"], pending["ts"])

    def send_key(self, who):
        """Step 9 when it is our turn, else step 7; or the same again."""
        peer = self.find(who)
        if peer.pending and peer.pending["answer"]:
            initiator = self._initiator(peer)
            initiator.read(peer.pending["answer"])
            if peer.half_open and peer.half_open["ts"] < peer.pending["ts"]:
                peer.half_open = None
            peer.confirmation, session = initiator.confirm()
            peer.activate(session)
            self.put(peer, 2, peer.confirmation)
        elif peer.request:
            try:
                peer.half_open = self._responder(peer, peer.request).answer()
                peer.last_init_ts = peer.half_open["ts"]
            finally:
                peer.request = None
            self.put(peer, 2, peer.half_open["content"])
        elif peer.half_open:
            self.put(peer, 2, peer.half_open["content"])
        elif peer.confirmation:
            self.put(peer, 2, peer.confirmation)
        else:
            raise Fault("no_session")

    def _responder(self, peer, type1):
        """Opens a request; when it names newer keys, these are fetched."""
        try:
            responder = Responder(self.me, peer.keys(), type1)
        except Judged:
            if endtoend.issued(type1)[0] <= peer.keys().issued_at:
                raise
            self.fetch(peer.uuid)
            responder = Responder(self.me, peer.keys(), type1)
        if responder.ts > now_ms() + DAY_MS:
            raise Judged("dropped")
        return responder

    def on_request(self, peer, type1):
        """Step 5.  Before step 6 nobody can tell who it is from."""
        if peer.bundle:
            ts = self._responder(peer, type1).ts
            if ts <= peer.last_init_ts:
                raise Judged("dropped")
            peer.last_init_ts = ts
            if peer.pending and self.me.id < peer.id:
                raise Judged("dropped")         # both have asked: ours stands
            peer.pending = None
        peer.request = type1
        return {"type": "key_request", "authenticated": bool(peer.bundle)}

    def on_key(self, peer, content):
        """Steps 8 and 10."""
        if peer.pending and content[:4] == endtoend.ANSWER:
            self._initiator(peer).read(content)
            peer.pending["answer"] = content
            return {"type": "key_received", "session": "key_received"}
        if peer.half_open and content[:4] == endtoend.CONFIRM:
            session = endtoend.establish(self.me.id, peer.id, peer.half_open,
                                         content)
            peer.activate(session)
            peer.half_open = None
            return {"type": "key_received", "session": "established"}
        raise Judged("dropped")

    # --- messages ---

    def seal(self, peer, text, in_reply_to=None, content_type=None):
        """The content of a type 3, and a record of it."""
        if not peer.sessions:
            raise Fault("no_session")
        now = now_ms()
        message_id = uuid7(now)
        body = endtoend.pack_text(text, in_reply_to, content_type)
        seq, peer.seq = peer.seq, peer.seq + 1
        content = peer.sessions[0].encrypt(endtoend.pack_plain(
            endtoend.TEXT, message_id.bytes, now, seq, body))
        return content, {"type": "sent", "id": str(message_id), "seq": seq}

    def on_message(self, peer, content):
        session = next((s for s in peer.sessions if endtoend.MESSAGE + s.sid
                        == content[:12]), None)
        if session is None:
            raise Judged("undecryptable")
        kind, message_id, sent_at, seq, body = endtoend.unpack_plain(
            session.decrypt(content))
        if session is peer.sessions[0]:
            peer.confirmation = None
        if kind != endtoend.TEXT:
            raise Judged(f"kind {kind}")
        text, reply, content_type = endtoend.unpack_text(body)
        return {"type": "message", "id": str(UUID(bytes=message_id)),
                "sent_at": sent_at, "seq": seq,
                "in_reply_to": reply and str(UUID(bytes=reply)),
                "content_type": None if content_type is None
                else content_type.decode(),
                "body_base64": base64.b64encode(text).decode()}

    def waiting(self, wait):
        """(sender, number, type, content) of all that is in the mailbox."""
        after = 0
        while True:
            page = self.ask(1104, struct.pack(
                "<IIII", after, 0, int(wait * 1000), NO_CHUNKS), wait)
            if not page:
                return
            wait = 0
            while page:
                sender, number, type_, size = MAILBOX_LINE.unpack_from(page)
                content = page[MAILBOX_LINE.size:MAILBOX_LINE.size + size]
                page = page[MAILBOX_LINE.size + size:]
                if number <= after or len(content) != size:
                    raise Fault("a page out of order")
                after = number
                yield sender, number, type_, content

    def pull(self, wait=0, order=None, keep=False):
        """A record for each message; ORDER picks some by their places."""
        waiting = list(self.waiting(wait))
        chosen = waiting if order is None else [waiting[i] for i in order]
        for sender, _, type_, content in chosen:
            peer = self.peers.setdefault(sender, Peer(sender))
            handler = {1: self.on_request, 2: self.on_key,
                       3: self.on_message}[type_]
            try:
                record = handler(peer, content)
            except Judged as e:
                record = {"type": str(e)}
            self.save()
            yield {**record, "from": str(UUID(bytes=sender))}
        if not keep:
            self.acknowledge([number for _, number, _, _ in chosen])

    def acknowledge(self, numbers):
        for at in range(0, len(numbers), ACK_RANGES):
            self.ask(1105, b"".join(struct.pack("<II", n, n) for n in
                                    numbers[at:at + ACK_RANGES]))


def uuid7(now):
    random = int.from_bytes(os.urandom(10), "big")
    value = now << 80 | random
    value = value & ~(0xf << 76) | 7 << 76
    return UUID(int=value & ~(3 << 62) | 2 << 62)


# --- the command line -------------------------------------------------

def identity_record(type_, keys):
    name = keys.name.decode()
    return {"type": type_, "id": str(UUID(bytes=keys.id)), "name": name,
            "fingerprint": fingerprint(keys.identity_pk)}


def do_register(client, args):
    client.register(args.address, args.name)
    yield identity_record("registration", client.me)


def do_list(client, args):
    for id_, name in client.list():
        yield {"type": "client", "id": str(UUID(bytes=id_)),
               "name": name.decode()}


def do_fetch(client, args):
    yield identity_record("peer", client.fetch(args.peer).keys())


def do_request(client, args):
    yield {"type": "key_exchange", "step": client.request(args.peer)}


def do_send_key(client, args):
    client.send_key(args.peer)
    yield {"type": "key_exchange", "step": "key_sent"}


def do_pull(client, args):
    order = args.order and [int(n) for n in args.order.split(",")]
    return client.pull(args.wait, order, args.keep)


def do_send(client, args):
    peer = client.find(args.peer)
    content, record = client.seal(
        peer, sys.stdin.buffer.read(), args.reply_to and args.reply_to.bytes,
        None if args.content_type is None else args.content_type.encode())
    if args.hold:
        client.save()
        with open(args.hold, "wb") as f:
            f.write(content)
    else:
        client.put(peer, 3, content)
    yield record


def do_deliver(client, args):
    with open(args.file, "rb") as f:
        client.put(client.find(args.peer), 3, f.read())
    return ()


def do_safety(client, args):
    number = safety_number(client.me.identity_pk,
                           client.find(args.peer).keys().identity_pk)
    if args.number not in (None, number):
        raise Fault("peer_not_verified")
    yield {"type": "safety", "number": number}


def do_selftest(client, args):
    for part in selftest.run():
        yield {"type": "selftest", "passed": part}


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--state", metavar="FILE")
    commands = parser.add_subparsers(required=True)

    def add(name, run, *operands):
        command = commands.add_parser(name)
        for operand in operands:
            command.add_argument(operand)
        command.set_defaults(run=run)
        return command

    add("register", do_register, "address", "name")
    add("list", do_list)
    add("fetch", do_fetch, "peer")
    add("request", do_request, "peer")
    add("send-key", do_send_key, "peer")
    add("deliver", do_deliver, "peer", "file")
    add("selftest", do_selftest)
    pull = add("pull", do_pull)
    pull.add_argument("--wait", type=float, default=0, help="seconds")
    pull.add_argument("--order", help="places in the mailbox, as 2,0,1; "
                      "what is not named stays there")
    pull.add_argument("--keep", action="store_true",
                      help="acknowledge nothing")
    send = add("send", do_send, "peer")
    send.add_argument("--reply-to", type=UUID)
    send.add_argument("--content-type")
    send.add_argument("--hold", metavar="FILE",
                      help="do not send it, keep what would be sent")
    safety = add("safety", do_safety, "peer")
    safety.add_argument("number", nargs="?")
    return parser.parse_args()


def main():
    args = arguments()
    client = Client(args.state)
    try:
        for record in args.run(client, args):
            print(json.dumps(record), flush=True)
        client.close()
    except (Fault, Judged, EOFError, OSError) as e:
        sys.exit(str(e))


if __name__ == "__main__":
    main()
