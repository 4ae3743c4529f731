"""What a year at 1,000 sources leaves on the disk, and whether every table has an end.

    python -m benchmarks.year

A stack checks sources for a while: what that adds to Prefect's database is multiplied, made a week old, and removed by
Prefect's own service. Then a catalogue goes through more than a year, day by day: the checks of a day are written, the
service's own retention rolls up and removes, and the tables are vacuumed, as PostgreSQL does by itself. Some sources
stand for 1,000; sizes are multiplied. Ends with 1 when a table has no end.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
from rich.console import Console
from rich.table import Table
from sqlalchemy.ext.asyncio import async_sessionmaker

from benchmarks.memory import STEPS, result
from benchmarks.tools.aged import age, remove_by_prefect, row_counts, sizes
from benchmarks.tools.lanes import bench_environ, own_lane
from datasources.catalogue.engine import pooled_engine
from datasources.catalogue.migrate import upgrade
from datasources.catalogue.retention import remove_old, roll_up
from datasources.model.settings import Settings
from deployments.cli.demo_data import make_shop
from deployments.stack.child import Child, Reaper, wait_until
from deployments.stack.home import Home
from deployments.stack.ports import free_port
from deployments.stack.postgres import STOP_SIGNAL, EmbeddedPostgres
from deployments.stack.prefect_env import server_environ
from deployments.stack.start import Stack, running

SOURCES = 1000
"""What the figures are about: so many sources, each of them"""
CHECKS_A_DAY = 288
"""checked every five minutes by a sweep, tested in full once a day by the schedule, and once by a client."""
GROWTH = 1.1
"""How much larger a table may be at the end than a month before: it breathes with the days."""
DETAILS = 3000
"""Bytes of what the steps of a full test find."""
EVENT_DAYS, RUN_DAYS = 2, 3
"""For how long the local stack has Prefect keep events, and everything else."""
EVENTS = ("events", "event_resources")
MB = 2**20

DAY = """
WITH moments AS (SELECT source, %(day)s::timestamptz + n * interval '5 minutes' AS at
                 FROM generate_series(1, %(sources)s) AS source, generate_series(0, 287) AS n)
INSERT INTO health_records (source_id, checked_at, passed, response_time_ms, trigger, steps, expected_seconds)
SELECT source, at, hashtext(source || at::text) %% 100 <> 0, 1 + abs(hashtext(at::text || source)) %% 200, 'schedule',
       '{"connection": {"outcome": "success", "ms": 12}, "version_probe": {"outcome": "success", "ms": 3}}', 300
FROM moments ORDER BY at"""
JOBS = """
INSERT INTO jobs (organization_id, source_id, source_revision, trigger, steps, deadline, status, started_at, ended_at,
                  results)
SELECT 1, source, 1, kind, %(steps)s::jsonb, %(day)s::timestamptz + interval '1 hour', 'done', %(day)s, %(day)s,
       %(results)s::jsonb
FROM generate_series(1, %(sources)s) AS source, unnest(ARRAY['schedule', 'test']) AS kind"""
ROUNDS = """
INSERT INTO sweeps (timetable_id, due_at, heard_at, ended_at)
SELECT 1, %(day)s::timestamptz + n * interval '5 minutes', %(day)s, %(day)s FROM generate_series(0, 287) AS n"""
CHANGES = """
INSERT INTO status_changes (source_id, job_id, changed_at, was, became, emitted_at)
SELECT source, %(number)s * 100000 + source, %(day)s, 'active', 'failed', %(day)s
FROM generate_series(1, %(sources)s) AS source WHERE (source + %(number)s) %% 30 = 0"""
BEGIN = """
INSERT INTO organizations (name) VALUES ('Ours');
INSERT INTO data_sources (organization_id, name, type, options)
    SELECT 1, 'Source ' || n, 'pg', '{}' FROM generate_series(1, {sources}) AS n;
