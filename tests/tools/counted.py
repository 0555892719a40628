#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
"""What a relay counts is what its clients have seen: counted.py DIR [SEED].

Three clients and a stranger do some hundred things in an order made from the
seed, many of them refused, and keep count of requests, answers, connections
and bytes.  Then the metrics must say the same, exactly; and after a restart
what is kept is still there, until its time is over.
"""
import base64
import collections
import random
import socket
import struct
import sys
import time

import metrics
import sentinel
from relay import Person, Relay, Wrong

STEPS = 200
FULL = 6                        # messages in a mailbox
PULL = struct.Struct("<IIIB3x")         # after, max_bytes, wait_ms, flags
REASONS = ("ok malformed unsupported not_registered denied name_taken "
           "unknown_client mailbox_full rate_limited too_large busy internal "
           "registration_closed invite_invalid stale_bundle").split()
NAMES = dict(enumerate("register list public_key send pull acknowledge "
                       "unregister block".split(), 1100))


class Counted:
    """A socket that is counted; the rest is the socket's."""

    def __init__(self, seen, sock):
        self.seen, self.sock = seen, sock

    def sendall(self, data):
        self.seen["received_bytes_total"] += len(data)
        self.sock.sendall(data)

    def recv(self, count):
        data = self.sock.recv(count)
        self.seen["sent_bytes_total"] += len(data)
        return data

    def __getattr__(self, name):
        return getattr(self.sock, name)


class Watched(Person):
    """Each of its requests is noted with its answer."""

    def __init__(self, relay, name, seen):
        super().__init__(relay, name)
        self.seen = seen
        self.mail = []                  # (type, size) of what is kept for it
        self.acknowledged = 0           # the last id of which it is not

    def connect(self):
        if self.channel:
            return
        key, host = self.relay.address.removeprefix("sentinel://").split("@")
        sock = socket.create_connection(host.split(":"), 10)
        self.seen["connections_accepted_total"] += 1
        self.seen["handshakes_total{result=ok}"] += 1
        self.channel = sentinel.Channel(
            Counted(self.seen, sock), base64.urlsafe_b64decode(key + "="),
            self.identity)

    def ask(self, code, payload=b"", **oddities):
        self.connect()
        answer, reply = self.channel.request(
            oddities.pop("sender", self.id), code, payload, **oddities)
        self.note(code, answer, reply)
        return answer, reply

    def note(self, code, answer, reply):
        reason = struct.unpack_from("<H", reply)[0] if answer == 9000 else 0
        request = NAMES.get(code, "other")
        self.seen[f"requests_total{{request={request},"
                  f"result={REASONS[reason]}}}"] += 1

    def hang_up(self, cause="hung_up"):
        if self.channel:
            self.seen[f"connections_closed_total{{cause={cause}}}"] += 1
        super().hang_up()

    def see_it_close(self):
        try:
            self.channel.reply()
            raise Wrong("the channel goes on")
        except EOFError:
            self.hang_up("closed")

    def register(self):
        self.expect(1100, self.identity.registration())
        self.see_it_close()


def kind(type_):
    return "piece" if type_ == 4 else "message"


def send(me, other, type_, content):
    if me.send(other.id, type_, content) is None:
        me.seen[f"messages_stored_total{{kind={kind(type_)}}}"] += 1
        other.mail.append((type_, len(content)))


def acknowledge(me, count):
    first = me.acknowledged + 1
    gone = me.acknowledge(first, first + count - 1)
    for type_, _ in me.mail[:gone]:
        me.seen[f"messages_deleted_total{{kind={kind(type_)}}}"] += 1
    me.mail = me.mail[gone:]
    me.acknowledged += gone


def do_send(me, other, dice):
    send(me, other, dice.choice((1, 2, 3, 3, 3, 4)),
         dice.randbytes(dice.choice((1, 300, 70000))))


def do_send_nowhere(me, other, dice):
    me.send(dice.randbytes(16), 3, b"nobody")


def do_pull(me, other, dice):
    for _, _, type_, _ in me.pull():
        me.seen[f"messages_delivered_total{{kind={kind(type_)}}}"] += 1


def do_acknowledge(me, other, dice):
    acknowledge(me, 1 + dice.randrange(4))


def do_list(me, other, dice):
    me.ask(1101)


def do_key(me, other, dice):
    me.ask(1102, dice.choice((other.id, bytes(16))))


def do_block(me, other, dice):
    me.ask(1107, bytes([dice.randrange(2)]) + other.id)


def do_malformed(me, other, dice):
    code = dice.choice((1102, 1103, 1104, 1105, 1106, 1107))
    me.ask(code, b"\1" * 9)


def do_unknown(me, other, dice):
    me.ask(dice.choice((0, 1099, 1108, 65535)))


def do_end(me, other, dice):
    """One of those after which the channel is closed."""
    me.ask(1101, **dice.choice((
        {"size": 2**31}, {"version": 2}, {"sender": other.id})))
    me.see_it_close()


