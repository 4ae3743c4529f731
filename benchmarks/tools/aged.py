"""What Prefect keeps of tests, made old, and removed by Prefect's own service."""

import asyncio
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg import sql

AGE = "7 days"
"""Older than everything that the local stack has Prefect keep."""
MOMENTS = {
    "flow_run": ("created", "updated", "start_time", "end_time", "expected_start_time"),
    "events": ("occurred", "received", "recorded"),
    "event_resources": ("occurred", "updated"),
    "log": ("timestamp", "created", "updated"),
    "artifact": ("created", "updated"),
}
"""The columns by which Prefect tells how old a row is."""
TABLES = """SELECT relname, pg_total_relation_size(oid) FROM pg_class
    WHERE relkind = 'r' AND relnamespace = to_regnamespace('public')"""
PROGRAM = "from benchmarks.tools.aged import remove; remove()"


def sizes(session: psycopg.Connection[Any]) -> dict[str, int]:
    """Bytes of each table, with its indexes."""
    return dict(session.execute(TABLES).fetchall())


def row_counts(session: psycopg.Connection[Any]) -> dict[str, int]:
    """Rows of each table."""
    found = {}
    for name in sizes(session):
        (count,) = session.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(name))).fetchone() or (0,)
        found[name] = int(count)
    return found


def age(session: psycopg.Connection[Any]) -> None:
    """Move everything that Prefect has written a week back."""
    for table, columns in MOMENTS.items():
        moved = sql.SQL(", ").join(
            sql.SQL("{0} = {0} - interval {1}").format(sql.Identifier(column), sql.Literal(AGE)) for column in columns
        )
        session.execute(sql.SQL("UPDATE {} SET {}").format(sql.Identifier(table), moved))


def remove_by_prefect(environ: Mapping[str, str]) -> None:
    """Run in a process of its own what Prefect's server does every hour and every day, with the stack's settings."""
    subprocess.run([sys.executable, "-c", PROGRAM], env=dict(environ), check=True)


def remove() -> None:
    """All that Prefect's service removes, at once."""
    from prefect.server.database import provide_database_interface
    from prefect.server.services import db_vacuum

    async def everything() -> None:
        for task in (
            db_vacuum.vacuum_events_with_retention_overrides,
            db_vacuum.vacuum_old_events,
            db_vacuum.vacuum_old_flow_runs,
            db_vacuum.vacuum_orphaned_logs,
            db_vacuum.vacuum_orphaned_artifacts,
            db_vacuum.vacuum_stale_artifact_collections,
        ):
            await task(db=provide_database_interface())

    asyncio.run(everything())
