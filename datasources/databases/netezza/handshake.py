"""TLS in Netezza's handshake: agreed on for the driver, which verifies no name and reads authorities from files."""

import asyncio
import socket
import struct

from datasources.model.errors import SourceUnreachable
from datasources.model.vocabulary import ErrorCode
from datasources.network.way_out import Streams

SSL_NEGOTIATE = 11
SSL_CONNECT = 12
UNSECURED, SECURED = 1, 3
"""Levels of security: such a session, and no other."""
LONGEST = 65536
ANOTHER_VERSION = b"M"
"""An answer of two bytes: the second is the version that the server wants."""


async def agree(near: Streams, far: socket.socket, *, tls: bool) -> bool:
    """Carry the handshake to its question about TLS and answer that: whether TLS is what comes next.

    The driver asks for a session without TLS, and hears that it has one. Raises `SourceUnreachable`.
    """
    reader, writer = near
    while True:
        opcode, frame = await _frame(reader)
        if opcode == SSL_NEGOTIATE:
            break
        await _send(far, frame)
        answer = await _answer(far)
        writer.write(answer + (await _answer(far) if answer == ANOTHER_VERSION else b""))
    level = SECURED if tls else UNSECURED
    await _send(far, _packed(SSL_NEGOTIATE, level))
    answer = await _answer(far)
    if tls and answer == b"S":
        await _send(far, _packed(SSL_CONNECT, level))
        return True  # the server's next byte, within TLS, is what the driver waits for
    if not tls and answer == b"N":
        writer.write(answer)
        return False
    message = "The server does not offer TLS" if tls else "The server takes no session without TLS"
    raise SourceUnreachable(ErrorCode.TLS_ERROR, message, {"stage": "tls"})


async def _frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """What the driver says: its length, a code, and more. Raises `OSError` when it has left."""
    try:
        head = await reader.readexactly(4)
        (length,) = struct.unpack("!i", head)
        if not 6 <= length <= LONGEST:
            raise ConnectionAbortedError("The driver speaks another protocol")
        body = await reader.readexactly(length - 4)
    except asyncio.IncompleteReadError as error:
        raise ConnectionAbortedError("The driver has left") from error
    return struct.unpack("!h", body[:2])[0], head + body


def _packed(opcode: int, level: int) -> bytes:
    return struct.pack("!ihi", 10, opcode, level)


async def _send(far: socket.socket, data: bytes) -> None:
    await asyncio.get_running_loop().sock_sendall(far, data)


async def _answer(far: socket.socket) -> bytes:
    """One byte, and not the first one of TLS. Raises `SourceUnreachable` when the server has left."""
    answer = await asyncio.get_running_loop().sock_recv(far, 1)
    if not answer:
        message = "The server ended the connection"
        raise SourceUnreachable(ErrorCode.CONNECTION_ERROR, message, {"stage": "login"})
    return answer
