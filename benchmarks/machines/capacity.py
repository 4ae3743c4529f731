"""What a test and a check cost each part, and what a second replica of Prefect's API is worth."""

import asyncio
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import httpx
import psycopg

from benchmarks.machines.load import Load, register
from benchmarks.machines.paper import PARTS, Costs
from benchmarks.machines.running import SHOP, Running
from benchmarks.parts.sweeps import copies, has_begun, number, schedule, unschedule, wait_for
from benchmarks.tools.report import Table
from benchmarks.tools.usage import memory, seconds

KINDS = {"prefect-api": "Prefect's API", "prefect-services": "Prefect's services", "prefect": "nginx", "api": "API"}
COLUMNS = ("part", "CPU s a test", "CPU ms a check", "cores idle", "MB (PSS)")
RATES = (
    "replicas of Prefect's API",
    "each may use",
    "tests",
    "tests/s",
    "p50 s",
    "cores of Prefect's API",
    "cores of all",
)
REPLICAS = ("prefect-api-1", "prefect-api-2")
SHARE = 0.2
"""Of a core, that a replica may use where it has to be what all wait for: two cores are too few for all parts."""
PERIOD = 100_000
"""Microseconds."""
Say = Callable[[str], None]


def part_of(name: str) -> str:
    """What a container belongs to, in the figures."""
    if name in ("prefect", "api"):
        return "nginx"
    kind, _, count = name.rpartition("-")
    kind = kind if count.isdigit() else name
    known = KINDS | {"postgres": "PostgreSQL", "redis": "Redis", "worker": "worker", SHOP: SHOP}
    return known.get(kind, kind)


def used(run: Running) -> dict[str, float]:
    """CPU seconds so far, by part."""
    found: defaultdict[str, float] = defaultdict(float)
    for name, container in run.cluster.containers.items():
        found[part_of(name)] += seconds(container.processes(), ended=True)
    return found


async def capacity(
    run: Running, say: Say, *, tests: int, swept: int, interval: int, idle_seconds: float
) -> tuple[Table, Costs]:
    """CPU by part: of a test with 16 in flight, of a check of a sweep over so many sources, and of doing nothing."""
    async with run.async_client() as client:
        ids = await register(client, run.source("shop"), 16, "measured")
        await _tests(client, ids, len(ids))
        say(f"nothing for {idle_seconds:.0f} s")
        idle = await _spent(run, asyncio.sleep(idle_seconds), {}, 1)
        idle = {part: cost / idle_seconds for part, cost in idle.items()}
        say(f"{tests} tests, 16 in flight")
        load, cpu, elapsed = await _measured(run, client, ids, tests, idle)
        table = Table("What a test and a check cost each part", COLUMNS)
        table.notes.append(f"{_done(load)} of {tests} tests were done, {tests / elapsed:.2f} a second, 16 in flight")
        check = await _checks(run, client, ids[0], swept, interval, idle, table, say)
    held = dict.fromkeys(PARTS, 0.0)
    for name, container in run.cluster.containers.items():
        held[part_of(name)] = held.get(part_of(name), 0.0) + memory(container.processes())[1]
    for part in PARTS:
        costs = (f"{cpu.get(part, 0):.3f}", f"{check.get(part, 0) * 1000:.2f}", f"{idle.get(part, 0):.3f}")
        table.rows.append((part, *costs, round(held[part])))
    sums = (sum(cost.get(part, 0) * scale for part in PARTS) for cost, scale in ((cpu, 1), (check, 1000), (idle, 1)))
    table.rows.append(("all", *(f"{value:.3f}" for value in sums), round(sum(held[part] for part in PARTS))))
    return table, Costs(cpu, check, idle)


async def _checks(
    run: Running,
    client: httpx.AsyncClient,
    source: int,
    swept: int,
    interval: int,
    idle: Mapping[str, float],
    table: Table,
    say: Say,
) -> dict[str, float]:
    with psycopg.connect(run.catalogue, autocommit=True) as session:
        ids = copies(session, source, swept)
        timetable = await schedule(session, client, ids, interval)
        say(f"{swept} sources every {interval} s: waiting until they are due")
        await wait_for(partial(has_begun, session, timetable), interval + 60)
        say(f"{swept} sources every {interval} s: measuring for one interval")
        records = "SELECT count(*) FROM health_records WHERE source_id = ANY(%s)"
        already, began = number(session, records, ids), time.monotonic()
        cpu = await _spent(run, asyncio.sleep(interval), idle, 1)
        counted = number(session, records, ids) - already
        passed = number(session, "SELECT count(*) FROM health_records WHERE source_id = ANY(%s) AND passed", ids)
        rate = counted / (time.monotonic() - began)
        table.notes.append(
            f"{counted} checks of {swept} sources every {interval} s, {passed} passed, {rate:.1f} a second"
        )
        await unschedule(session, client, ids)
    return {part: cost / max(1, counted) for part, cost in cpu.items()}


