"""What is left when there is no API, no queue and no worker: the flow awaited in one process, and psycopg alone.

A program of its own, so that its CPU is its own: `SOURCE SAMPLES` as JSON on its standard input, the answer on its
standard output. The settings come by the environment, as for a worker.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import psutil
import psycopg
from msgspec import Struct

from api.wire.registration import parse
from datasources.catalogue.accounts import bootstrap
from datasources.catalogue.engine import session_scope
from datasources.catalogue.sources import write_source
from datasources.catalogue.tables import DataSource, Job
from datasources.model.settings import Settings
from datasources.model.steps import KindOfTest, steps_of
from datasources.secrecy.vault import Vault


class Asked(Struct):
    """What to measure."""

    source: dict[str, Any]
    samples: dict[int, int]
    """By the number in flight."""


class Bare(Struct):
    """Samples of one kind at one number in flight."""

    kind: str
    in_flight: int
    times: list[float]
    elapsed: float
    cpu: float
    """Seconds a sample, of this process."""


async def main() -> None:
    """Measure both kinds at each number in flight."""
    asked = msgspec.json.decode(sys.stdin.buffer.read(), type=Asked)
    flow = await flow_once(Settings.load(), asked.source)
    found = []
    for kind, once in (("in-process flow", flow), ("bare psycopg", psycopg_once(asked.source["options"]))):
        await once()  # the first one imports and connects
        for in_flight, samples in asked.samples.items():
            found.append(await measured(kind, once, in_flight, samples))
    sys.stdout.buffer.write(msgspec.json.encode(found))


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
