"""Sources that a timetable has checked, and what its sweeps left behind."""

import asyncio
import time
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import httpx
import psycopg
from msgspec import Struct

from benchmarks.kills.clients import patiently
from benchmarks.tools.sweep_counts import busy, count

LOOK_SECONDS = 1.0
END_SECONDS = 400.0
"""Seconds in which the last sweep has to end, once the killing has stopped."""


class Findings(Struct, kw_only=True):
    """What became of the sweeps."""

    due: int
    """Moments at which one was due."""
    begun: int
    runs: int
    """Runs that they had, the first of each among them."""
    checks: int
    alone: int
    """Of these, how many were repeated by runs of their own."""
    red: Counter[str]
    """Checks that found a source bad, by error code; all sources are good."""
    unclear: Counter[str]
    """Checks that came to no verdict, by error code."""
    twice: Sequence[tuple[int, datetime]]
    """Source and moment of each sweep that checked a source more than once."""
    missing: Sequence[tuple[int, datetime]]
    """Source and moment of each sweep that ended before its time and did not check a source."""
    left: Sequence[tuple[int, datetime]]
    """The same of sweeps whose time was over: the next one begins with those sources."""
    open: int
    """Sweeps that have not ended although their time is over."""


async def schedule(client: httpx.AsyncClient, url: str, ids: Sequence[int], interval: int) -> int:
    """Have these sources checked at this interval, as on their second day; answers their timetable."""
    address = f"/api/v1/data-sources/{ids[0]}/health/schedule"
    await patiently(client, "PUT", address, {"interval_seconds": interval})
    with psycopg.connect(url, autocommit=True) as session:
        session.execute(
            "UPDATE data_sources SET timetable_id = known.timetable_id, plan = known.plan,"
            " full_test_due_at = now() + interval '1 day'"
            " FROM (SELECT timetable_id, plan FROM data_sources WHERE id = %s) AS known WHERE id = ANY(%s)",
            [ids[0], list(ids)],
        )
        row = session.execute("SELECT timetable_id FROM data_sources WHERE id = %s", [ids[0]]).fetchone()
    assert row is not None  # noqa: S101
    return int(row[0])


async def until_ended(url: str, timetable: int, after: datetime) -> None:
    """Until every sweep that was due until then has ended, and every test that sweeps left to runs of their own."""
    open_sweeps = "SELECT count(*) FROM sweeps WHERE timetable_id = %s AND due_at <= %s AND ended_at IS NULL"
    open_tests = "SELECT count(*) FROM jobs WHERE trigger = 'schedule' AND created_at <= %s AND ended_at IS NULL"
    until = time.monotonic() + END_SECONDS
    while time.monotonic() < until:
        with suppress(psycopg.Error):
            left = await asyncio.to_thread(number, url, open_sweeps, timetable, after)
            if left + await asyncio.to_thread(number, url, open_tests, after) == 0:
                return
        await asyncio.sleep(LOOK_SECONDS)


def number(url: str, query: str, *values: Any) -> int:
    """The one number that is asked for."""
    with psycopg.connect(url, autocommit=True) as session:
        row = session.execute(query, list(values)).fetchone()
    return int(row[0]) if row else 0


def look(url: str, timetable: int, ids: Collection[int], interval: int, until: datetime) -> Findings:
    """What became of every sweep that was due until then; `ids` are sources that nothing else tests."""
    with psycopg.connect(url, autocommit=True) as session:
        sweeps = session.execute(
            "SELECT due_at, ended_at, runs, coalesce(ended_at >= ends_at, false) FROM sweeps"
            " WHERE timetable_id = %s AND due_at < %s ORDER BY due_at",
            [timetable, until],
        ).fetchall()
        records = session.execute(
            "SELECT health_records.source_id, coalesce(jobs.created_at, checked_at), job_id, passed,"
            " health_records.error_code, jobs.ended_at"
            " FROM health_records LEFT JOIN jobs ON jobs.id = job_id"
            " WHERE health_records.source_id = ANY(%s) ORDER BY 2",
            [list(ids)],
        ).fetchall()
    moments = [row[0] for row in sweeps]
    due = int((until - moments[0]).total_seconds() / interval) + 1 if moments else 0
    counts = count(moments, [(row[0], row[1]) for row in records])
    over = {row[0] for row in sweeps if row[3]}
    done = counts.keys() | busy(moments, [(row[0], row[1], row[5]) for row in records if row[5]])
    unchecked = [key for moment in moments for source in ids if (key := (source, moment)) not in done]
    return Findings(
        due=due,
        begun=len(moments),
        runs=sum(row[2] for row in sweeps),
        checks=sum(counts.values()),
        alone=sum(row[2] is not None for row in records),
        red=Counter(row[4] for row in records if row[3] is False),
        unclear=Counter(row[4] for row in records if row[3] is None),
        twice=[key for key, times in counts.items() if times > 1],
        missing=[key for key in unchecked if key[1] not in over],
        left=[key for key in unchecked if key[1] in over],
        open=sum(row[1] is None for row in sweeps),
    )