INSERT INTO timetables (organization_id, plan) VALUES (1, '{{"interval_seconds": 300}}')"""
SHOWN = ("jobs", "health_records", "health_rollups", "status_changes", "sweeps")
console = Console(highlight=False, soft_wrap=True)
Session = psycopg.Connection[Any]


async def live_through(settings: Settings, sources: int, days: int) -> tuple[dict[str, int], dict[str, int], float]:
    """Go through these days; bytes of each table a month before the end and at the end, and the retention's seconds."""
    engine = pooled_engine(settings)
    sessions = async_sessionmaker(engine, expire_on_commit=False)
    published = [{"job_id": 1, "task": step, "result": result(DETAILS // 4, place)} for place, step in enumerate(STEPS)]
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    spent, before = 0.0, dict[str, int]()

    def grown(session: Session) -> dict[str, int]:
        return {name: size - empty[name] for name, size in sizes(session).items()}

    with psycopg.connect(str(settings.database_url), autocommit=True) as session:
        empty = sizes(session)
        session.execute(BEGIN.replace("'{}'", "'{{}}'").format(sources=sources))
        for number in range(days):
            day = today - timedelta(days=days - number)
            facts = {"day": day, "sources": sources, "number": number}
            facts |= {"steps": json.dumps(STEPS), "results": json.dumps(published)}
            for statement in (DAY, JOBS, ROUNDS, CHANGES):
                session.execute(statement, facts)
            began = time.monotonic()
            await roll_up(sessions, day + timedelta(days=1, minutes=15))
            await remove_old(sessions, settings, day + timedelta(days=1))
            spent += time.monotonic() - began
            session.execute(f"VACUUM (ANALYZE) {', '.join(SHOWN)}".encode())
            if number == days - 30:
                before = grown(session)
        await engine.dispose()
        return before, grown(session), spent


def show_catalogue(session: Session, before: dict[str, int], after: dict[str, int], factor: float) -> bool:
    """The catalogue's tables at 1,000 sources; whether each has an end."""
    table = Table("table of the catalogue", "rows", "MB", "MB a month before")
    rows, whole = row_counts(session), 0.0
    for name in SHOWN:
        times = 1 if name == "sweeps" else factor  # one timetable has one round, however many sources it has
        table.add_row(name, f"{rows[name] * times:,.0f}", *(f"{s[name] * times / MB:,.0f}" for s in (after, before)))
        whole += after[name] * times
    table.add_row("all of them", "", f"{whole / MB:,.0f}")
    console.print(table)
    return all(after[name] <= before[name] * GROWTH + MB for name in SHOWN)


async def observe(stack: Stack, sources: int, seconds: int) -> bool:
    """Have a stack check these sources; measure, age and remove what Prefect keeps of it. Whether nothing is left."""
    assert stack.postgres is not None  # noqa: S101 -- the benchmark's home has no other
    make_shop(stack.postgres)
    facts = stack.postgres.conninfo("demo")
    options = {"host": facts.host, "port": facts.port, "user": facts.user, "password": facts.password}
    async with own_lane(stack).client() as client:
        made = [await _register(client, number, options | {"dbname": "demo"}) for number in range(sources)]
        await _test(client, made)  # what is written once, and what a source's first test adds
        with stack.postgres.conninfo("prefect").connect() as prefect:
            at_first = row_counts(prefect)
            by_test = await _grown(prefect, _test(client, made), len(made))
            for source in made:
                path = f"/api/v1/data-sources/{source}/health/schedule"
                (await client.put(path, json={"interval_seconds": 10})).raise_for_status()
            await asyncio.sleep(20)
            before = _checks(stack)
            by_check = await _grown(prefect, asyncio.sleep(seconds), 1)
            checks = max(1, _checks(stack) - before)
            by_check = {name: size / checks for name, size in by_check.items()}
            for source in made:
                await client.delete(f"/api/v1/data-sources/{source}/health/schedule")
            await asyncio.sleep(20)
            _show_prefect(by_test, by_check, checks)
            age(prefect)
            url = stack.settings.prefect_database_url or ""
            credential = stack.prefect_auth.credential or ""
            await asyncio.to_thread(remove_by_prefect, server_environ(stack.home, stack.settings, url, credential))
            left = row_counts(prefect)
    grown = {name: (at_first[name], count) for name, count in left.items() if count > at_first[name] + len(made)}
    console.print(f"rows that Prefect keeps for ever, before and after: {grown or 'none more than before'}")
    return not grown


async def _register(client: httpx.AsyncClient, number: int, options: dict[str, Any]) -> int:
    body = {"name": f"Source {number}", "type": "pg", "options": options, "temp_schema": "demo.scratch"}
    return int((await client.post("/api/v1/data_sources", json=body)).raise_for_status().json()["id"])


async def _test(client: httpx.AsyncClient, sources: list[int]) -> None:
    """One test of each source, and until all of them have ended."""
    jobs = [(await client.post(f"/api/v1/data_sources/{source}/test")).json()["job_id"] for source in sources]
    for job in jobs:
        answer = {"status": "waiting"}
        while answer["status"] in ("waiting", "processing"):
            found = await client.get(f"/api/v1/data_sources/test/{job}", params={"wait": 60})
            answer = found.raise_for_status().json()
        assert answer["status"] == "done", answer  # noqa: S101
    await asyncio.sleep(15)  # events are written within five seconds


async def _grown(session: Session, work: Any, by: int) -> dict[str, float]:
    """How many bytes each table has grown meanwhile, for each of so many."""
    before = sizes(session)
    await work
    return {name: (size - before[name]) / by for name, size in sizes(session).items()}


def _checks(stack: Stack) -> int:
    with psycopg.connect(str(stack.settings.database_url)) as session:
        found = session.execute("SELECT count(*) FROM health_records WHERE trigger = 'schedule'").fetchone()
    return int(found[0]) if found else 0


def _show_prefect(by_test: dict[str, float], by_check: dict[str, float], checks: int) -> None:
    table = Table("of Prefect's database", "KB a test", "KB a check", "days kept", f"MB at {SOURCES:,} sources")
    total = 0.0
    for name, days in (("events", EVENT_DAYS), ("everything else", RUN_DAYS)):
        test, check = (
            sum(size for table_, size in grown.items() if (table_ in EVENTS) == (name == "events"))
            for grown in (by_test, by_check)
        )
        size = days * SOURCES * (2 * test + CHECKS_A_DAY * check)
        total += size
        table.add_row(name, f"{test / 1024:.1f}", f"{check / 1024:.2f}", str(days), f"{size / MB:,.0f}")
    table.add_row("all", "", "", "", f"{total / MB:,.0f}")
    console.print(table)
    console.print(f"measured on {checks} checks of sweeps")


@asynccontextmanager
async def own_postgres(folder: Path) -> AsyncIterator[EmbeddedPostgres]:
    """A PostgreSQL below this folder, with the stack's databases and nothing else."""
    home = Home(folder)
    home.make()
    postgres = EmbeddedPostgres(home)
    postgres.settle_port()
    await asyncio.to_thread(postgres.prepare)
    async with Reaper(home) as keeper:
        child = Child(
            "postgres",
            postgres.command(),
            home=home,
            keeper=keeper,
            say=console.print,
            environ=postgres.environ(),
            stop_signal=STOP_SIGNAL,
            before=postgres.clear_stale_pid,
            **postgres.popen(),
        )
        await child.start()
        try:
            await wait_until(lambda: asyncio.to_thread(postgres.answers, child.pid), [child], 60)
            await asyncio.to_thread(postgres.make_databases)
            yield postgres
        finally:
            await child.stop()


async def catalogue_part(sources: int, days: int) -> bool:
    """Show what a year leaves in the catalogue; whether each table has an end."""
    with tempfile.TemporaryDirectory(prefix="sourcecheck-year-") as home:
        async with own_postgres(Path(home)) as postgres:
            settings = Settings(database_url=postgres.conninfo("catalogue").url())
            await asyncio.to_thread(upgrade, settings)
            console.print(f"{days} days of {sources} sources")
            before, after, spent = await live_through(settings, sources, days)
            with postgres.conninfo("catalogue").connect() as session:
                bounded = show_catalogue(session, before, after, SOURCES / sources)
    console.print(f"retention took {1000 * spent / days:.0f} ms for each day of {sources} sources")
    console.print("[green]ok[/] every table has an end" if bounded else "[red]BROKEN[/] a table goes on growing")
    return bounded


async def prefect_part(sources: int, seconds: int) -> bool:
    """Show what tests leave in Prefect's database; whether its own removal leaves nothing behind."""
    with tempfile.TemporaryDirectory(prefix="sourcecheck-year-") as home:
        settings = Settings(home=home, api_port=free_port(), prefect_port=free_port())
        async with running(settings, console.print, with_demo_database=True) as stack:
            return await observe(stack, sources, seconds)


def main() -> int:
    """The command."""
    bench_environ()
    parser = argparse.ArgumentParser(prog="benchmarks.year", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", choices=["catalogue", "prefect"])
    parser.add_argument("--sources", type=int, default=20, help="sources that stand for 1,000")
    parser.add_argument("--days", type=int, default=460, help="more than the 400 that history is kept for, and a month")
    parser.add_argument("--observed", type=int, default=20, help="sources that the stack checks")
    parser.add_argument("--seconds", type=int, default=60, help="for so long")
    given = parser.parse_args()
    good = given.only == "catalogue" or asyncio.run(prefect_part(given.observed, given.seconds))
    good &= given.only == "prefect" or asyncio.run(catalogue_part(given.sources, given.days))
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
