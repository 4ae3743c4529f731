"""Packets of Oracle's protocol, looked at before the driver sees them.

The driver trusts the lengths that it reads: one of zero has it loop for ever, with all of the process.
"""

HEADER_BYTES = 8
ACCEPT = 2
KINDS = frozenset({1, 2, 3, 4, 5, 6, 7, 9, 11, 12, 13, 14})
"""Connect, accept, acknowledge, refuse, redirect, data, null, abort, resend, marker, attention, control."""


class Frames:
    """Cuts what a server sends into whole packets, on one connection."""

    def __init__(self) -> None:
        self._left = bytearray()
        self._width = 2
        """Bytes of a length: four of them once the listener has accepted."""

    def whole(self, data: bytes) -> list[bytes]:
        """The packets that are whole with this. Raises `ValueError` for what is none of Oracle's."""
        self._left += data
        found = []
        while len(self._left) >= HEADER_BYTES:
            size, kind = int.from_bytes(self._left[: self._width], "big"), self._left[4]
            if size < HEADER_BYTES or kind not in KINDS:
                raise ValueError("no packet of Oracle's")
            if len(self._left) < size:
                break
            found.append(bytes(self._left[:size]))
            del self._left[:size]
            if kind == ACCEPT:
                self._width = 4
                if self._left:  # the driver would read it with the length of before
                    raise ValueError("more than was asked for")
        return found
