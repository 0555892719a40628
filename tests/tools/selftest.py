# SPDX-License-Identifier: ISC
"""The known answers, made again by sentinel.py and endtoend.py."""
import io
import json
import pathlib
import struct
import uuid

from endtoend import (Initiator, Judged, Responder, Session, establish,
                      pack_plain, pack_text, padded, unpack_plain, unpack_text)
from sentinel import (REQUEST, Bundle, Channel, Fault, FixedDH, Identity,
                      safety_number)

VECTORS = pathlib.Path(__file__).resolve().parents[1] / "unit/vectors"


def load(name):
    """The vectors, hex strings as they are."""
    with open(VECTORS / name, encoding="utf-8") as f:
        return json.load(f)


def same(what, found, expected):
    if isinstance(found, bytes):
        found = found.hex()
    if found != expected:
        raise Fault(f"selftest: {what}: {found} is not {expected}")


def drawn(*values):
    """A source of "random" bytes that yields just these, given as hex."""
    values = iter(values)
    return lambda size: bytes.fromhex(next(values))


def identity(person):
    return Identity(
        person["name"],
        *(bytes.fromhex(person[k])
          for k in ("identity_seed", "static_sk", "prekey_sk")),
        person["issued_at"])


def bundle(person):
    return Bundle.unpack(
        bytes.fromhex(person["client_id"] + person["bundle"])
        + struct.pack("<Q255s", person["issued_at"], person["name"].encode()))


def check_bundle(kat):
    for person in (kat["alice"], kat["bob"]):
        us = identity(person)
        same("id", us.id, person["client_id"])
        same("uuid", str(uuid.UUID(bytes=us.id)), person["uuid"])
        same("bundle", us.bundle(), person["bundle"])
        # the length is told without that of the invite
        same("registration", len(us.registration()) - 1,
             person["register_payload_len"])
        bundle(person).check(person["issued_at"])


class Wire(io.BytesIO):
    """A socket that has already heard everything."""

    def __init__(self, heard):
        super().__init__(heard)
        self.said = b""
        self.recv = self.read

    def sendall(self, data):
        self.said += data


def check_transport(kat):
    kat, us = kat["transport"], identity(kat["alice"])
    first, second, third = (struct.pack(">H", len(m) // 2).hex() + m
                            for m in kat["messages"])
    wire = Wire(bytes.fromhex(second))
    channel = Channel(wire, bytes.fromhex(kat["relay_static_pk"]), us,
                      FixedDH(bytes.fromhex(kat["init_ephemeral"])))
    same("messages", wire.said, kat["preamble"] + first + third)
    same("hash", channel.hash, kat["h"])
    same("welcome", struct.pack("<IIQ", 3, channel.max_frame,
                                channel.relay_time), kat["payloads"][1])
    wire.said = b""
    channel.send_frame(REQUEST.pack(us.id, 3, 1101, 0))
    same("record", wire.said, kat["record0_wire"])


def sessions(kat):
    """Both ends of the handshake; each step is compared on the way."""
    kk, alice, bob = kat["kk"], identity(kat["alice"]), identity(kat["bob"])
    ts, = struct.unpack_from("<Q", bytes.fromhex(kk["payload1"]))
    a = Initiator(alice, bundle(kat["bob"]), bytes.fromhex(kk["eA"]), ts)
    same("type 1", a.type1, kk["type1"])
    same("hsid", a.hsid, kk["hsid"])
    b = Responder(bob, bundle(kat["alice"]), a.type1,
                  drawn(kk["eB"], kk["kB"], kk["rB_sk"]))
    same("ts", b.ts, ts)
    half_open = b.answer()
    same("(02)", half_open["content"], kk["type2_b"])
    same("exporter", half_open["exporter"], kk["exporter"])
    same("h", half_open["h"], kk["h"])
    a.read(half_open["content"])
    confirmation, session_a = a.confirm(drawn(kk["kA"], kk["rA_sk"]))
    same("(03)", confirmation, kk["type2_a"])
    session_b = establish(bob.id, alice.id, half_open, confirmation,
                          drawn(kat["dr"]["rB1_sk"]))
    same("sid", session_a.sid, kk["sid"])
    same("both ends", session_a.rk, initial(session_b, kk).rk.hex())
    return session_a, session_b


def initial(session, kk):
    """The initiator's first state, from the root and the ids alone."""
    return Session.initiator(
        session.them, session.us, session.sid, session.h,
        bytes.fromhex(kk["root"]), bytes.fromhex(kk["rA_sk"]),
        bytes.fromhex(kk["payload2"])[32:64])


def check_dr(kat):
    dr = kat["dr"]
    a, b = sessions(kat)
    messages = dr["messages"]

    def send(session, numbers):
        for message in (messages[n] for n in numbers):
            content = session.encrypt(
                bytes.fromhex(message["plaintext"]), message["type"],
                drawn(message["content"][2 * 52:2 * 76]))
            same("content", content, message["content"])

    def receive(session, numbers, *keys):
        random = drawn(*keys)
        for message in (messages[n] for n in numbers):
            plaintext = session.decrypt(bytes.fromhex(message["content"]),
                                        message["type"], random)
            same("plaintext", plaintext, message["plaintext"])
            same("padding", pack_plain(*unpack_plain(plaintext)),
                 message["plaintext"])

    send(a, range(4))
    receive(b, [0, *dr["deliver_order_A1_3"]])
    send(b, (4, 5))
    receive(a, (4, 5), dr["rA1_sk"])
    send(a, (6,))
    receive(b, (6,), dr["rB2_sk"])


def check_safety(kat):
    keys = [identity(kat[who]).identity_pk for who in ("alice", "bob")]
    same("number", safety_number(*keys), kat["safety"]["number"])
    same("number", safety_number(*reversed(keys)), kat["safety"]["number"])


def check_padme(kat):
    for case in kat["padme"]:
        same("padded", padded(case["len"]), case["padded"])


def check_text(more):
    for case in more["text"]:
        body = bytes.fromhex(case["body"])
        text, reply, kind = unpack_text(body)
        same("text", text.decode(), case["text"])
        same("in_reply_to", reply and reply.hex(), case["in_reply_to"])
        same("content_type", kind and kind.decode(), case["content_type"])
        if case["known_tags_only"]:
            same("body", pack_text(text, reply, kind), case["body"])
        same("plaintext", pack_plain(
            case["kind"], bytes.fromhex(case["message_id"]), case["sent_at"],
            case["seq"], body), case["plaintext"])
    for case in more["text_refused"]:
        try:
            unpack_text(bytes.fromhex(case["body"]))
        except Judged:
            continue
        raise Fault(f"selftest: accepted: {case['why']}")


def run():
    """Yields the name of each part that passed."""
    kat = load("sentinel-v3-kat.json")
    more = load("sentinel-v3-kat-more.json")
    for name, check, vectors in (
            ("bundle", check_bundle, kat), ("transport", check_transport, kat),
            ("kk", sessions, kat), ("dr", check_dr, kat),
            ("safety", check_safety, kat), ("padme", check_padme, kat),
            ("text", check_text, more)):
        check(vectors)
        yield name
