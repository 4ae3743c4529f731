"""The beginning of Db2's protocol (DRDA), as far as a login: what a client asks, and what a server answers."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

EXCSAT, EXCSATRD, ACCSEC, ACCSECRD, SECCHK, SECCHKRM = 0x1041, 0x1443, 0x106D, 0x14AC, 0x106E, 0x1219
ACCRDB, ACCRDBRM, RDBNFNRM = 0x2001, 0x2201, 0x2211
EXTNAM, SRVCLSNM, SRVRLSLV, MGRLVLLS, SECMEC, SECTKN, SECCHKCD = 0x115E, 0x1147, 0x115A, 0x1404, 0x11A2, 0x11DC, 0x11A4
SVRCOD, RDBNAM, USRID, PASSWORD, PRDID, TYPDEFNAM, TYPDEFOVR = 0x1149, 0x2110, 0x11A0, 0x11A1, 0x112E, 0x2F, 0x35
SRVLST, SRVLCNT, SRVLSRV, SRVPRTY, IPADDR = 0x244E, 0x244C, 0x244D, 0x244B, 0x11E8
UTF_8, UCS_2 = (1208).to_bytes(2, "big"), (1200).to_bytes(2, "big")
IN_CLEAR, ENCRYPTED = 3, 9
"""Ways to send a password: as it is, or encrypted with a key that both have agreed on."""
PUBLIC_KEY = bytes(31) + b"\2"
ERROR = b"\0\10"

Objects = dict[int, bytes]


def objects(body: bytes) -> Iterator[tuple[int, bytes]]:
    """The parts of a message: length, code point and value, one after the other."""
    at = 0
    while at + 4 <= len(body):
        size = int.from_bytes(body[at : at + 2], "big")
        yield int.from_bytes(body[at + 2 : at + 4], "big"), body[at + 4 : at + size]
        at += size


def joined(*parts: tuple[int, bytes]) -> bytes:
    """Parts, one after the other."""
    return b"".join((len(value) + 4).to_bytes(2, "big") + part.to_bytes(2, "big") + value for part, value in parts)


def made(code: int, *parts: tuple[int, bytes]) -> bytes:
    """A message of these parts."""
    return joined((code, joined(*parts)))


class Db2Double:
    """Answers logins, as it is told, and keeps what clients have said."""

    def __init__(
        self,
        *,
        mechanism: int = ENCRYPTED,
        check: int = 0,
        found: bool = True,
        other: int = 0,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self.mechanism = mechanism
        """What it asks for."""
        self.check = check
        """Its verdict on a password: 0 is good, 14 hexadecimal an unknown user, 0f a wrong password."""
        self.found = found
        self.other = other
        """The port of another server, that it names to those that are let in; after that, it hangs up."""
        self._context = context
        self.said: list[tuple[int, Objects]] = []
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        """No more connections."""
        self._listener.close()

    def first(self, code: int) -> Objects:
        """The first message of this kind; empty where none came."""
        return next((parts for kind, parts in self.said if kind == code), {})

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        with contextlib.suppress(OSError):
            self._talk(self._context.wrap_socket(near, server_side=True) if self._context else near)

    def _talk(self, near: socket.socket) -> None:
        with near, near.makefile("rb") as reader:
            waiting: list[tuple[int, bytes]] = []
            over = False
            while not over and len(head := reader.read(6)) == 6:
                body = reader.read(int.from_bytes(head[:2], "big") - 6)
                ((code, content),) = objects(body)
                parts = dict(objects(content))
                self.said.append((code, parts))
                answer = self._answer(code, parts)
                if answer is not None:
                    waiting.append((int.from_bytes(head[4:6], "big"), answer))
                over = answer is None
                if over or not head[3] & 0x40:  # nothing more comes before we answer
                    near.sendall(b"".join(_chained(waiting)))
                    waiting = []
            near.shutdown(socket.SHUT_WR)
            reader.read()

    def _answer(self, code: int, parts: Objects) -> bytes | None:
        if code == EXCSAT:
            facts = [(EXTNAM, "db2sysc"), (SRVCLSNM, "QDB2/LINUXX8664"), (SRVRLSLV, "SQL11050")]
            named = [(point, text.encode("cp500")) for point, text in facts]
            return made(EXCSATRD, *named[:1], (MGRLVLLS, parts.get(MGRLVLLS, b"")), *named[1:])
        if code == ACCSEC:
            token = [(SECTKN, PUBLIC_KEY)] if self.mechanism == ENCRYPTED else []
            return made(ACCSECRD, (SECMEC, self.mechanism.to_bytes(2, "big")), *token)
        if code == SECCHK:
            severity = ERROR if self.check else b"\0\0"
            return made(SECCHKRM, (SVRCOD, severity), (SECCHKCD, bytes([self.check])))
        if code == ACCRDB and not self.check and not self.found:
            return made(RDBNFNRM, (SVRCOD, ERROR), (RDBNAM, parts.get(RDBNAM, b"")))
        if code == ACCRDB and not self.check:
            return self._let_in()
        return None

    def _let_in(self) -> bytes:
        """What follows is no part of this double."""
        texts = joined((0x119C, UTF_8), (0x119D, UCS_2), (0x119E, UTF_8))
        parts = [(SVRCOD, b"\0\0"), (PRDID, b"SQL11050"), (TYPDEFNAM, b"QTDSQLX86"), (TYPDEFOVR, texts)]
        if self.other:
            place = socket.inet_aton("127.0.0.1") + self.other.to_bytes(2, "big")
            server = joined((SRVPRTY, b"\0\1"), (IPADDR, place))
            parts.append((SRVLST, joined((SRVLCNT, b"\0\1"), (SRVLSRV, server))))
        return made(ACCRDBRM, *parts)


def _chained(answers: list[tuple[int, bytes]]) -> Iterator[bytes]:
    """Answers with their headers, each but the last followed by another one."""
    for number, (correlation, message) in enumerate(answers, 1):
        chained = 0x40 if number < len(answers) else 0
        yield (len(message) + 6).to_bytes(2, "big") + bytes([0xD0, 0x02 | chained]) + correlation.to_bytes(2, "big")
        yield message


@contextmanager
def double(**how: Any) -> Iterator[Db2Double]:
    """A server at a port of the loopback."""
    server = Db2Double(**how)
    try:
        yield server
    finally:
        server.stop()
