"""What speaks at a port, by the first bytes that it sends: for a sentence about a port that is another service's."""

import asyncio
from collections.abc import Sequence

PREFIXES: tuple[tuple[bytes, str], ...] = (
    (b"SSH-", "SSH"),
    (b"Exceeded MaxStartups", "SSH"),
    (b"HTTP/", "HTTP"),
    (b"-ERR", "Redis"),
    (b"-NOAUTH", "Redis"),
    (b"-DENIED", "Redis"),
    (b"+OK", "POP3"),
    (b"* OK", "IMAP"),
    (b"AMQP", "AMQP"),
    (b"RFB ", "VNC"),
)
TLS_ALERT = b"\x15\x03"
MYSQL_GREETING, MYSQL_ERROR = 0x0A, 0xFF
"""First byte of what MySQL and MariaDB send, after three bytes of length and a number that is 0."""
WAIT_SECONDS = 0.5
"""How long a server may take to speak first; then it is asked as browsers ask."""
REQUEST = b"GET / HTTP/1.0\r\n\r\n"
SSL_REQUEST = bytes.fromhex("0000000804d2162f")
"""PostgreSQL's question for TLS, which its servers answer with one letter; to a browser's question they hang up."""
SSL_ANSWERS = (b"S", b"N")
MOST_BYTES = 512


def recognise(first: bytes) -> str | None:
    """The protocol that begins like this; None for one that is not known, and for PostgreSQL's own answers."""
    if first.startswith(b"HTTP/") and b"MongoDB" in first:
        return "MongoDB"
    if first.startswith(b"220"):
        return "SMTP" if b"SMTP" in first.upper() else "FTP"
    if first.startswith(TLS_ALERT):
        return "TLS"
    if len(first) > 5 and first[3] == 0 and first[4] in (MYSQL_GREETING, MYSQL_ERROR):
        return "MySQL"
    return next((name for prefix, name in PREFIXES if first.startswith(prefix)), None)


async def first_bytes(addresses: Sequence[str], port: int, seconds: float, question: bytes = REQUEST) -> bytes | None:
    """What the first of these addresses sends, unasked or to this question; empty when it hangs up instead.

    None where nothing comes in that time. The addresses are those that the policy has let pass.
    """
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(addresses[0], port, limit=MOST_BYTES)
            try:
                return await _read(reader, writer, question)
            finally:
                writer.close()
    except ConnectionResetError:
        return b""
    except OSError:  # `TimeoutError` is one
        return None


async def recognise_silent(addresses: Sequence[str], port: int, seconds: float) -> str | None:
    """The protocol of a server that waits for its client to speak; None where neither question tells."""
    found = recognise(await first_bytes(addresses, port, seconds / 2) or b"")
    if found is not None:
        return found
    answer = await first_bytes(addresses, port, seconds / 2, SSL_REQUEST)
    return "PostgreSQL" if answer in SSL_ANSWERS else None


async def _read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, question: bytes) -> bytes:
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            return await reader.read(MOST_BYTES)
    except TimeoutError:
        writer.write(question)
        return await reader.read(MOST_BYTES)
