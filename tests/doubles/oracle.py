"""Oracle's protocol as far as a login of version 23: the listener accepts, and the server challenges who logs in.

What answers the challenge is heard, and not answered any more.
"""

import asyncio

from tests.datasources.databases.oracle.packets import packet, packet_of

ACCEPT, DATA = 2, 6
VERSION, FAST_AUTH = 319, 0x10000000
PARAMETERS, STATUS = 8, 9
VERIFIER_11G = 0xB152
CHALLENGE = [("AUTH_SESSKEY", "00" * 48, 0), ("AUTH_VFR_DATA", "00" * 10, VERIFIER_11G)]
CONNECT_BYTES = 74
"""Those of a connect packet, after which its text comes in it or, where it is long, in a packet of its own."""


class Challenger:
    """Keeps what a client says."""

    def __init__(self) -> None:
        self.heard = b""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One login."""
        await self._hear(reader)
        if len(self.heard) == CONNECT_BYTES:
            await self._hear(reader)
        writer.write(accepted())
        await self._hear(reader, width=4)
        writer.write(challenge())
        await self._hear(reader, width=4)

    def said(self, name: str) -> str:
        """What the client said under this name."""
        _, found, rest = self.heard.partition(_text(name)[1:])
        assert found, name
        size = rest[1 + rest[0]]  # after the same as a number
        return rest[2 + rest[0] : 2 + rest[0] + size].decode()

    async def _hear(self, reader: asyncio.StreamReader, width: int = 2) -> None:
        self.heard += await packet_of(reader, width)


def accepted() -> bytes:
    """The listener lets the client in, who may say all of a login at once."""
    sizes = bytes(10) + bytes(1) + bytes(9) + (8192).to_bytes(4, "big")
    return packet(ACCEPT, VERSION.to_bytes(2, "big") + bytes(2) + sizes + bytes(5) + FAST_AUTH.to_bytes(4, "big"))


def challenge() -> bytes:
    """What a client proves its password by."""
    pairs = b"".join(_text(name) + _text(value) + _number(flags) for name, value, flags in CHALLENGE)
    said = bytes([PARAMETERS]) + _number(len(CHALLENGE)) + pairs
    return packet(DATA, bytes(2) + said + bytes([STATUS]) + _number(0) + _number(0), width=4)


def _number(value: int) -> bytes:
    size = (value.bit_length() + 7) // 8
    return bytes([size]) + value.to_bytes(size, "big")


def _text(text: str) -> bytes:
    return _number(len(text)) + bytes([len(text)]) + text.encode()
