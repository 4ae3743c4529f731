"""What is left when there is no API, no queue and no worker: the flow awaited in one process, and psycopg alone.

A program of its own, so that its CPU is its own: the source as JSON on its standard input, then a line for each
`Wanted`, which it answers with a line for each `Bare`. The settings come by the environment, as for a worker.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import psutil
import psycopg
from msgspec import Struct

from api.wire.registration import parse
from datasources.catalogue.engine import keep_connections, session_scope
from datasources.catalogue.organizations.accounts import bootstrap
from datasources.catalogue.sources import write_source
from datasources.catalogue.tables import DataSource, Job
from datasources.model.settings import Settings
from datasources.model.steps import KindOfTest, steps_of
from datasources.secrecy.vault import Vault

FLOW, PSYCOPG = "in-process flow", "bare psycopg"
"""What it can do: the flow that a worker runs; to connect and ask for the version."""
LONGEST = 16 * 2**20
"""Bytes of one answer at most."""


class Wanted(Struct):
    """What to measure next."""

    kind: str
    in_flight: int
    samples: int


class Bare(Struct):
    """Samples of one kind at one number in flight."""

    kind: str
    in_flight: int
    times: list[float]
    elapsed: float
    cpu: float
    """Seconds a sample, of this process."""


async def main() -> None:
    """Measure what each line asks for."""
    keep_connections()  # as a worker's processes do
    source = msgspec.json.decode(sys.stdin.buffer.readline(), type=dict[str, Any])
    once = {FLOW: await flow_once(Settings.load(), source), PSYCOPG: psycopg_once(source["options"])}
    for do in once.values():
        await do()  # the first one imports and connects
    while line := await asyncio.to_thread(sys.stdin.buffer.readline):
        wanted = msgspec.json.decode(line, type=Wanted)
        found = await measured(wanted.kind, once[wanted.kind], wanted.in_flight, wanted.samples)
        sys.stdout.buffer.write(msgspec.json.encode(found) + b"\n")
        sys.stdout.buffer.flush()


class Alone:
    """The program, seen from the benchmark."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def measure(self, kind: str, in_flight: int, samples: int, seconds: float) -> Bare:
        """Have it measure so many samples. Raises `TimeoutError`."""
        assert self._process.stdin is not None and self._process.stdout is not None  # noqa: S101, PT018
        self._process.stdin.write(msgspec.json.encode(Wanted(kind, in_flight, samples)) + b"\n")
        line = await asyncio.wait_for(self._process.stdout.readline(), seconds)
        return msgspec.json.decode(line, type=Bare)


@asynccontextmanager
async def alone(environ: dict[str, str], source: dict[str, Any]) -> AsyncIterator[Alone]:
    """The program with these settings, until the end of the block."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.parts.bare"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LONGEST,
        env=environ,
    )
    assert process.stdin is not None  # noqa: S101
    process.stdin.write(msgspec.json.encode(source) + b"\n")
    try:
        yield Alone(process)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def measured(kind: str, once: Callable[[], Awaitable[object]], in_flight: int, samples: int) -> Bare:
    """Keep so many under way until there are enough."""
    times: list[float] = []
    left = iter(range(samples))
    before, began = sum(psutil.Process().cpu_times()[:2]), time.monotonic()

    async def keep_on() -> None:
        while next(left, None) is not None:
            start = time.monotonic()
            await once()
            times.append(time.monotonic() - start)

    await asyncio.gather(*(keep_on() for _ in range(in_flight)))
    elapsed = time.monotonic() - began
    cpu = (sum(psutil.Process().cpu_times()[:2]) - before) / len(times)
    return Bare(kind, in_flight, times, elapsed, cpu)


async def flow_once(settings: Settings, data: dict[str, Any]) -> Callable[[], Awaitable[object]]:
    """A function that tests the source by the very flow that a worker runs, on a new job each time."""
    from flows.check_source import check_source

    source, fields = parse(dict(data))
    async with session_scope(settings) as session:
        known = await bootstrap(session, None)
        row = DataSource(organization_id=known.organization_id, created_by_user_id=known.user_id)
        write_source(row, source, fields, Vault.from_settings(settings))
        session.add(row)
        await session.flush()
        organization, source_id = known.organization_id, row.id

    async def once() -> object:
        async with session_scope(settings) as session:
            job = Job(
                organization_id=organization,
                source_id=source_id,
                source_revision=1,
                trigger="test",
                steps=steps_of(KindOfTest.asynchronous),
                deadline=datetime.now(UTC) + timedelta(minutes=5),
            )
            session.add(job)
            await session.flush()
            job_id = job.id
        state = await check_source(job_id, return_state=True)
        if not state.is_completed():
            raise RuntimeError(f"the flow did not pass: {state.message}")
        return state

    return once


def psycopg_once(options: dict[str, Any]) -> Callable[[], Awaitable[object]]:
    """A function that connects and asks for the version, as little as a test can be."""

    async def once() -> object:
        async with await psycopg.AsyncConnection.connect(**options) as connection:
            return await (await connection.execute("SHOW server_version")).fetchone()

    return once


if __name__ == "__main__":
    asyncio.run(main())
