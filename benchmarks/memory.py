"""What one process of the API takes with 1,000 sources whose tests found a great deal.

    python -m benchmarks.memory

Fills the catalogue of a stack of its own, the details of every step as large as they may be kept, and a few rows as
they were kept before details had a limit. Then it reads lists, single sources and jobs, several at once, and shows
the most memory that the API has had. Ends with 1 when that is more than `LIMIT_MB`.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import psycopg
from rich.console import Console
from rich.table import Table

from benchmarks.tools.lanes import bench_environ, own_lane
from datasources.catalogue.migrate import upgrade
from datasources.model.settings import Settings
from deployments.stack.ports import free_port
from deployments.stack.start import Stack, running
from tasks.sanitize import DETAILS_BYTES

LIMIT_MB = 300
"""What the API may take at most."""
UNCUT_REVISION = "0002"
"""The last revision of the catalogue that kept details of any size."""
LARGE_BYTES = 4 * 2**20
"""Of a step's details in a row of before the limit."""
STEPS = ("connection", "temp_schema", "schema_download", "lineage_download")
AT_ONCE = 8
"""Requests under way at the same time."""
LISTS = 20
"""Times that each list is read."""
INSERT = """INSERT INTO data_sources (organization_id, name, type, options, fields, last_test)
    VALUES (1, %s, 'pg', '{"host": "db.example", "user": "u", "dbname": "d", "port": 5432}', '{}', %s) RETURNING id"""
INSERT_JOB = """INSERT INTO jobs (organization_id, source_id, source_revision, trigger, steps, deadline, status,
    ended_at, results) VALUES (1, %s, 1, 'test', %s, now(), 'done', now(), %s) RETURNING id"""
console = Console(highlight=False, soft_wrap=True)


def details(size: int, seed: int) -> dict[str, Any]:
    """Details of about so many bytes, no two alike and hard to compress."""
    chance = random.Random(seed)  # noqa: S311 -- for variety, not for secrecy
    tables = [
        {"schema": "public", "name": chance.randbytes(20).hex(), "kind": "BASE TABLE", "columns": number, "rows": 7}
        for number in range(size // 120)
    ]
    return {"tables": tables}


def result(size: int, seed: int) -> dict[str, Any]:
    """A step's result as it is kept."""
    found = details(size, seed)
    return {"code": "OK", "message": "Found", "outcome": "success", "duration_ms": 5, "details": found}


def fill(stack: Stack, sources: int, large: int) -> Iterator[tuple[int, int]]:
    """Make sources, each with a job that has ended; the first `large` ones are of before the limit, and migrated."""
    with psycopg.connect(str(stack.settings.database_url), autocommit=True) as session:
        for number in range(sources):
            size = LARGE_BYTES if number < large else DETAILS_BYTES - 2000
            results = {step: result(size, 10 * number + place) for place, step in enumerate(STEPS)}
            shown = [{"step": step, "status": "done", "result": found} for step, found in results.items()]
            last_test = json.dumps({"tested_at": "2026-11-25T00:00:00.000000+00:00", "results": shown})
            source = session.execute(INSERT, (f"Large {number}", last_test)).fetchone()
            assert source is not None  # noqa: S101 -- RETURNING
            published = [
                {"job_id": 1, "task": step, "result": found, "carried_out": True} for step, found in results.items()
            ]
            job = session.execute(INSERT_JOB, (source[0], json.dumps(STEPS), json.dumps(published))).fetchone()
            assert job is not None  # noqa: S101 -- RETURNING
            yield source[0], job[0]
        session.execute("UPDATE alembic_version SET version_num = %s", (UNCUT_REVISION,))
    upgrade(stack.settings)


async def read(client: httpx.AsyncClient, paths: Sequence[str]) -> int:
    """Read these paths, some at once; answers the bytes that came. Raises `httpx.HTTPStatusError`."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(path: str) -> int:
        async with turns:
            return len((await client.get(path)).raise_for_status().content)

    return sum(await asyncio.gather(*(one(path) for path in paths)))


def peak_mb(pid: int) -> tuple[float, float]:
    """Resident memory of a process now, and the most that it has been since it began, in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    found = {name: value.split()[0] for name, _, value in (line.partition(":") for line in lines) if value.split()}
    return int(found["VmRSS"]) / 1024, int(found["VmHWM"]) / 1024


async def measure(sources: int, large: int) -> int:
    """Start a stack, fill it, read, and show the figures. Answers the exit code."""
    bench_environ()
    with tempfile.TemporaryDirectory(prefix="sourcecheck-memory-") as home:
        settings = Settings(home=home, api_port=free_port(), prefect_port=free_port())
        async with running(settings, console.print, with_demo_database=True) as stack:
            ours = own_lane(stack)
            pid = ours.trees.roots["api"]
            console.print(f"filling the catalogue with {sources} sources, {large} of them larger than the limit")
            made = await asyncio.to_thread(lambda: list(fill(stack, sources, large)))
            table = Table("what was read", "answers", "MB read", "RSS, MB", "peak, MB")
            table.add_row("nothing yet", "", "", *(f"{mb:.0f}" for mb in peak_mb(pid)))
            parts = {
                "list of all, data_sources": ["/api/v1/data_sources"] * LISTS,
                "pages of 100, data-sources": [
                    f"/api/v1/data-sources?page_size=100&page={page}" for page in range(1, sources // 100 + 1)
                ]
                * LISTS,
                "single sources, data_sources": [f"/api/v1/data_sources/{source}" for source, _ in made],
                "single sources, data-sources": [f"/api/v1/data-sources/{source}" for source, _ in made],
                "health of single sources": [f"/api/v1/data-sources/{source}/health" for source, _ in made],
                "jobs that have ended": [f"/api/v1/data_sources/test/{job}" for _, job in made],
            }
            async with ours.client() as client:
                for name, paths in parts.items():
                    volume = await read(client, paths)
                    table.add_row(name, str(len(paths)), f"{volume / 2**20:.0f}", *(f"{mb:.0f}" for mb in peak_mb(pid)))
            console.print(table)
            peak = peak_mb(pid)[1]
    good = peak < LIMIT_MB
    console.print(f"{'[green]ok[/]' if good else '[red]BROKEN[/]'} the API took {peak:.0f} MB, {LIMIT_MB} are allowed")
    return int(not good)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="benchmarks.memory", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sources", type=int, default=1000)
    parser.add_argument("--large", type=int, default=10, help="sources whose rows are of before the limit")
    given = parser.parse_args()
    return asyncio.run(measure(given.sources, given.large))


if __name__ == "__main__":
    sys.exit(main())
