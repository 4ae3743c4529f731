"""A cap on what a server sends: it counts every byte of a connection, whatever it claims to be.

Drivers read what a server sends until an answer is whole, so a hostile server chooses how much of the worker's memory
that takes. The kernel counts for us: with TLS, behind a tunnel, for rows, errors, notices and notifications alike.
"""

import socket
import sys
from collections.abc import Callable

from datasources.model.errors import SourcecheckError

MEGABYTE = 2**20
LOGIN_BYTES = MEGABYTE
"""For a login, certificates included; the real ones take a few thousand."""
ANSWER_BYTES = 8 * MEGABYTE
"""For one answer that a driver keeps in memory: a whole result, or one row where rows are read one by one."""
CONNECTION_BYTES = 512 * MEGABYTE
"""For everything on one connection: the catalogue of 50,000 tables of 100 columns."""
TCP_INFO_BYTES = 136
"""Length of Linux's `struct tcp_info` up to and with `tcpi_bytes_received`."""


class Flood(SourcecheckError):
    """The server sent more than it may; the connection is of no more use."""

    def __init__(self, received: int, most: int) -> None:
        super().__init__(received, most)
        self.received = received
        self.most = most

    def __str__(self) -> str:
        return f"The server sent more than {self.most // MEGABYTE} MB"


class ByteCap:
    """Counts what arrives at one connection. Ask it before each read: what it has let pass may be kept."""

    def __init__(self, descriptor: Callable[[], int]) -> None:
        """`descriptor` tells the connection's socket: some drivers change it while they connect."""
        self._descriptor = descriptor
        self._before = 0
        self._flood: Flood | None = None

    def begin(self) -> None:
        """From here on, bytes belong to another answer."""
        self._before = self.received

    def check(self, most: int = ANSWER_BYTES) -> None:
        """Raise `Flood` when there are more than `most` bytes since `begin`, or too many on the whole connection."""
        received = self.received
        for count, limit in ((received - self._before, most), (received, CONNECTION_BYTES)):
            if self._flood is None and count > limit:
                self._flood = Flood(count, limit)
        if self._flood is not None:
            raise self._flood

    @property
    def received(self) -> int:
        """Bytes that have arrived since the socket was opened."""
        return received_bytes(self._descriptor())


def received_bytes(descriptor: int) -> int:
    """Bytes that have arrived at a TCP socket since it was opened; 0 where the kernel does not count (not Linux)."""
    if descriptor < 0:
        return 0
    borrowed = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, fileno=descriptor)
    try:
        info = borrowed.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_BYTES)
    except (AttributeError, OSError):
        return 0
    finally:
        borrowed.detach()
    return int.from_bytes(info[TCP_INFO_BYTES - 8 :], sys.byteorder) if len(info) == TCP_INFO_BYTES else 0
