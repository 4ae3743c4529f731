"""What a check of a sweep costs, beside a run of its own, and whether sweeps keep up with their interval."""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import httpx
import psycopg
import psycopg.types.json
from msgspec import Struct

from benchmarks.tools.lanes import Lane
from benchmarks.tools.report import Table
from benchmarks.tools.timed import idle_cost, register, spent
from datasources.health.sweeps import GOLDEN, spread_seconds
from datasources.model.steps import SCHEDULE, KindOfTest, steps_of
from deployments.stack.start import Say, Stack

COLUMNS = (
    "checks",
    "every",
    "counted",
    "passed",
    "p95 late s",
    "checks/s",
    *(f"CPU ms {role}" for role in ("prefect", "postgres", "api", "worker", "processes")),
    "CPU ms in all",
    "cores",
)
ROLES = ("prefect", "postgres", "api", "worker", "processes")
ALONE = 40
"""Checks as runs of their own, for comparison."""
ALONE_SECONDS = 120.0
LOOK_SECONDS = 0.2


class SweepPlan(Struct, frozen=True):
    """So many sources, checked at this interval."""

    sources: int
    interval: int


async def sweeps(
    stack: Stack, lane: Lane, source: Mapping[str, Any], plans: tuple[SweepPlan, ...], into: Table, say: Say
) -> None:
    """One row for checks as runs of their own, then one for each sweep over a whole interval."""
    with psycopg.connect(catalogue_of(stack), autocommit=True) as session:
        async with lane.client() as client:
            (first,) = await register(client, {**source, "temp_schema": None}, 1, "swept")
            idle = await idle_cost(lane.trees, 5)
            into.rows.append(await _alone(session, lane, first, idle, say))
            for plan in plans:
                into.rows.append(await _swept(session, lane, client, first, plan, idle, into, say))
    into.notes += [
        "CPU in milliseconds a check, above what idling costs; `postgres` is the catalogue, Prefect's database and the"
        " source that is checked",
        "`late`: after the moment that is the source's own in the sweep; sources had been tested in full before",
    ]


async def _alone(
    session: psycopg.Connection[Any], lane: Lane, source: int, idle: Mapping[str, float], say: Say
) -> tuple[Any, ...]:
    """Quick checks as jobs, each a flow run: as every scheduled check was before there were sweeps."""
    say(f"{ALONE} checks as runs of their own")
    ids = copies(session, source, ALONE)
    before, began = lane.trees.cpu(), time.monotonic()
    made = session.execute(
        "INSERT INTO jobs (organization_id, source_id, source_revision, trigger, steps, on_question, deadline)"
        " SELECT organization_id, id, revision, %s, %s::jsonb, 'fail', now() + interval '300 s'"
        " FROM data_sources WHERE id = ANY(%s) RETURNING id",
        [SCHEDULE, psycopg.types.json.Json(steps_of(KindOfTest.quick)), ids],
    ).fetchall()
    jobs = [row[0] for row in made]
    left = "SELECT count(*) FROM jobs WHERE id = ANY(%s) AND ended_at IS NULL"
    await wait_for(lambda: not number(session, left, jobs), ALONE_SECONDS)
    elapsed = time.monotonic() - began
    passed = number(session, "SELECT count(*) FROM jobs WHERE id = ANY(%s) AND status = 'done'", jobs)
    cpu = spent(lane.trees, before, elapsed, idle, ALONE)
    return (f"{ALONE} runs", "once", ALONE, passed, "–", ALONE / elapsed, *_costs(cpu, ALONE, elapsed))


async def _swept(
    session: psycopg.Connection[Any],
    lane: Lane,
    client: httpx.AsyncClient,
    first: int,
    plan: SweepPlan,
    idle: Mapping[str, float],
    into: Table,
    say: Say,
) -> tuple[Any, ...]:
    """One interval of a timetable, from the beginning of its first sweep."""
    say(f"{plan.sources:,} sources every {plan.interval} s: waiting until they are due")
    ids = copies(session, first, plan.sources)
    timetable = await schedule(session, client, ids, plan.interval)
    await wait_for(partial(has_begun, session, timetable), plan.interval + 60)
    say(f"{plan.sources:,} sources every {plan.interval} s: measuring for {plan.interval} s")
    memory = lane.trees.memory()
    records = "SELECT count(*) FROM health_records WHERE source_id = ANY(%s)"
    before, began = lane.trees.cpu(), time.monotonic()
    already = number(session, records, ids)
    await asyncio.sleep(plan.interval)
    elapsed = time.monotonic() - began
    counted = number(session, records, ids) - already
    cpu = spent(lane.trees, before, elapsed, idle, counted)
    grown = {role: round(pss - memory.get(role, (0, 0))[1]) for role, (_, pss) in lane.trees.memory().items()}
    into.notes.append(f"{plan.sources:,} every {plan.interval} s, MB (PSS) more at the end: {grown}")
    passed = number(
        session,
        "SELECT count(*) FILTER (WHERE passed) FROM (SELECT passed FROM health_records WHERE source_id = ANY(%s)"
        " ORDER BY id DESC LIMIT %s) AS newest",
        ids,
        counted,
    )
    late = _lateness(session, timetable, plan)
    await unschedule(session, client, ids)
    every, rate = f"{plan.interval} s", counted / elapsed
    return (f"{plan.sources:,}", every, counted, passed, late, rate, *_costs(cpu, counted, elapsed))


