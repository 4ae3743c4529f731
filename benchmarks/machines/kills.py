"""Kill each part under load: every test ends as `done`, and every check of a sweep counts once."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import psycopg
from msgspec import Struct, field

from benchmarks.machines.load import Load, Test, register
from benchmarks.machines.running import Running
from benchmarks.tools.report import Table
from benchmarks.tools.sweep_counts import count

PARTS = ("redis", "prefect-api-1", "prefect-services", "prefect", "worker-1", "api-1", "api", "postgres")
COLUMNS = ("killed", "under way", "done", "a second attempt", "longest s", "median of the others s")
EVERY = 15
"""Seconds between two sweeps."""
Say = Callable[[str], None]


class Found(Struct):
    """What was seen; every list has to be empty."""

    table: Table
    not_done: list[dict[str, Any]] = field(default_factory=list)
    changed: list[int] = field(default_factory=list)
    counted_twice: list[tuple[int, int]] = field(default_factory=list)
    """Sources with more checks of a timetable than it had sweeps."""
    unchecked: list[int] = field(default_factory=list)
    """Sources of the timetable that no sweep has checked."""

    @property
    def broken(self) -> dict[str, list[Any]]:
        """Promises that were not kept, with whom."""
        found: dict[str, list[Any]] = {
            "tests of a good source that did not end as done": self.not_done,
            "answers that changed after the end": self.changed,
            "sources whose checks counted twice": self.counted_twice,
            "sources that no sweep checked": self.unchecked,
        }
        return {what: who for what, who in found.items() if who}


async def kill_each(
    run: Running, say: Say, parts: tuple[str, ...] = PARTS, *, sources: int = 20, swept: int = 20, rest: float = 12
) -> Found:
    """Kill these parts one after the other, so many seconds apart, while so many sources are tested."""
    load, stop, moments = Load(), asyncio.Event(), {}
    async with run.async_client() as client:
        tested = await register(client, run.source("shop"), sources, "tested")
        timed = await register(client, run.source("shop"), swept, "swept")
        for source in timed:
            address = f"/api/v1/data-sources/{source}/health/schedule"
            (await client.put(address, json={"interval_seconds": EVERY})).raise_for_status()
        tasks = [asyncio.create_task(load.keep_testing(client, source, stop)) for source in tested]
        await asyncio.sleep(rest)
        for part in parts:
            say(f"killing {part}; {len(load.tests)} tests so far")
            moments[part] = time.monotonic()
            run.cluster[part].kill()
            await asyncio.sleep(rest)
        stop.set()
        say("waiting for the tests under way")
        await asyncio.gather(*tasks)
        found = Found(_table(load, moments))
        found.not_done = [test.answer or {"job": test.job} for test in load.tests.values() if test.status != "done"]
        found.changed = await load.changed(client)
    with psycopg.connect(run.catalogue, autocommit=True) as session:
        await _every_sweep(session, timed, say)
        found.counted_twice, found.unchecked = counted(session, timed)
    return found


async def _every_sweep(session: psycopg.Connection[Any], sources: list[int], say: Say) -> None:
    """Until each source has been checked after the last kill: what was lost is taken up within a minute."""
    since = session.execute("SELECT now()").fetchone()
    until = time.monotonic() + 150
    query = "SELECT count(DISTINCT source_id) FROM health_records WHERE source_id = ANY(%s) AND checked_at > %s"
    while time.monotonic() < until:
        row = session.execute(query, [sources, since[0] if since else None]).fetchone()
        if row and row[0] == len(sources):
            return
        await asyncio.sleep(1)
    say("not all sources were checked again within 150 s")


def counted(session: psycopg.Connection[Any], sources: list[int]) -> tuple[list[tuple[int, int]], list[int]]:
    """Sources that a sweep checked more than once, and those that have no check at all."""
    moments = session.execute(
        "SELECT DISTINCT due_at FROM sweeps JOIN data_sources USING (timetable_id)"
        " WHERE data_sources.id = ANY(%s) ORDER BY due_at",
        [sources],
    ).fetchall()
    records = session.execute(
        "SELECT source_id, checked_at FROM health_records"
        " WHERE source_id = ANY(%s) AND job_id IS NULL AND trigger = 'schedule' ORDER BY checked_at",
        [sources],
    ).fetchall()
    times = count([row[0] for row in moments], [(row[0], row[1]) for row in records])
    never = session.execute(
        "SELECT id FROM data_sources WHERE id = ANY(%s) AND NOT EXISTS"
        " (SELECT FROM health_records WHERE source_id = data_sources.id)",
        [sources],
    ).fetchall()
    return [(source, found) for (source, _), found in times.items() if found > 1], [row[0] for row in never]


def _table(load: Load, moments: dict[str, float]) -> Table:
    table = Table("Each part killed under load", COLUMNS)
    spanning = {test.job for moment in moments.values() for test in load.during(moment)}
    others = sorted(test.seconds for test in load.tests.values() if test.job not in spanning and test.ended)
    usual = others[len(others) // 2] if others else 0.0
    for part, moment in moments.items():
        under_way = load.during(moment)
        table.rows.append((part, len(under_way), *_became(under_way), usual))
    repeated = ", ".join(f"{count} for {why}" for why, count in load.repeated.items()) or "none"
    table.notes.append(f"{len(load.tests)} tests in all; requests that clients repeated: {repeated}")
    return table


def _became(tests: list[Test]) -> tuple[int, int, float]:
    done = sum(test.status == "done" for test in tests)
    again = sum(test.answer.get("attempts", 1) > 1 for test in tests)
    return done, again, max((test.seconds for test in tests), default=0.0)
