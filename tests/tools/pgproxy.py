# SPDX-License-Identifier: ISC
"""What may happen between a relay and PostgreSQL, for pgfaults.py.

A proxy on a unix socket that knows messages apart (protocol 3.0, without
TLS), so that what happens is said of one transaction: from the first message
after a Sync to the ReadyForQuery that answers its own.
"""
import collections
import fcntl
import os
import pathlib
import re
import socket
import struct
import termios
import threading

SOCKET = ".s.PGSQL.5432"
START = "start"                 # stands for the first exchange
NO_SUCH = b"C26000\0"           # of a statement that was never prepared


class Cut(Exception):
    """The connection ends here, both ways."""


def message(kind, body):
    return kind + struct.pack(">I", len(body) + 4) + body


def problem(severity, state, text="injected"):
    """The body of an ErrorResponse or a NoticeResponse."""
    fields = ("S" + severity, "V" + severity, "C" + state, "M" + text)
    return b"".join(f.encode() + b"\0" for f in fields) + b"\0"

# --- what may happen to a transaction: messages in, bytes out ---------------


class Fault:
    """Nothing.  up() has what the relay sends, down() the answers.

    OVER: what becomes of the connection after what was returned last.
    """

    over = None

    def up(self, kind, body):
        return message(kind, body)

    def down(self, kind, body):
        return message(kind, body)


class Refused(Fault):
    """The server says so instead: nothing of it was done."""

    def __init__(self, state, severity="ERROR"):
        self.state, self.severity = state, severity
        self.said = False

    def up(self, kind, body):
        if kind == b"B":        # of a statement that there is not
            portal, _, rest = body.partition(b"\0")
            body = portal + b"\0!" + rest[1:]
        return message(kind, body)

    def down(self, kind, body):
        if self.said and self.severity == "FATAL":
            raise Cut
        if kind == b"E" and NO_SUCH in body:
            body = problem(self.severity, self.state)
            self.said = True
        return message(kind, body)


class Noted(Fault):
    """A NoticeResponse comes with the commit."""

    def __init__(self, severity, state="01000"):
        self.notice = message(b"N", problem(severity, state))

    def down(self, kind, body):
        return (self.notice if kind == b"Z" else b"") + message(kind, body)


class Uncommitted(Fault):
    """Its rows are told, then the connection ends before the commit."""

    def up(self, kind, body):
        return message(*((b"H", b"") if kind == b"S" else (kind, body)))

    def down(self, kind, body):
        if kind == b"C":
            self.over = "cut"
        return message(kind, body)


class CutAt(Fault):
    """The connection ends after N bytes one way."""

    then = "cut"

    def __init__(self, way, n):
        self.left = n
        setattr(self, way, self.some)

    def some(self, kind, body):
        raw = message(kind, body)
        some, self.left = raw[:self.left], self.left - len(raw)
        if self.left < 0:
            self.over = self.then
        return some


class StallAt(CutAt):
    """Nothing more arrives that way, and nothing is closed."""

    then = "stall"


class Held(Fault):
    """The answer waits until it is let go."""

    def __init__(self):
        self.has_come = threading.Event()
        self.let_go = threading.Event()

    def down(self, kind, body):
        self.has_come.set()
        self.let_go.wait()
        return message(kind, body)


class Column(Fault):
    """The first column of its first row is another."""

    def __init__(self, text):
        self.text = text.encode()

    def down(self, kind, body):
        if kind == b"D":
            n, size = struct.unpack_from(">Hi", body)
            body = struct.pack(">Hi", n, len(self.text)) + self.text \
                + body[6 + size:]
        return message(kind, body)

# --- the proxy --------------------------------------------------------------


class Exchange:
    """A transaction, what it is, and what becomes of it."""

    def __init__(self, sql, fault):
        self.sql, self.fault = sql, fault
        self.sent = {"up": 0, "down": 0}