async def schedule(session: psycopg.Connection[Any], client: httpx.AsyncClient, ids: list[int], interval: int) -> int:
    """Give the first one a schedule by the API, and all the others the same one; answers the timetable's id."""
    address = f"/api/v1/data-sources/{ids[0]}/health/schedule"
    (await client.put(address, json={"interval_seconds": interval})).raise_for_status()
    session.execute(
        "UPDATE data_sources SET timetable_id = known.timetable_id, plan = known.plan"
        " FROM (SELECT timetable_id, plan FROM data_sources WHERE id = %s) AS known WHERE id = ANY(%s)",
        [ids[0], ids],
    )
    return number(session, "SELECT timetable_id FROM data_sources WHERE id = %s", ids[0])


async def unschedule(session: psycopg.Connection[Any], client: httpx.AsyncClient, ids: list[int]) -> None:
    """Take it from all of them."""
    (await client.delete(f"/api/v1/data-sources/{ids[0]}/health/schedule")).raise_for_status()
    session.execute("UPDATE data_sources SET timetable_id = NULL, plan = NULL WHERE id = ANY(%s)", [ids])


def has_begun(session: psycopg.Connection[Any], timetable: int) -> bool:
    return number(session, "SELECT count(*) FROM sweeps WHERE timetable_id = %s", timetable) > 0


async def wait_for(come: Callable[[], bool], seconds: float) -> None:
    """Until it is so, or the time is over."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not come():  # noqa: ASYNC110 -- the catalogue tells nothing by itself
                await asyncio.sleep(LOOK_SECONDS)


def _costs(cpu: Mapping[str, float], count: int, elapsed: float) -> tuple[Any, ...]:
    each = [cpu.get(role, 0.0) * 1000 for role in ROLES]
    return (*(round(cost, 1) for cost in each), round(sum(each), 1), sum(each) / 1000 * count / elapsed)


def copies(session: psycopg.Connection[Any], source: int, count: int) -> list[int]:
    """So many more sources like this one, as they are on their second day."""
    rows = session.execute(
        "INSERT INTO data_sources (organization_id, name, type, options, secret, fields, full_test_due_at)"
        " SELECT organization_id, name || ' ' || gen_random_uuid(), type, options, secret, fields,"
        " now() + interval '1 day'"
        " FROM data_sources, generate_series(1, %s) WHERE id = %s RETURNING id",
        [count, source],
    ).fetchall()
    return [row[0] for row in rows]


def _lateness(session: psycopg.Connection[Any], timetable: int, plan: SweepPlan) -> float:
    """The 95th percentile of how long after its own moment in the first sweep each source was checked, in seconds."""
    found = session.execute(
        "SELECT percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM first - due_at) - %s * place) FROM ("
        " SELECT min(checked_at) AS first, min(due_at) AS due_at,"
        "  source_id * %s::float8 - floor(source_id * %s::float8) AS place"
        " FROM health_records JOIN data_sources ON data_sources.id = source_id"
        " JOIN (SELECT timetable_id, min(due_at) AS due_at FROM sweeps GROUP BY 1) AS begun USING (timetable_id)"
        " WHERE timetable_id = %s AND checked_at >= due_at GROUP BY source_id) AS found",
        [spread_seconds(plan.sources, plan.interval), GOLDEN, GOLDEN, timetable],
    ).fetchone()
    return round(float(found[0] or 0), 1) if found else 0.0


def number(session: psycopg.Connection[Any], query: str, *values: Any) -> int:
    row = session.execute(query, list(values)).fetchone()
    return int(row[0]) if row else 0


def catalogue_of(stack: Stack) -> str:
    """Where the catalogue of this stack is."""
    assert stack.postgres is not None  # noqa: S101 -- the benchmark's home has no other
    return stack.postgres.conninfo("catalogue").url()
