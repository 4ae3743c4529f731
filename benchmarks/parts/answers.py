"""How soon the API answers: clients that poll a job, requests for a test, pages of sources; beside `/health/live`."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx

from benchmarks.parts.plan import Plan
from benchmarks.tools.lanes import Lane
from benchmarks.tools.polling import Polled, poll
from benchmarks.tools.report import Table, milliseconds
from benchmarks.tools.targets import silent
from benchmarks.tools.timed import SOURCES, Measured, measure, percentiles, register, spent, tested
from deployments.stack.start import Say

POLLED = (
    *("what", "clients", "answers/s", "p50 ms", "p95 ms", "worst ms", "refused"),
    *("cores API", "cores Prefect", "cores PostgreSQL"),
)
POSTED = ("POST of a test, while", "requests", "p50 ms", "p95 ms", "worst ms")
LIVE = "/health/live"
PAUSE = 2.0
"""Seconds between an answer and the next request of a client that takes its time."""
WAIT = 2
"""Seconds that a client has an answer held for."""
SETTLE = 0.5
"""Seconds in which what a test leaves to do is done."""
IN_FLIGHT = 16


async def polling(lane: Lane, source: dict[str, Any], plan: Plan, into: Table, say: Say) -> None:
    """GET of a job that has ended, and of one that runs, beside what answers without a key or a catalogue."""
    async with lane.client() as client:
        (source_id,) = await register(client, source, 1, "polled")
        ended = f"{SOURCES}/test/{await tested(client, source_id, Measured())}"
        for clients in plan.pollers:
            await _polled(lane, LIVE, LIVE, clients, plan, into, say)
        await _job(lane, "a job that has ended", ended, plan, into, say)
        async with running_jobs(client, source, 1) as (running,):
            address = f"{SOURCES}/test/{running}"
            await _job(lane, "a job that runs", address, plan, into, say)
            title, path = f"the same, `wait={WAIT}`, beyond it", f"{address}?wait={WAIT}"
            await _polled(lane, title, path, plan.pollers[-1], plan, into, say, wait=WAIT)


async def _job(lane: Lane, title: str, path: str, plan: Plan, into: Table, say: Say) -> None:
    for clients in (0, *plan.pollers):
        await _polled(lane, title, path, clients, plan, into, say)
    await _polled(lane, f"the same, every {PAUSE:g} s", path, plan.pollers[-1], plan, into, say, pause=PAUSE)


async def _polled(
    lane: Lane,
    title: str,
    path: str,
    clients: int,
    plan: Plan,
    into: Table,
    say: Say,
    *,
    pause: float = 0.0,
    wait: float = 0.0,
) -> None:
    say(f"GET of {title}: {clients} clients")
    before = lane.trees.cpu()
    seconds = plan.poll_seconds + 2 * (pause + wait)
    found = await poll(f"{lane.api}{path}", lane.key, clients, seconds, pause=pause)
    used = spent(lane.trees, before, found.seconds, {}, 1)
    share = (used.get(role, 0.0) / found.seconds for role in ("api", "prefect", "postgres"))
    into.rows.append((title, clients, round(found.rate), *_times(found, wait), found.refused, *share))


def _times(found: Polled, wait: float) -> tuple[str, ...]:
    times = [max(0.0, each - wait) for each in found.times]
    return (*map(milliseconds, percentiles(times)), milliseconds(max(times, default=0.0)))


@asynccontextmanager
async def running_jobs(client: httpx.AsyncClient, source: dict[str, Any], count: int) -> AsyncIterator[list[int]]:
    """The numbers of so many jobs that are open for as long as the block is, and cost next to nothing.

    The first one runs; as many of the others as the organization has slots for.
    """
    async with AsyncExitStack() as stack:
        never = await stack.enter_async_context(silent(source))
        ids = await register(client, never, count, f"silent {count}")
        numbers = []
        for source_id in ids:
            asked = await client.post(f"{SOURCES}/{source_id}/test", json={"timeout_seconds": 300})
            numbers.append(int(asked.raise_for_status().json()["job_id"]))
            stack.push_async_callback(client.post, f"{SOURCES}/test/{numbers[-1]}/cancel")
        while (await client.get(f"{SOURCES}/test/{numbers[0]}", params={"wait": 1})).json()["status"] != "processing":
            continue
        yield numbers


async def posts(lane: Lane, source: dict[str, Any], plan: Plan, into: Table, say: Say) -> None:
    """POST of a test: while nothing else is done, beside tests that only wait, and beside tests that fill the cores."""
    async with lane.client() as client:
        ids = await register(client, source, IN_FLIGHT, "asked")
        say(f"POST of a test, {plan.posts} of them")
        into.rows.append(_posted("nothing else is done", await _one_by_one(client, ids[0], plan.posts)))
        async with running_jobs(client, source, IN_FLIGHT - 1):
            found = await _cancelled(client, ids[0], plan.posts)
            into.rows.append(_posted(f"{IN_FLIGHT - 1} other tests are open, of a server that says nothing", found))
        say(f"POST of a test, {IN_FLIGHT} in flight")
        loaded = await measure(lane, client, ids, plan.posts * 3, plan.part_seconds, {})
        into.rows.append(_posted(f"{IN_FLIGHT - 1} other tests run on the same cores", loaded.posts))


async def _one_by_one(client: httpx.AsyncClient, source: int, count: int) -> list[float]:
    found = Measured()
    for _ in range(count):
        await tested(client, source, found)
        await asyncio.sleep(SETTLE)
    return found.posts


async def _cancelled(client: httpx.AsyncClient, source: int, count: int) -> list[float]:
    """Ask for a test and take it back, so many times."""
    times = []
    for _ in range(count):
        began = time.monotonic()
        asked = (await client.post(f"{SOURCES}/{source}/test")).raise_for_status().json()
        times.append(time.monotonic() - began)
        await client.post(f"{SOURCES}/test/{asked['job_id']}/cancel")
        await asyncio.sleep(SETTLE)
    return times


def _posted(title: str, times: list[float]) -> tuple[Any, ...]:
    return (title, len(times), *map(milliseconds, percentiles(times)), milliseconds(max(times)))


async def pages(lane: Lane, source: dict[str, Any], plan: Plan, into: Table, say: Say) -> None:
    """Lists of many sources, and the health of one of them, to one client."""
    async with lane.client() as client:
        began = time.monotonic()
        ids = await register(client, source, plan.listed, "listed")
        say(f"registered {plan.listed} sources in {time.monotonic() - began:.0f} s")
        await tested(client, ids[0], Measured())
    paths = {
        f"a list of {plan.listed} sources": f"{SOURCES}/",
        "a page of 100 of them": f"{SOURCES}/?limit=100",
        "a page of 100, with their state": "/api/v1/data-sources/?page_size=100",
        "a page of 20, with their state": "/api/v1/data-sources/",
        "the health of one": f"/api/v1/data-sources/{ids[0]}/health",
    }
    for title, path in paths.items():
        await _polled(lane, title, path, 1, plan, into, say)