def do_leave(me, other, dice):
    me.hang_up()


DEEDS = (do_send, do_send, do_send, do_pull, do_acknowledge, do_acknowledge,
         do_send_nowhere, do_list, do_key, do_block, do_malformed, do_unknown,
         do_end, do_leave)


def nonsense(relay, seen):
    """Somebody who does not speak the protocol."""
    host, port = relay.listen.rsplit(":", 1)
    with socket.create_connection((host, int(port)), 10) as sock:
        counted = Counted(seen, sock)
        counted.sendall(b"GET / HTTP/1.1\r\n\r\n")
        while counted.recv(4096):
            pass
    seen["connections_accepted_total"] += 1
    seen["handshakes_total{result=failed}"] += 1
    seen["connections_closed_total{cause=closed}"] += 1


def expect(relay, expected):
    """At last: that a connection has ended may take the relay a moment."""
    deadline = time.monotonic() + 10
    while wrong := differences(relay, expected):
        if time.monotonic() > deadline:
            raise Wrong("; ".join(wrong))
        time.sleep(0.02)


def differences(relay, expected):
    found = relay.look()
    return [f"{name}: {found(name)} instead of {n}"
            for name, n in expected.items() if found(name) != n]


def kept(people):
    """What is in the mailboxes."""
    mail = [m for p in people for m in p.mail]
    figures = {"clients": len(people)}
    for name in ("message", "piece"):
        sizes = [size for type_, size in mail if kind(type_) == name]
        figures[f"messages_held{{kind={name}}}"] = len(sizes)
        figures[f"messages_held_bytes{{kind={name}}}"] = sum(sizes)
    return figures


def check(relay, people, seen):
    asked = sum(n for name, n in seen.items() if name.startswith("requests"))
    expect(relay, {
        **seen, **kept(people),
        "requests_total": asked,        # none that nobody has made
        "request_duration_seconds_count": asked,
        "connections_closed_total": seen["connections_accepted_total"],
        "connections_open": 0, "connections_unbound": 0,
        "pulls_waiting": 0, "buffers_bytes": 0, "groups_lost_total": 0,
        "limits_reached_total{limit=frame}":
        seen["requests_total{request=list,result=too_large}"]})
    look, full = relay.look(), seen[
        "requests_total{request=send,result=mailbox_full}"]
    told = sum(look(f"limits_reached_total{{limit={name}}}")
               for name in ("mailbox", "mailbox_share", "mailbox_requests"))
    if told != full:
        raise Wrong(f"{told} mailboxes full instead of {full}")


def wait_for_mail(relay, alice, bob):
    """A pull that waits is seen; it is counted once it is answered."""
    acknowledge(bob, 2**31)
    bob.ask(1107, b"\0" + alice.id)
    bob.channel.send_frame(sentinel.REQUEST.pack(
        bob.id, sentinel.VERSION, 1104, PULL.size) + PULL.pack(0, 0, 60000, 0))
    expect(relay, {**bob.seen, "pulls_waiting": 1})
    send(alice, bob, 3, b"at last")
    bob.note(1104, *bob.channel.reply())
    bob.seen["messages_delivered_total{kind=message}"] += 1


def fill(alice, bob):
    """More than one may have in another's mailbox."""
    bob.ask(1107, b"\0" + alice.id)
    for _ in range(FULL):
        send(alice, bob, 3, b"x")


class Metered(Relay):
    def start(self):
        super().start()
        self.metrics = self.ready["metrics"]

    def look(self):
        """A function from names to values."""
        found = list(metrics.series(metrics.parse(
            metrics.fetch(self.metrics))))
        return lambda name: metrics.total(found, *metrics.wanted(name))


def main():
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    dice, seen = random.Random(seed), collections.Counter()
    relay = Metered(sys.argv[1], options=[
        "--metrics", "127.0.0.1:0", "--min-free", "0",
        "--directory-rate", "1000", "--mailbox-messages", str(FULL)])
    relay.start()
    people = [Watched(relay, name, seen) for name in ("a", "b", "c")]
    for person in people:
        person.register()
    for _ in range(STEPS):
        me, other = dice.sample(people, 2)
        dice.choice(DEEDS)(me, other, dice)
    fill(*people[1:])
    wait_for_mail(relay, *people[:2])
    nonsense(relay, seen)
    for person in people:
        person.hang_up()
    check(relay, people, seen)
    relay.stop()
    relay.start()
    expect(relay, {**kept(people), "requests_total": 0})
    relay.stop()
    relay.options += ["--message-ttl", "0s", "--file-ttl", "0s"]
    left = kept(people)
    relay.start()
    expect(relay, {f"messages_expired_total{{kind={name}}}":
                   left[f"messages_held{{kind={name}}}"]
                   for name in ("message", "piece")})
    expect(relay, {"messages_held": 0, "messages_held_bytes": 0})
    relay.stop()


if __name__ == "__main__":
    try:
        main()
    except Wrong as e:
        sys.exit(f"counted.py: {e}")
