"""Where the time of a test goes, and how long it takes beside the flow alone, in turn with it.

Each part writes down when it did what, in the catalogue and in Prefect, by the clock of this one machine; it is read
when everything has been measured.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from statistics import median
from typing import Any
from uuid import UUID

import httpx
import psycopg
from msgspec import Struct, field
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterType,
    FlowRunFilter,
    FlowRunFilterId,
)
from prefect.client.schemas.objects import StateType
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

from benchmarks.parts.bare import FLOW, Alone
from benchmarks.parts.measures import flow_alone
from benchmarks.parts.plan import Plan
from benchmarks.tools.lanes import Lane
from benchmarks.tools.report import Table, milliseconds
from benchmarks.tools.timed import ENDED, SOURCES, Measured, measure, percentiles, register, tested
from deployments.stack.start import Say, Stack
from tasks.outbox import RESULT_TYPE

STAGES = ("moment", "after", "p50 ms", "p95 ms", "since then, p50", "since then, p95", "of the slow, p50")
TURNS = (
    *("in flight", "tests", "ours p50 ms", "ours p95 ms", "flow p50 ms", "flow p95 ms"),
    *("p50, times the flow", "p95, times its p50", "tests/s, times the flow's"),
)
ORDER = (
    *("accepted", "has a slot", "run made", "claimed", "running", "job read"),
    *("connected", "steps done", "results written", "run ended", "kept", "answered"),
)
"""Moments of one test, each after the one before."""
SLOW = 0.9
"""Tests that take longer than this share of them are the slow ones."""
SETTLE_SECONDS = 3.0
"""Until task runs have reached Prefect's database."""


class Traced(Struct):
    """One test, in seconds since 1970."""

    job_id: int
    asked: float
    posted: float
    answered: float
    moments: dict[str, float] = field(default_factory=dict)
    """Seconds since it was asked for, by name."""


async def stages(
    stack: Stack, lane: Lane, source: dict[str, Any], plan: Plan, moments: Table, turns: Table, say: Say
) -> None:
    """One test at a time, traced, in turn with the flow alone; then several at once, in turn as well."""
    async with lane.client() as client, flow_alone(stack, source, "turns") as flow:
        ids = await register(client, source, max(plan.turns), "in turn")
        await tested(client, ids[0], Measured())
        traced: list[Traced] = []
        for in_flight, rounds in plan.turns.items():
            say(f"{sum(rounds)} tests in turn with as many of the flow alone, {in_flight} in flight")
            ours, alone = Measured(), Measured()
            for count in rounds:
                if in_flight == 1:
                    await _one_by_one(client, ids[0], count, ours, traced)
                else:
                    _add(ours, await measure(lane, client, ids[:in_flight], count, plan.part_seconds, {}))
                await _flow(flow, in_flight, count, alone, plan.part_seconds * 3)
            turns.rows.append(_turn_row(in_flight, ours, alone))
    await asyncio.sleep(SETTLE_SECONDS)
    await _read_moments(stack, traced)
    moments.rows += list(moment_rows(traced))


async def _one_by_one(client: httpx.AsyncClient, source: int, count: int, into: Measured, traced: list[Traced]) -> None:
    began = time.monotonic()
    for _ in range(count):
        traced.append(await _trace(client, source, into))
    into.elapsed += time.monotonic() - began


async def _trace(client: httpx.AsyncClient, source: int, into: Measured) -> Traced:
    asked = time.time()
    job_id = (await client.post(f"{SOURCES}/{source}/test")).raise_for_status().json()["job_id"]
    posted = time.time()
    while True:
        answer = (await client.get(f"{SOURCES}/test/{job_id}", params={"wait": 60})).raise_for_status().json()
        if answer["status"] in ENDED:
            answered = time.time()
            into.note(answered - asked, posted - asked, answer["status"])
            return Traced(int(job_id), asked, posted, answered)


async def _flow(flow: Alone, in_flight: int, count: int, into: Measured, seconds: float) -> None:
    found = await flow.measure(FLOW, in_flight, count, seconds)
    into.times += found.times
    into.elapsed += found.elapsed


def _add(to: Measured, found: Measured) -> None:
    to.times += found.times
    to.posts += found.posts
    to.elapsed += found.elapsed
    to.statuses += found.statuses


