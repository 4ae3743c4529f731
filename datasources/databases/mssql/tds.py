"""How a TDS connection begins: the pre-login, and TLS inside its packets (MS-TDS, sections 2.2.6.5 and 3.2.5.1)."""

import asyncio
import ssl
import struct
from typing import Any

HEADER = struct.Struct(">BBHHBB")
"""Type, status, length with this header, process, number, window."""
PRELOGIN = 0x12
REPLY = 0x04
LAST = 0x01
ENCRYPTION = 0x01
"""The option that says how either side means to encrypt."""
END = 0xFF
OFF, ON, NOT_SUPPORTED, REQUIRED = range(4)
LARGEST = 32767
"""Bytes of a packet."""
CHUNK = 65536


class Foreign(ValueError):
    """What answers is no TDS."""


def packet(kind: int, body: bytes) -> bytes:
    """One whole message."""
    return HEADER.pack(kind, LAST, HEADER.size + len(body), 0, 0, 0) + body


async def read_message(reader: asyncio.StreamReader, *kinds: int) -> bytes:
    """The body of a message of one of these kinds. Raises `Foreign` and `asyncio.IncompleteReadError`."""
    body = b""
    while True:
        first = await reader.readexactly(1)
        if first[0] not in kinds:
            raise Foreign("no packet of the kind that is due")
        _, status, length, *_ = HEADER.unpack(first + await reader.readexactly(HEADER.size - 1))
        if not HEADER.size <= length <= LARGEST or len(body) > 4 * LARGEST:
            raise Foreign("a packet of a length that cannot be")
        body += await reader.readexactly(length - HEADER.size)
        if status & LAST:
            return body


def encryption_of(prelogin: bytes) -> int:
    """What a pre-login says of encryption. Raises `Foreign`."""
    return prelogin[_place_of_encryption(prelogin)]


def with_encryption(prelogin: bytes, word: int) -> bytes:
    """The same pre-login, saying something else of encryption. Raises `Foreign`."""
    place = _place_of_encryption(prelogin)
    return prelogin[:place] + bytes([word]) + prelogin[place + 1 :]


def _place_of_encryption(prelogin: bytes) -> int:
    """Options are in a list of kind, offset and length, before their values."""
    for start in range(0, len(prelogin) - 4, 5):
        if prelogin[start] == END:
            break
        kind, offset, length = struct.unpack_from(">BHH", prelogin, start)
        if kind == ENCRYPTION and length >= 1 and offset < len(prelogin):
            return int(offset)
    raise Foreign("a pre-login without a word about encryption")


class Secured:
    """TLS on a connection that is open: its handshake in pre-login packets, and then on the bare connection."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, context: ssl.SSLContext, name: str
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_hostname=name)
        self.transport = writer.transport

    async def shake_hands(self) -> str | None:
        """The version of TLS that both agree on. Raises `ssl.SSLError`, `Foreign` and `asyncio.IncompleteReadError`."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._send_wrapped()
                self._in.write(await read_message(self._reader, PRELOGIN, REPLY))
            else:
                await self._send_wrapped()
                return self._tls.version()

    async def _send_wrapped(self) -> None:
        if self._out.pending:
            self._writer.write(packet(PRELOGIN, self._out.read()))
            await self._writer.drain()

    async def read(self, most: int) -> bytes:
        """What has arrived, as `asyncio.StreamReader.read` has it."""
        while True:
            try:
                return self._tls.read(most)
            except ssl.SSLWantReadError:
                data = await self._reader.read(CHUNK)
                if not data:
                    return b""
                self._in.write(data)
            except ssl.SSLZeroReturnError:
                return b""

    def write(self, data: Any) -> None:
        """Encrypt, and send."""
        self._tls.write(data)
        self._writer.write(self._out.read())

    async def drain(self) -> None:
        """Wait until there is room for more."""
        await self._writer.drain()

    def close(self) -> None:
        """Of the connection."""
        self._writer.close()
