"""A PostgreSQL server of our own that says what a test tells it to: floods, lies, half answers, echoes.

`serving` opens a port; each connection is served by a `Script`, ordinary unless a test overrides a part of it.
"""

import contextlib
import socket
import struct
from collections.abc import Callable, Iterable, Iterator

from tests.fixtures.servers.faults import listening

SSL_REQUEST = 80877103
TEXT, INT8, JSON = 25, 20, 114
SAYS = ["reader", "postgres"]
"""An honest answer to who we are."""


def message(kind: bytes, body: bytes = b"") -> bytes:
    """One message of the protocol."""
    return kind + struct.pack("!i", len(body) + 4) + body


def parameter(name: str, value: str | bytes) -> bytes:
    """A ParameterStatus."""
    return message(b"S", name.encode() + b"\0" + (value if isinstance(value, bytes) else value.encode()) + b"\0")


def described(*types: int) -> bytes:
    """A RowDescription with columns of these types."""
    fields = b"".join(b"c\0" + struct.pack("!ihihih", 0, 0, oid, -1, -1, 0) for oid in types)
    return message(b"T", struct.pack("!h", len(types)) + fields)


def row(*values: str | bytes | None) -> bytes:
    """A DataRow."""
    given = [value.encode() if isinstance(value, str) else value for value in values]
    cells = (struct.pack("!i", -1) if cell is None else struct.pack("!i", len(cell)) + cell for cell in given)
    return message(b"D", struct.pack("!h", len(given)) + b"".join(cells))


def refusal(text: str, state: str = "XX000") -> bytes:
    """An ErrorResponse."""
    return message(
        b"E", b"SERROR\0VERROR\0C" + state.encode() + b"\0M" + text.encode(errors="surrogateescape") + b"\0\0"
    )


def notification(size: int) -> bytes:
    """A NotificationResponse."""
    return message(b"A", struct.pack("!i", 1) + b"channel\0" + b"x" * size + b"\0")


DONE = message(b"C", b"SELECT 1\0")
READY = message(b"Z", b"I")
WELCOME = message(b"R", struct.pack("!i", 0))
CLEARTEXT = message(b"R", struct.pack("!i", 3))
LOGGED_IN = parameter("server_version", "16.1") + parameter("client_encoding", "UTF8") + READY


def answer(*values: str | bytes | None, types: Iterable[int] | None = None) -> bytes:
    """A result of one row."""
    return described(*(types or [TEXT] * len(values))) + row(*values) + DONE


def endless(piece: bytes) -> Iterator[bytes]:
    """The same, again and again."""
    while True:
        yield piece


class Script:
    """One connection, served as an ordinary server would."""

    def __init__(self, client: socket.socket) -> None:
        self.client = client

    def ssl(self) -> bytes:
        """The answer to the wish for TLS."""
        return b"N"

    def login(self) -> Iterable[bytes]:
        """What is said after the startup message."""
        return [WELCOME, LOGGED_IN]

    def answer(self, sql: str) -> Iterable[bytes]:
        """The result of a statement, without ReadyForQuery."""
        if "current_database()" in sql:
            return [answer(*SAYS)]
        if sql.split(maxsplit=1)[0] in ("BEGIN", "SET", "DECLARE", "ROLLBACK"):
            return [DONE]
        if any(word in sql for word in ("FETCH", "ev_type", "pg_inherits", "pg_extension")):
            return [described(TEXT), DONE]
        return [answer("1")]

    def serve(self) -> None:
        """Until the client hangs up."""
        while struct.unpack("!i", (startup := self._packet())[:4])[0] == SSL_REQUEST:
            self.client.sendall(self.ssl())
        assert startup
        self.say(self.login())
        statement = ""
        kinds: list[bytes] = []
        while kind := self._exactly(1):
            body = self._packet()
            if kind == b"Q":
                for statement in body[:-1].decode().split("; "):
                    self.say(self.answer(statement))
                self.say([READY])
            elif kind == b"P":
                statement = body.split(b"\0")[1].decode()
                kinds.append(kind)
            elif kind == b"S":
                self._sync(kinds, statement)
                kinds = []
            else:
                kinds.append(kind)

    def secret(self) -> bytes:
        """What the client logs in with."""
        assert self._exactly(1) == b"p"
        return self._packet()

    def say(self, pieces: Iterable[bytes]) -> None:
        """Send it all."""
        for piece in pieces:
            self.client.sendall(piece)

    def _sync(self, kinds: list[bytes], statement: str) -> None:
        self.say(message(name) for kind, name in ((b"P", b"1"), (b"B", b"2")) if kind in kinds)
        if b"E" in kinds:
            self.say(self.answer(statement))
        elif b"D" in kinds:
            self.say([message(b"t", b"\0\0"), described(TEXT)])
        self.say([READY])

    def _packet(self) -> bytes:
        return self._exactly(struct.unpack("!i", self._exactly(4))[0] - 4)

    def _exactly(self, count: int) -> bytes:
        read = b""
        while len(read) < count:
            piece = self.client.recv(count - len(read))
            if not piece:
                raise OSError("the client is gone")
            read += piece
        return read


@contextlib.contextmanager
def serving(script: Callable[[socket.socket], Script]) -> Iterator[int]:
    """A port of the loopback at which every connection gets a script of its own."""
    with listening(lambda client: script(client).serve()) as port:
        yield port