async def replicas(run: Running, say: Say, *, tests: int) -> Table:
    """Throughput with two, one and again two replicas of Prefect's API: limited to a small share of CPU, and not."""
    table = Table("One replica of Prefect's API, and two", RATES)
    async with run.async_client() as client:
        ids = await register(client, run.source("shop"), 16, "rated")
        await _tests(client, ids, len(ids))
        for share in (SHARE, None):
            rates: dict[int, list[float]] = {}
            with _limited(run, share) as possible:
                if not possible:
                    table.notes.append("No control groups here: the replicas could not be limited")
                    continue
                for names in (REPLICAS, REPLICAS[:1], REPLICAS):
                    await _only(run, names, share, say)
                    say(f"{tests} tests with {len(names)} of Prefect's API, each {share or 'any share'} of a core")
                    load, cpu, elapsed = await _measured(run, client, ids, tests, {})
                    middle = sorted(test.seconds for test in load.tests.values())[len(load.tests) // 2]
                    cores = (cpu["Prefect's API"] * tests / elapsed, sum(cpu[part] for part in PARTS) * tests / elapsed)
                    rates.setdefault(len(names), []).append(tests / elapsed)
                    may = f"{share} of a core" if share else "what is there"
                    table.rows.append((len(names), may, _done(load), tests / elapsed, middle, *cores))
            ratio = sum(rates[2]) / len(rates[2]) / rates[1][0]
            table.notes.append(
                f"Two do {ratio:.2f} times what one does, where each may use {share or 'any share'} of a core"
            )
    return table


async def _measured(
    run: Running, client: httpx.AsyncClient, ids: list[int], tests: int, idle: Mapping[str, float]
) -> tuple[Load, dict[str, float], float]:
    began = time.monotonic()
    task = asyncio.create_task(_tests(client, ids, tests))
    ends: list[float] = []
    task.add_done_callback(lambda _: ends.append(time.monotonic()))
    cpu = await _spent(run, _then_rest(task), idle, tests)
    return task.result(), cpu, ends[0] - began


async def _then_rest(task: "asyncio.Task[Load]") -> None:
    await task
    await asyncio.sleep(2)  # what was recorded last is written a little later


async def _tests(client: httpx.AsyncClient, ids: list[int], count: int) -> Load:
    load, left = Load(), iter(range(count))

    async def go_on(source: int) -> None:
        while next(left, None) is not None:
            await load.test(client, source)

    await asyncio.gather(*(go_on(source) for source in ids))
    return load


def _done(load: Load) -> int:
    return sum(test.status == "done" for test in load.tests.values())


async def _spent(
    run: Running, work: "asyncio.Future[None] | object", idle: Mapping[str, float], count: int
) -> dict[str, float]:
    """CPU seconds by part while this is done, for one of so many, without what idling costs."""
    before, began = used(run), time.monotonic()
    await work  # type: ignore[misc]
    now, elapsed = used(run), time.monotonic() - began
    return {part: max(0.0, now[part] - before.get(part, 0.0) - idle.get(part, 0) * elapsed) / count for part in now}


async def _only(run: Running, names: tuple[str, ...], share: float | None, say: Say) -> None:
    """Have just these replicas run."""
    for name in REPLICAS:
        container = run.cluster[name]
        if name not in names and container.processes():
            await asyncio.to_thread(container.stop)
        if name in names and not container.processes():
            container.start()
            check = run.cluster.services[name].health
            assert check is not None  # noqa: S101 -- our own file
            await asyncio.to_thread(container.wait_until_healthy, check)
            _put(run, name, share)
    await asyncio.sleep(6)  # until the one in front of them knows


GROUPS = Path("/sys/fs/cgroup")
OLD = GROUPS / "cpu"
"""Where the first version of control groups has those of CPU time."""


@contextmanager
def _limited(run: Running, share: float | None) -> Iterator[bool]:
    """Allow each replica no more than this share of a core; answers whether that is possible here."""
    if share is None:
        yield True
        return
    try:
        for name in REPLICAS:
            _put(run, name, share)
    except OSError:
        yield False
        return
    try:
        yield True
    finally:
        for name in REPLICAS:
            with suppress(OSError):  # a process may end just now, and a group that is left behind limits nothing
                for process in run.cluster[name].processes():
                    (_parent() / "cgroup.procs").write_text(str(process.pid))
                _group(name).rmdir()


def _put(run: Running, name: str, share: float | None) -> None:
    if share is None:
        return
    group = _group(name)
    group.mkdir(exist_ok=True)
    if OLD.exists():
        (group / "cpu.cfs_period_us").write_text(str(PERIOD))
        (group / "cpu.cfs_quota_us").write_text(str(int(share * PERIOD)))
    else:
        (group / "cpu.max").write_text(f"{int(share * PERIOD)} {PERIOD}")
    for process in run.cluster[name].processes():
        (group / "cgroup.procs").write_text(str(process.pid))


def _parent() -> Path:
    return OLD if OLD.exists() else GROUPS


def _group(name: str) -> Path:
    return _parent() / f"sourcecheck-{os.getpid()}-{name}"
