"""The parts of a benchmark: each measures one thing and adds its rows."""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from benchmarks.parts.bare import FLOW, PSYCOPG, Alone, Bare, alone
from benchmarks.parts.plan import Plan
from benchmarks.tools.counting import STARTING, CountingProxy, Request
from benchmarks.tools.lanes import Lane, lane, make_database
from benchmarks.tools.report import Table, milliseconds
from benchmarks.tools.timed import (
    Measured,
    idle_cost,
    measure,
    percentiles,
    register,
    tested,
)
from deployments.stack.catalogue import prepare_catalogue
from deployments.stack.prefect_env import client_environ
from deployments.stack.start import Say, Stack

ROLES = ("prefect", "postgres", "api", "worker", "processes")
SPEED = ("what", "in flight", "tests", "p50 ms", "p95 ms", "POST p50 ms", "tests/s", *(f"CPU {r}" for r in ROLES))
NONE = "–"
LATE = 3.0
"""Seconds in which requests that come after the last answer are counted."""


def speed_row(name: str, in_flight: int, found: Measured) -> tuple[Any, ...]:
    """One row of the main table."""
    p50, p95 = percentiles(found.times)
    passed = found.statuses["done"]
    count = str(len(found.times)) if passed == len(found.times) else f"{len(found.times)} ({passed} passed)"
    cpu = (found.cpu.get(role, 0.0) for role in ROLES)
    post = milliseconds(percentiles(found.posts)[0])
    return (name, in_flight, count, milliseconds(p50), milliseconds(p95), post, found.rate, *cpu)


async def speed(
    lane: Lane, source: Mapping[str, Any], samples: Mapping[int, int], plan: Plan, into: Table, say: Say, name: str
) -> dict[int, Measured]:
    """Tests at each number in flight; answers them by it."""
    all_found = {}
    async with lane.client() as client:
        ids = await register(client, source, max(samples), name)
        say(f"{name}: the first test warms everything up")
        await tested(client, ids[0], Measured())
        idle = await idle_cost(lane.trees, plan.idle_seconds)
        for in_flight, count in samples.items():
            say(f"{name}: {count} tests, {in_flight} in flight")
            found = await measure(lane, client, ids[:in_flight], count, plan.part_seconds, idle)
            into.rows.append(speed_row(name, in_flight, found))
            all_found[in_flight] = found
    return all_found


@asynccontextmanager
async def flow_alone(stack: Stack, source: dict[str, Any], name: str) -> AsyncIterator[Alone]:
    """The flow in a process of its own, with a catalogue of its own on the stack's servers."""
    settings = msgspec.structs.replace(
        stack.settings, database_url=make_database(stack, name).url(), prefect_database_url=None
    )
    await asyncio.to_thread(prepare_catalogue, settings, stack.home)
    environ = client_environ(stack.home, settings, own_server=True, credential=stack.prefect_auth.credential)
    async with alone(environ | {"PREFECT_LOGGING_LEVEL": "ERROR"}, source) as found:
        yield found


async def bare(stack: Stack, source: dict[str, Any], plan: Plan, into: Table, say: Say) -> None:
    """The flow in one process, and psycopg alone."""
    say("the flow in one process, and psycopg alone")
    async with flow_alone(stack, source, "bare") as program:
        for kind in (FLOW, PSYCOPG):
            for in_flight, samples in plan.bare.items():
                into.rows.append(bare_row(await program.measure(kind, in_flight, samples, plan.part_seconds * 3)))


def bare_row(found: Bare) -> tuple[Any, ...]:
    """One row of the main table."""
    p50, p95 = percentiles(found.times)
    rate, cpu = len(found.times) / found.elapsed, (NONE, NONE, NONE, NONE, found.cpu)
    return (found.kind, found.in_flight, len(found.times), milliseconds(p50), milliseconds(p95), NONE, rate, *cpu)


async def memory(lane: Lane, into: Table, name: str) -> None:
    """What the processes of a lane hold now."""
    for role, (rss, pss) in lane.trees.memory().items():
        into.rows.append((name, role, round(rss), round(pss) or NONE))


async def growth(lane: Lane, source: dict[str, Any], plan: Plan, into: Table, say: Say) -> None:
    """So many registered sources, and so many tests asked for at once."""
    async with lane.client(connections=max(plan.growth.values()) + 10) as client:
        ids: list[int] = []
        idle = await idle_cost(lane.trees, plan.idle_seconds)
        for sources, at_once in plan.growth.items():
            say(f"{sources} sources, {at_once} tests asked for at once")
            ids += await register(client, source, sources - len(ids), f"growth {sources}")
            alone = await measure(lane, client, ids[-1:], 5, plan.part_seconds, idle)
            found = await measure(lane, client, ids[:at_once], at_once, plan.part_seconds * 3, idle)
            p50, p95 = percentiles(found.times)
            first = milliseconds(percentiles(alone.times)[0])
            posts = milliseconds(percentiles(found.posts)[0])
            rows = (sources, first, at_once, found.statuses["done"], milliseconds(p50), milliseconds(p95), posts)
            into.rows.append((*rows, found.rate, found.cpu.get("api", 0.0), found.cpu.get("prefect", 0.0)))


async def requests(
    stack: Stack, source: dict[str, Any], kinds: Mapping[str, tuple[str, int]], plan: Plan, into: Table, say: Say
) -> None:
    """What each kind of worker, and the API, ask of Prefect for one test."""
    counts: dict[str, Counter[Request]] = {}
    for name, (pool_type, samples) in kinds.items():
        say(f"counting the requests of {samples} tests: {name}")
        counts[name] = await _counted(stack, source, f"counted-{pool_type}", pool_type, samples, say)
    seen = sorted({request for count in counts.values() for request in count}, key=lambda r: (r.who, r.what))
    for request in seen:
        per_test = (count[request] / kinds[name][1] for name, count in counts.items())
        into.rows.append((f"{request.who}: `{request.what}`", *per_test))
    for label, message in (("all requests", False), ("all messages over websockets", True)):
        sums = (
            sum(n for r, n in count.items() if r.what.startswith("MSG") is message) / kinds[name][1]
            for name, count in counts.items()
        )
        into.rows.append((f"**{label}**", *sums))


async def _counted(
    stack: Stack, source: dict[str, Any], name: str, pool_type: str, samples: int, say: Say
) -> Counter[Request]:
    there: list[Lane] = []

    def role(pid: int) -> str:
        return there[0].trees.role_of(pid) if there else STARTING

    server = stack.settings.prefect_api_url or os.environ["PREFECT_API_URL"]
    async with (
        CountingProxy(server, role) as proxy,
        lane(stack, name, pool_type, say, prefect_url=proxy.url) as found,
        found.client() as client,
    ):
        there.append(found)
        (source_id,) = await register(client, source, 1, name)
        await tested(client, source_id, Measured())
        await asyncio.sleep(LATE)
        proxy.seen.clear()
        for _ in range(samples):
            await tested(client, source_id, Measured())
        await asyncio.sleep(LATE)
        return proxy.seen.copy()
