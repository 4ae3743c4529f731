"""SQL Server's protocol (MS-TDS) as far as a test needs it: pre-login, TLS in its packets, logins, batches.

It knows no SQL: statements are answered with what the test gives, by their text.
"""

import asyncio
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

PRELOGIN, BATCH, REPLY, ATTENTION, LOGIN = 0x12, 0x01, 0x04, 0x06, 0x10
OFF, ON, NOT_SUPPORTED, REQUIRED = range(4)
PACKET = 4096
COLLATION = bytes.fromhex("0904d00034")
Rows = list[list[Any]]
Reader = Callable[[int], Awaitable[bytes]]


@dataclass(frozen=True)
class Fault(Exception):
    """What the server says no with."""

    number: int
    message: str = "No"
    state: int = 1
    severity: int = 14
    then: "Fault | None" = None
    """Another one that follows."""


@dataclass
class Login:
    """What a client said of itself."""

    user: str
    password: str
    database: str
    server: str
    application: str
    host: str
    reads_only: bool
    token: str
    process: int
    card: bytes
    """Its network card's address."""


@dataclass
class TdsDouble:
    """One server; what it answers may be changed while it runs."""

    users: dict[str, str] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    answers: dict[str, Rows | Fault | None] = field(default_factory=dict)
    """By statement without the spaces around it: rows, a no, or None for a statement that answers no rows."""
    refuses: Fault | None = None
    """Every login, whatever it says."""
    encryption: int = ON
    context: ssl.SSLContext | None = None
    route: tuple[str, int] | None = None
    packet_size: str = "4096"
    silent_at: str | None = None
    """A statement that is never answered."""
    port: int = 0
    logins: list[Login] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    connections: int = 0
    heard: bytes = b""
    """All that clients have said, as it was before TLS."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client."""
        self.connections += 1
        with suppress(OSError, asyncio.IncompleteReadError, ssl.SSLError):
            await _Client(self, reader, writer).talk()
        writer.close()


