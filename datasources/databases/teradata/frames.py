"""Headers of Teradata's messages, looked at before the driver sees them.

The driver believes the length that it reads, and takes as much memory before the first byte of the message has come: a
header of 52 bytes is enough for two gigabytes.
"""

from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode

HEADER_BYTES = 52
LARGEST = 2**25
"""Bytes of a message: twice what the database sends in one."""


class Frames:
    """Follows what a server sends from header to header, on one connection without TLS."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._left = 0
        """Bytes of the present message that are still to come."""

    def look(self, data: bytes) -> None:
        """Note what has arrived. Raises `CheckError` for a message longer than any."""
        place = 0
        while place < len(data):
            if self._left:
                passed = min(self._left, len(data) - place)
                self._left -= passed
            else:
                passed = min(HEADER_BYTES - len(self._head), len(data) - place)
                self._head += data[place : place + passed]
                if len(self._head) == HEADER_BYTES:
                    self._left = _length_in(self._head)
                    self._head.clear()
            place += passed


def _length_in(head: bytearray) -> int:
    """Its higher half is the fourth byte with the fifth, its lower half the ninth with the tenth."""
    length = int.from_bytes(head[3:5] + head[8:10], "big")
    if length > LARGEST:
        message = "The server announces a message longer than any of Teradata's"
        raise CheckError(ErrorCode.PROTOCOL_ERROR, message, {"stage": "read"})
    return length