class Connection:
    def __init__(self, proxy, client, server):
        self.proxy = proxy
        self.ends = {"up": client, "down": server}
        self.statements = {}            # SQL by name
        self.exchanges = collections.deque()
        self.open = False               # the last one still lacks its Sync
        self.stalled = set()            # ways
        for way in self.ends:
            threading.Thread(target=self._run, args=(way,),
                             daemon=True).start()

    def close(self):
        for end in self.ends.values():
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass                    # it has ended already

    def _run(self, way):
        sink = self.ends["down" if way == "up" else "up"]
        pump = self._rise if way == "up" else self._fall
        try:
            for out in pump(self.ends[way].makefile("rb")):
                if way not in self.stalled:
                    self._pass(sink, out)
        except (Cut, OSError, EOFError):
            pass
        self.close()

    def _pass(self, sink, out):
        if not self.proxy.bytewise:
            sink.sendall(out)
            return
        for i in range(len(out)):
            sink.sendall(out[i:i + 1])
            while unread(sink):         # each is read by itself
                os.sched_yield()

    def _work(self, exchange, way, kind, body):
        out = getattr(exchange.fault, way)(kind, body)
        exchange.sent[way] += len(out)
        yield out
        if exchange.fault.over == "cut":
            raise Cut
        if exchange.fault.over == "stall":
            self.stalled.add(way)

    def _rise(self, stream):
        exchange = self._begin(START)
        yield from self._work(exchange, "up", b"", exactly(
            stream, struct.unpack(">I", exactly(stream, 4))[0] - 4))
        self.open = False
        while True:
            kind, body = read(stream)
            exchange = self._exchange_of(kind, body)
            self.open = kind not in (b"S", b"Q")
            yield from self._work(exchange, "up", kind, body)

    def _exchange_of(self, kind, body):
        name = body.split(b"\0")[:2]
        if kind == b"P":
            self.statements[name[0]] = name[1].decode()
        if self.open:
            return self.exchanges[-1]
        return self._begin(self.statements.get(
            name[1 if kind == b"B" else 0], ""), body)

    def _begin(self, sql, body=b""):
        self.exchanges.append(Exchange(sql, self.proxy.fault_for(sql, body)))
        self.open = True
        return self.exchanges[-1]

    def _fall(self, stream):
        while True:
            kind, body = read(stream)
            if not self.exchanges:      # nobody has asked
                yield message(kind, body)
                continue
            exchange = self.exchanges[0]
            yield from self._work(exchange, "down", kind, body)
            if kind == b"Z":
                self.proxy.done.append(self.exchanges.popleft())


def read(stream):
    kind = exactly(stream, 1)
    return kind, exactly(stream, struct.unpack(">I", exactly(stream, 4))[0] - 4)


def exactly(stream, n):
    data = stream.read(n)
    if len(data) < n:
        raise EOFError
    return data


def unread(sock):
    return struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, b"\0" * 4))[0]


class Proxy:
    """Listens in a directory, or on a PORT, for the server with its socket in
    another.

    CONNECTIONS are all there have been; of those that were REFUSED, how many.
    """

    def __init__(self, server, directory=None):
        self.server = str(pathlib.Path(server) / SOCKET)
        self.bytewise = False
        self.refusal = None             # an SQLSTATE for all who come
        self.refused = 0
        self.connections = []
        self.done = collections.deque(maxlen=64)
        self.lock = threading.Lock()
        self.armed = []
        self.fired = 0
        if directory:
            self.listening = socket.socket(socket.AF_UNIX)
            self.listening.bind(str(pathlib.Path(directory) / SOCKET))
            self.listening.listen(16)
        else:
            self.listening = socket.create_server(("127.0.0.1", 0), backlog=16)
            self.port = self.listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def arm(self, pattern, make, times=1):
        """Exchanges whose SQL, or whose first bytes, fit have a fault each."""
        with self.lock:
            self.fired = 0
            self.armed.append([pattern, make, times])

    def disarm(self):
        with self.lock:
            self.armed = []

    def fault_for(self, sql, body):
        with self.lock:
            for entry in self.armed:
                pattern, make, times = entry
                if times and (pattern in body if isinstance(pattern, bytes)
                              else re.search(pattern, sql)):
                    entry[2] -= 1
                    self.fired += 1
                    return make()
        return Fault()

    def cut_all(self):
        for connection in self.connections:
            connection.close()

    def _accept(self):
        while True:
            client, _ = self.listening.accept()
            if self.refusal:
                self._refuse(client)
                continue
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(self.server)
            except OSError:
                client.close()
                continue
            self.connections.append(Connection(self, client, server))

    def _refuse(self, client):
        with client:
            client.recv(4096)
            client.sendall(message(b"E", problem("FATAL", self.refusal)))
        self.refused += 1
