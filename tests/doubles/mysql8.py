"""MySQL's face on MariaDB: what it says of itself, its words for a limit, and its record of what views read.

All else, the SQL above all, is MariaDB's.
"""

import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from tests.fixtures.servers.faults import faulty

VERSION = "8.0.36"
COM_QUERY = 3
SSL = 0x0800
"""Of the flags in a greeting: TLS would hide what is to be changed."""
LIMIT = re.compile(r"max_execution_time = (\d+)")
RECORD = "information_schema.VIEW_TABLE_USAGE"
Usage = Sequence[tuple[str, str, str, str]]
"""Schema and name of a table, and of the view that reads it."""


@contextmanager
def says_mysql(port: int, usage: Usage | None) -> Iterator[int]:
    """A port of the loopback where MariaDB seems to be MySQL 8; without `usage`, one before 8.0.13."""

    def changed(text: str) -> str:
        text = LIMIT.sub(lambda found: f"max_statement_time = {int(found[1]) / 1000}", text)
        if usage is not None:
            text = text.replace(RECORD, f"({_rows(usage)}) AS kept")
        return text.replace("VERSION()", f"'{VERSION}'")

    with faulty(port, lambda client, server: _serve(client, server, changed)) as near:
        yield near


def _serve(client: socket.socket, server: socket.socket, changed: Callable[[str], str]) -> None:
    number, greeting = _packet(server)
    client.sendall(_framed(number, _greeting(greeting)))
    threading.Thread(target=_forward, args=(client, server, changed), daemon=True).start()
    while said := server.recv(65536):
        client.sendall(said)


def _forward(client: socket.socket, server: socket.socket, changed: Callable[[str], str]) -> None:
    with suppress(OSError):
        while True:
            number, body = _packet(client)
            if number == 0 and body[:1] == bytes([COM_QUERY]):
                body = body[:1] + changed(body[1:].decode()).encode()
            server.sendall(_framed(number, body))
    with suppress(OSError):
        server.shutdown(socket.SHUT_RDWR)


def _greeting(body: bytes) -> bytes:
    """With another version, and without TLS."""
    rest = body[body.index(b"\0") :]
    flags = 1 + 4 + 8 + 1  # behind the version's end: the connection's id, a salt, and a zero
    (low,) = struct.unpack_from("<H", rest, flags)
    return body[:1] + VERSION.encode() + rest[:flags] + struct.pack("<H", low & ~SSL) + rest[flags + 2 :]


def _rows(usage: Usage) -> str:
    names = ("TABLE_SCHEMA", "TABLE_NAME", "VIEW_SCHEMA", "VIEW_NAME")
    rows = [", ".join(f"'{value}' AS {name}" for value, name in zip(row, names, strict=True)) for row in usage]
    return " UNION ALL ".join(f"SELECT {row}" for row in rows)


def _packet(sock: socket.socket) -> tuple[int, bytes]:
    head = _exactly(sock, 4)
    return head[3], _exactly(sock, int.from_bytes(head[:3], "little"))


def _framed(number: int, body: bytes) -> bytes:
    return len(body).to_bytes(3, "little") + bytes([number]) + body


def _exactly(sock: socket.socket, count: int) -> bytes:
    read = b""
    while len(read) < count:
        piece = sock.recv(count - len(read))
        if not piece:
            raise OSError("the other side is gone")
        read += piece
    return read
