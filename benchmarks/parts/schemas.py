"""What it costs to keep a schema of 10,000 tables with 200,000 columns, to compare it, and to read it."""

import time
from collections.abc import Iterator
from typing import Any

import psutil

from benchmarks.parts.plan import Plan
from benchmarks.tools.lanes import Lane
from benchmarks.tools.report import Table
from benchmarks.tools.timed import register
from benchmarks.tools.usage import MEGABYTE
from datasources.catalogue.schemas.keeper import Keeper
from datasources.databases import base
from datasources.databases.postgres.model import PgOptions, PgSource
from datasources.secrecy.scrubber import Scrubber
from deployments.stack.start import Say

COLUMNS = ("what", "tables", "columns", "s", "CPU s", "more MB")
COLUMNS_A_TABLE = 20
BATCH = 500
PASSWORD = "a password, and 16 characters"  # noqa: S105 -- of nothing
SOURCE = PgSource(name="wide", options=PgOptions(host="db.example", user="u", dbname="d", password=PASSWORD))


def tables(count: int, retyped: int = 0) -> Iterator[list[base.Table]]:
    """So many tables in batches; of the first ones, so many columns of another type than without it."""
    for first in range(0, count, BATCH):
        yield [_table(number, retyped=number < retyped) for number in range(first, min(first + BATCH, count))]


def _table(number: int, *, retyped: bool) -> base.Table:
    columns = [
        base.Column(
            name=f"column_{place}_of_{number}",
            type="bigint"
            if retyped and not place
            else ("integer", "numeric(10,2)", "character varying(40)")[place % 3],
            nullable=place > 0,
            default="nextval('some_sequence'::regclass)" if place == 0 else None,
            comment="What is in there, in a few words" if place % 5 == 0 else None,
        )
        for place in range(COLUMNS_A_TABLE)
    ]
    key = [columns[0].name]
    return base.Table(
        schema=f"schema_{number % 20}",
        name=f"table_{number}",
        kind="table",
        columns=columns,
        primary_key=key,
        rows=number,
    )


async def schemas(lane: Lane, source: dict[str, Any], plan: Plan, into: Table, say: Say) -> None:
    """Keep them for the first time, again without a change, and with some changes; then read all of them by the API."""
    async with lane.client() as client:
        (source_id,) = await register(client, source, 1, "kept")
        for what, retyped in (
            ("kept for the first time", 0),
            ("compared, nothing has changed", 0),
            ("compared, one in a hundred has changed", plan.tables // 100),
            ("compared, all have changed", plan.tables),
        ):
            say(f"schemas: {what}")
            into.rows.append(
                (what, plan.tables, plan.tables * COLUMNS_A_TABLE, *await _kept(lane, source_id, plan, retyped))
            )
        for what, path in (
            ("read by the API, as one answer", "schemas"),
            ("read by the API, as lines", "schemas?format=ndjson"),
            ("searched", "schema-search?q=column_7_of_77"),
        ):
            say(f"schemas: {what}")
            place = f"/api/v1/data-sources/{path}" if "search" in path else f"/api/v1/data-sources/{source_id}/{path}"
            before, began = lane.trees.memory()["api"][0], time.monotonic()
            used = lane.trees.cpu()["api"]
            async with client.stream("GET", place) as answer:
                async for _ in answer.aiter_raw():
                    pass
            spent, cpu = time.monotonic() - began, lane.trees.cpu()["api"] - used
            more = lane.trees.memory()["api"][0] - before
            into.rows.append((what, plan.tables, plan.tables * COLUMNS_A_TABLE, spent, cpu, max(0.0, more)))


async def _kept(lane: Lane, source_id: int, plan: Plan, retyped: int) -> tuple[float, float, float]:
    """Seconds, seconds of this process's CPU, and MB more, beside the tables themselves, which are made before."""
    found = list(tables(plan.tables, retyped))
    keeper = Keeper(lane.settings, SOURCE, source_id, 1, Scrubber([PASSWORD]))
    before, began, used = psutil.Process().memory_info().rss, time.monotonic(), time.process_time()
    download = await keeper.begin()
    assert download is not None  # noqa: S101 -- the catalogue answers
    for batch in found:
        download.add(batch)
    assert await download.keep() is not None  # noqa: S101
    spent, cpu = time.monotonic() - began, time.process_time() - used
    return spent, cpu, max(0.0, (psutil.Process().memory_info().rss - before) / MEGABYTE)
