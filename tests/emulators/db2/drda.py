"""The beginning of Db2's protocol (DRDA), as far as a login: what a client asks, and what a server answers."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

EXCSAT, EXCSATRD, ACCSEC, ACCSECRD, SECCHK, SECCHKRM, ACCRDB, RDBNFNRM = (
    0x1041, 0x1443, 0x106D, 0x14AC, 0x106E, 0x1219, 0x2001, 0x2211
)  # fmt: skip
EXTNAM, SRVCLSNM, SRVRLSLV, MGRLVLLS, SECMEC, SECTKN, SECCHKCD, SVRCOD, RDBNAM, USRID, PASSWORD = (
    0x115E, 0x1147, 0x115A, 0x1404, 0x11A2, 0x11DC, 0x11A4, 0x1149, 0x2110, 0x11A0, 0x11A1
)  # fmt: skip
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


def made(code: int, *parts: tuple[int, bytes]) -> bytes:
    """A message of these parts."""
    body = b"".join((len(value) + 4).to_bytes(2, "big") + part.to_bytes(2, "big") + value for part, value in parts)
    return (len(body) + 4).to_bytes(2, "big") + code.to_bytes(2, "big") + body


class Db2Double:
    """Answers logins, as it is told, and keeps what clients have said."""

    def __init__(self, *, mechanism: int = ENCRYPTED, check: int = 0, found: bool = True) -> None:
        self.mechanism = mechanism
        """What it asks for."""
        self.check = check
        """Its verdict on a password: 0 is good, 14 hexadecimal an unknown user, 0f a wrong password."""
        self.found = found
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
        with contextlib.suppress(OSError), near, near.makefile("rb") as reader:
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
        return None


def _chained(answers: list[tuple[int, bytes]]) -> Iterator[bytes]:
    """Answers with their headers, each but the last followed by another one."""
    for number, (correlation, message) in enumerate(answers, 1):
        chained = 0x40 if number < len(answers) else 0
        yield (len(message) + 6).to_bytes(2, "big") + bytes([0xD0, 0x02 | chained]) + correlation.to_bytes(2, "big")
        yield message


@contextmanager
def double(**how: int) -> Iterator[Db2Double]:
    """A server at a port of the loopback."""
    server = Db2Double(**how)  # type: ignore[arg-type]
    try:
        yield server
    finally:
        server.stop()
