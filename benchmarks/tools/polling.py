"""Clients that ask for a job's answer again and again; cheap ones, so that the server is what is measured."""

import asyncio
import time
from urllib.parse import SplitResult, urlsplit

from msgspec import Struct, field


class Polled(Struct):
    """What they got."""

    seconds: float = 0.0
    times: list[float] = field(default_factory=list)
    """Seconds to each answer with status 200."""
    refused: int = 0
    """Answers with another status, and connections that broke."""

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.times) / self.seconds if self.seconds else 0.0


async def poll(url: str, key: str, clients: int, seconds: float, *, pause: float = 0.0) -> Polled:
    """So many clients, each with a connection of its own that asks again as soon as it is answered, or after a pause.

    All have connected before the first of them asks. With a pause they begin at moments that are spread over it.
    """
    address = urlsplit(url)
    path = f"{address.path}?{address.query}" if address.query else address.path
    request = f"GET {path} HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Key {key}\r\n\r\n".encode()
    found = Polled()
    lines = [line for _ in range(clients) if (line := await _connected(address))]
    found.refused = clients - len(lines)
    began = time.monotonic()

    async def ask_on(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(pause * number / clients)
        while (asked := time.monotonic()) - began < seconds:
            writer.write(request)
            if await _answered(reader):
                found.times.append(time.monotonic() - asked)
            else:
                found.refused += 1
            await asyncio.sleep(pause)

    asking = (ask_on(number, *line) for number, line in enumerate(lines))
    await asyncio.gather(asyncio.sleep(seconds), *asking)
    found.seconds = time.monotonic() - began
    for _, writer in lines:
        writer.close()
    return found


async def _connected(address: SplitResult) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
    try:
        return await asyncio.open_connection(address.hostname, address.port)
    except OSError:
        return None


async def _answered(reader: asyncio.StreamReader) -> bool:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        fields = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:] if b": " in line)
        await reader.readexactly(int(fields[b"content-length"]))
    except (OSError, asyncio.IncompleteReadError, KeyError):
        await asyncio.sleep(0.1)
        return False
    return b" 200 " in head.split(b"\r\n", 1)[0]