class _Client:
    def __init__(self, double: TdsDouble, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.double = double
        self.reader = reader
        self.writer = writer
        self.tls: ssl.SSLObject | None = None
        self.bios = (ssl.MemoryBIO(), ssl.MemoryBIO())

    async def talk(self) -> None:
        _, asked = await self.message()
        assert asked, "a pre-login"
        self.send(REPLY, _prelogin(self.double.encryption))
        if self.double.encryption in (ON, REQUIRED) and self.double.context is not None:
            await self.shake_hands(self.double.context)
        _, body = await self.message()
        login = _login(body)
        self.double.logins.append(login)
        refusal = self._refusal(login)
        if refusal is not None:
            self.send(REPLY, _faults(refusal) + _done(error=True))
            return
        self.send(REPLY, self._accepted(login))
        while True:
            kind, body = await self.message()
            if kind == ATTENTION:
                self.send(REPLY, _done(attention=True))
            elif kind == BATCH:
                sql = body[struct.unpack_from("<I", body)[0] :].decode("utf-16-le").strip()
                self.double.asked.append(sql)
                if sql != self.double.silent_at:
                    self.send(REPLY, self._answered(sql))

    def _refusal(self, login: Login) -> Fault | None:
        if self.double.refuses is not None:
            return self.double.refuses
        known = (
            login.token in self.double.tokens if login.token else self.double.users.get(login.user) == login.password
        )
        return None if known else Fault(18456, f"Login failed for user '{login.user}'.")

    def _accepted(self, login: Login) -> bytes:
        database = _env(1, _b_varchar(login.database or "master") + _b_varchar("master"))
        collation = _env(7, bytes([5]) + COLLATION + b"\0")
        size = _env(4, _b_varchar(self.double.packet_size) + _b_varchar("4096"))
        name = "Microsoft SQL Server"
        body = bytes([1]) + bytes.fromhex("74000004") + _b_varchar(name) + bytes([16, 0, 0x10, 0])
        acknowledged = b"\xad" + struct.pack("<H", len(body)) + body
        route = b""
        if self.double.route is not None:
            host, port = self.double.route
            value = struct.pack("<BHH", 0, port, len(host)) + host.encode("utf-16-le")
            route = _env(20, struct.pack("<H", len(value)) + value + b"\0\0")
        return database + collation + acknowledged + size + route + _done()

    def _answered(self, sql: str) -> bytes:
        if sql.startswith("SET "):
            return _done()
        answer = self.double.answers.get(sql, Fault(208, f"Invalid object name '{sql[:40]}'.", severity=16))
        if sql == "BEGIN TRANSACTION":
            return _env(8, bytes([8]) + b"\1" * 8 + b"\0") + _done()
        if sql.endswith("ROLLBACK TRANSACTION"):
            return _env(10, b"\0" + bytes([8]) + b"\1" * 8) + _done()
        if isinstance(answer, Fault):
            return _faults(answer) + _done(error=True)
        if answer is None:
            return _done()
        return _result(answer)

    async def message(self) -> tuple[int, bytes]:
        """Kind and body."""
        whole = b""
        while True:
            kind, status, length, *_ = struct.unpack(">BBHHBB", await self.exactly(8))
            whole += await self.exactly(length - 8)
            if status & 1:
                self.double.heard += whole
                return kind, whole

    async def exactly(self, count: int) -> bytes:
        if self.tls is None:
            return await self.reader.readexactly(count)
        found = b""
        while len(found) < count:
            try:
                data = self.tls.read(count - len(found))
                if not data:
                    raise asyncio.IncompleteReadError(found, count)
                found += data
            except ssl.SSLWantReadError:
                data = await self.reader.read(65536)
                if not data:
                    raise asyncio.IncompleteReadError(found, count) from None
                self.bios[0].write(data)
        return found

    def send(self, kind: int, body: bytes) -> None:
        pieces = [body[start : start + PACKET - 8] for start in range(0, len(body), PACKET - 8)] or [b""]
        for number, piece in enumerate(pieces, 1):
            last = number == len(pieces)
            packet = struct.pack(">BBHHBB", kind, int(last), 8 + len(piece), 0, number % 256, 0) + piece
            if self.tls is None:
                self.writer.write(packet)
            else:
                self.tls.write(packet)
                self.writer.write(self.bios[1].read())

    async def shake_hands(self, context: ssl.SSLContext) -> None:
        tls = context.wrap_bio(*self.bios, server_side=True)
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                if self.bios[1].pending:
                    self.send(PRELOGIN, self.bios[1].read())
                _, body = await self.message()
                self.bios[0].write(body)
            else:
                if self.bios[1].pending:
                    self.send(PRELOGIN, self.bios[1].read())
                self.tls = tls
                return


def _prelogin(encryption: int) -> bytes:
    return struct.pack(">BHHBHHB", 0, 11, 6, 1, 17, 1, 0xFF) + bytes([16, 0, 0x10, 0, 0, 0, encryption])


def _login(body: bytes) -> Login:
    """MS-TDS 2.2.6.4."""

    def text(place: int) -> bytes:
        offset, length = struct.unpack_from("<HH", body, place)
        return body[offset : offset + 2 * length]

    password = bytes(((byte ^ 0xA5) >> 4 | (byte ^ 0xA5) << 4) & 0xFF for byte in text(44))
    token = ""
    if body[27] & 0x10:
        (place,) = struct.unpack_from("<I", body, struct.unpack_from("<H", body, 56)[0])
        feature, _, _, length = struct.unpack_from("<BIBI", body, place)
        assert feature == 2, "the feature of federated authentication"
        token = body[place + 10 : place + 10 + length].decode("utf-16-le")
    user, server, database, application, host = (text(place).decode("utf-16-le") for place in (40, 52, 68, 48, 36))
    reads_only, (process,) = bool(body[26] & 0x20), struct.unpack_from("<I", body, 16)
    return Login(
        user, password.decode("utf-16-le"), database, server, application, host, reads_only, token, process, body[72:78]
    )


def _env(kind: int, value: bytes) -> bytes:
    return b"\xe3" + struct.pack("<HB", 1 + len(value), kind) + value


def _b_varchar(text: str) -> bytes:
    return bytes([len(text)]) + text.encode("utf-16-le")


def _faults(fault: Fault) -> bytes:
    said = struct.pack("<H", len(fault.message)) + fault.message.encode("utf-16-le")
    body = struct.pack("<iBB", fault.number, fault.state, fault.severity) + said
    body += _b_varchar("double") + _b_varchar("") + struct.pack("<i", 1)
    here = b"\xaa" + struct.pack("<H", len(body)) + body
    return here + (_faults(fault.then) if fault.then else b"")


def _done(*, error: bool = False, attention: bool = False, rows: int | None = None) -> bytes:
    status = 0x02 * error | 0x20 * attention | 0x10 * (rows is not None)
    return b"\xfd" + struct.pack("<HHQ", status, 0xC1, rows or 0)


def _result(rows: Rows) -> bytes:
    """Integers as bigint, all others as nvarchar(max)."""
    width = max((len(row) for row in rows), default=1)
    whole = [any(isinstance(row[place], int) for row in rows) for place in range(width)]
    answer = b"\x81" + struct.pack("<H", width)
    for place in range(width):
        kind = b"\x26\x08" if whole[place] else b"\xe7\xff\xff" + COLLATION
        answer += struct.pack("<IH", 0, 1) + kind + _b_varchar(f"c{place}")
    body = [b"\xd1" + b"".join(_value(value, whole[place]) for place, value in enumerate(row)) for row in rows]
    return answer + b"".join(body) + _done(rows=len(rows))


def _value(value: Any, whole: bool) -> bytes:
    if whole:
        return b"\0" if value is None else b"\x08" + struct.pack("<q", value)
    if value is None:
        return b"\xff" * 8
    data = str(value).encode("utf-16-le")
    piece = struct.pack("<I", len(data)) + data if data else b""
    return struct.pack("<Q", len(data)) + piece + struct.pack("<I", 0)


@asynccontextmanager
async def running(double: TdsDouble) -> AsyncIterator[TdsDouble]:
    """On the loopback."""
    server = await asyncio.start_server(double.serve, "127.0.0.1", 0)
    double.port = server.sockets[0].getsockname()[1]
    try:
        yield double
    finally:
        server.close()
