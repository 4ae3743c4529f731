"""What a worker and its warm processes say to each other: one JSON object a line, over a Unix socket."""

import asyncio

import msgspec
from msgspec import Struct


class Order(Struct, tag="order", frozen=True):
    """Run this flow run."""

    flow_run: str
    """The flow run as Prefect's JSON, in the state the worker has brought it to."""
    entrypoint: str
    """Where the flow is, `module.function`."""


class Suspend(Struct, tag="suspend", frozen=True):
    """An operator has suspended the run from outside: stop at the next step."""

    state_id: str


class Ready(Struct, tag="ready", frozen=True):
    """Warmed up, waiting for an order."""


class Ended(Struct, tag="ended", frozen=True):
    """The run is over, as far as this process is concerned."""

    trouble: str | None = None
    """Why the engine could not conclude the run; then the worker has to."""
    rss: int = 0
    """Resident memory of the process, in bytes."""
    threads: int = 0
    """How many threads of the run are still at work: they would take their time from the next run."""


ToProcess = Order | Suspend
ToWorker = Ready | Ended

LONGEST = 64 * 2**20
"""Bytes of one line: a flow run's parameters may be large (Prefect itself allows half a megabyte)."""


class Line:
    """One end of the socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def say(self, message: ToProcess | ToWorker) -> None:
        """Send it, unless the other end is gone."""
        if not self._writer.is_closing():
            self._writer.write(msgspec.json.encode(message) + b"\n")

    async def hear(self) -> bytes:
        """The next line; empty when the other end is gone."""
        try:
            return await self._reader.readuntil(b"\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""

    async def flush(self) -> None:
        """Wait until what was said is on its way."""
        await self._writer.drain()

    def close(self) -> None:
        """Hang up."""
        self._writer.close()
