"""Prefect's server writes times by a codec of ours: what PostgreSQL has then is what it had without."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis.strategies import datetimes, timedeltas

from deployments.serve._prefect import decode, encode
from tests.fixtures.servers.database import PASSWORD, Server

PROGRAM = """
import asyncio, json, sys
from datetime import datetime, timedelta, timezone
from prefect.types._datetime import now
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from deployments.serve._prefect import plain_timestamps

prefects = now("UTC").replace(year=2026, month=3, day=29, hour=1, minute=59, second=59, microsecond=999999)
times = [
    prefects,
    prefects.in_timezone("Europe/Vienna") if hasattr(prefects, "in_timezone") else prefects,
    datetime(1999, 12, 31, 23, 59, 59, 1, tzinfo=timezone.utc),
    datetime(2026, 11, 25, 12, tzinfo=timezone(timedelta(hours=5, minutes=45))),
    datetime(1, 1, 2, tzinfo=timezone.utc),
    datetime(9999, 12, 30, 23, 59, 59, 999999, tzinfo=timezone.utc),
]

async def written():
    engine = create_async_engine(sys.argv[1])
    async with engine.connect() as session:
        found = []
        for time in times:
            row = (await session.execute(text("SELECT cast(:t as timestamptz)::text, cast(:t as timestamptz)"), {"t": time})).one()
            found.append([row[0], row[1].isoformat(), row[1] == time])
        rows = [{"t": time} for time in times]
        await session.execute(text("CREATE TEMPORARY TABLE times (t timestamptz)"))
        await session.execute(text("INSERT INTO times VALUES (:t)"), rows)
        found.append(sorted((await session.execute(text("SELECT t::text FROM times"))).scalars()))
        ends = "SELECT NULL::timestamptz, 'infinity'::timestamptz::text, 'infinity'::timestamptz, '-infinity'::timestamptz"
        found.append([str(value) for value in (await session.execute(text(ends))).one()])
    await engine.dispose()
    return found

async def main():
    before = await written()
    plain_timestamps()
    print(json.dumps({"before": before, "after": await written()}))

asyncio.run(main())
"""


@given(datetimes(), timedeltas(timedelta(hours=-23), timedelta(hours=23)))
def test_a_time_comes_back(naive: datetime, offset: timedelta) -> None:
    """The same instant, to the microsecond, whatever zone it was given in."""
    minutes = timedelta(minutes=offset // timedelta(minutes=1))
    time = naive.replace(tzinfo=timezone(minutes))
    assert encode(time) == ((time - datetime(2000, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1),)
    if 1 < naive.year < 9999:
        assert decode(encode(time)) == time


def test_postgresql_has_what_it_had_without(database: Server) -> None:
    """One by one and many at once, for Prefect's own class and Python's, and no time at all."""
    address = f"postgresql+asyncpg://postgres:{PASSWORD}@127.0.0.1:{database.port}/postgres"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, address], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["after"] == found["before"]
    assert all(same for _, _, same in found["after"][:6])