def _turn_row(in_flight: int, ours: Measured, flow: Measured) -> tuple[Any, ...]:
    (p50, p95), (flow_p50, flow_p95) = percentiles(ours.times), percentiles(flow.times)
    times = (milliseconds(each) for each in (p50, p95, flow_p50, flow_p95))
    return (in_flight, len(ours.times), *times, p50 / flow_p50, p95 / p50, ours.rate / flow.rate)


async def _read_moments(stack: Stack, traced: Sequence[Traced]) -> None:
    """Fill in what each part wrote down."""
    settings, credential = stack.settings, stack.prefect_auth.credential
    runs = await _read_catalogue(str(settings.database_url), traced)
    with temporary_settings({PREFECT_API_URL: settings.prefect_api_url, PREFECT_API_AUTH_STRING: credential}):
        async with get_client() as client:
            for test in traced:
                test.moments["posted"] = test.posted - test.asked
                test.moments["answered"] = test.answered - test.asked
                await _read_prefect(client, runs[test.job_id], test)


async def _read_catalogue(url: str, traced: Sequence[Traced]) -> Mapping[int, UUID]:
    """The flow run of each job; the moments that the catalogue knows are filled in."""
    by_id = {test.job_id: test for test in traced}
    runs = {}
    query = "SELECT id, flow_run_id, created_at, dispatched_at, started_at, ended_at FROM jobs WHERE id = ANY(%s)"
    async with await psycopg.AsyncConnection.connect(url) as connection:
        async for job_id, run_id, *times in await connection.execute(query, [list(by_id)]):
            names = ("accepted", "has a slot", "job read", "kept")
            _note(by_id[job_id], dict(zip(names, times, strict=True)))
            runs[job_id] = run_id
    return runs


async def _read_prefect(client: PrefectClient, run_id: UUID, test: Traced) -> None:
    states = {state.type: state.timestamp for state in await client.read_flow_run_states(run_id)}
    results = await client.read_artifacts(
        artifact_filter=ArtifactFilter(
            flow_run_id=ArtifactFilterFlowRunId(any_=[run_id]), type=ArtifactFilterType(any_=[RESULT_TYPE])
        )
    )
    tasks = await client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run_id])))
    ends = {task.name: task.end_time for task in tasks if task.end_time}
    found = {
        "run made": states.get(StateType.SCHEDULED),
        "claimed": states.get(StateType.PENDING),
        "running": states.get(StateType.RUNNING),
        "connected": ends.get("connection"),
        "steps done": max(ends.values(), default=None),
        "results written": max((each.created for each in results if each.created), default=None),
        "run ended": next((states[each] for each in states if each in (StateType.COMPLETED, StateType.FAILED)), None),
    }
    _note(test, found)


def _note(test: Traced, found: Mapping[str, datetime | None]) -> None:
    test.moments |= {name: at.timestamp() - test.asked for name, at in found.items() if at is not None}


def moment_rows(traced: Sequence[Traced]) -> list[tuple[Any, ...]]:
    """A row for each moment: when it came, how long after the one before, and how long after it in the slow tests."""
    whole = [test for test in traced if set(ORDER) <= test.moments.keys()]
    if not whole:
        return []
    limit = sorted(test.moments["answered"] for test in whole)[int(SLOW * (len(whole) - 1))]
    slow = [test for test in whole if test.moments["answered"] >= limit]
    rows = [_moment_row("POST answered", "asked", "posted", None, whole, slow)]
    for before, name in pairwise((None, *ORDER)):
        rows.append(_moment_row(str(name), before or "asked", str(name), before, whole, slow))
    return rows


def _moment_row(
    title: str, after: str, name: str, before: str | None, whole: Sequence[Traced], slow: Sequence[Traced]
) -> tuple[Any, ...]:
    def gaps(tests: Sequence[Traced]) -> list[float]:
        return [test.moments[name] - (test.moments[before] if before else 0.0) for test in tests]

    at, since = percentiles([test.moments[name] for test in whole]), percentiles(gaps(whole))
    return (title, after, *(milliseconds(each) for each in (*at, *since, median(gaps(slow)))))
