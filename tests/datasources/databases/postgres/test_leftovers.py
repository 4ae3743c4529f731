"""The table of a test, which nothing can leave behind, and what older versions and strangers may have left."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from datasources.databases.postgres import Postgres
from datasources.databases.scratch import LEFTOVER_SECONDS, marked_name
from datasources.model.errors import CheckError
from tests.fixtures.servers.database import Server

HOUR = LEFTOVER_SECONDS
MINUTE = 60


def aged(seconds: float) -> str:
    """A name with our mark, from this long ago."""
    return marked_name(time.time() - seconds)


@pytest.fixture
def schema(database: Server) -> Iterator[str]:
    """An empty schema in which the reader may make tables."""
    name = f"leftovers_{time.monotonic_ns()}"
    with database.connect() as session:
        session.execute(f"CREATE SCHEMA {name}; GRANT ALL ON SCHEMA {name} TO reader")  # type: ignore[arg-type]
        yield name
        session.execute(f"DROP SCHEMA {name} CASCADE")  # type: ignore[arg-type]


def left(server: Server, schema: str) -> set[str]:
    """Every relation in a schema, of any kind."""
    query = "SELECT relname FROM pg_class JOIN pg_namespace AS n ON n.oid = relnamespace WHERE nspname = %s"
    with server.connect() as session:
        return {name for (name,) in session.execute(query, [schema])}


async def swept(server: Server, schema: str) -> set[str]:
    """What a test of the reader removes."""
    async with Postgres.connect(server.source(), read_only=False) as session:
        return set(await session.sweep(schema))


async def test_a_test_leaves_nothing(database: Server, schema: str) -> None:
    """The temporary table is written, read and gone."""
    async with Postgres.connect(database.source(), read_only=False) as session:
        await session.write_and_drop(schema)
    assert left(database, schema) == set()


async def test_a_cut_connection_leaves_nothing(database: Server, schema: str) -> None:
    """Whenever the server loses a test, the table goes with it."""
    with database.connect() as admin:
        for _ in range(20):
            ends = asyncio.Event()

            async def killer(ends: asyncio.Event = ends) -> None:
                while not ends.is_set():
                    admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'reader'")
                    await asyncio.sleep(0)

            task = asyncio.create_task(killer())
            with suppress(CheckError):
                async with Postgres.connect(database.source(), read_only=False) as session:
                    await session.write_and_drop(schema)
            ends.set()
            await task
    assert left(database, schema) == set()


@pytest.mark.parametrize("stage", ["INSERT", "SELECT token", "DROP", "COMMIT"])
async def test_a_test_that_is_killed_leaves_nothing(database: Server, schema: str, stage: str) -> None:
    """Cut off at any of its statements, it leaves no table."""
    async with Postgres.connect(database.source(), read_only=False) as session:
        connection = session._connection
        encode = connection.encode

        def until(statement: str) -> bytes:
            if statement.startswith(stage):
                connection.pgconn.finish()  # as the end of the process does
            return encode(statement)

        connection.encode = until  # type: ignore[method-assign]
        with pytest.raises(CheckError):
            await session.write_and_drop(schema)
    await asyncio.sleep(0.2)
    assert left(database, schema) == set()


async def test_only_old_tables_of_ours_are_swept(database: Server, schema: str) -> None:
    """Older than an hour, with our mark, a table, and our user's: all of that, or it stays."""
    old, ancient = aged(HOUR + 5 * MINUTE), aged(400 * 24 * HOUR)
    young, future = aged(HOUR - 5 * MINUTE), aged(-HOUR)
    view, partitioned, partition, sequence, matview = (aged(2 * HOUR) for _ in range(5))
    foreign = aged(2 * HOUR)
    near = [
        "sourcecheck_tmp_mine",
        "sourcecheck_tmp_00000001",
        "sourcecheck_tmp_00000001_0123abcg",
        "sourcecheck_tmp_00000001_0123abcd_",
        "sourcecheck_tmpx00000001_0123abcd",
        "xsourcecheck_tmp_00000001_0123abcd",
        "Sourcecheck_tmp_00000001_0123abcd",
    ]
    with database.connect(user="reader") as reader, database.connect() as admin:
        reader.execute(f"SET search_path TO {schema}")  # type: ignore[arg-type]
        for name in (old, ancient, young, future, *near):
            reader.execute(f'CREATE TABLE "{name}" ()')  # type: ignore[arg-type]
        reader.execute(f"CREATE VIEW {view} AS SELECT 1")  # type: ignore[arg-type]
        reader.execute(f"CREATE MATERIALIZED VIEW {matview} AS SELECT 1")  # type: ignore[arg-type]
        reader.execute(f"CREATE SEQUENCE {sequence}")  # type: ignore[arg-type]
        reader.execute(f"CREATE TABLE {partitioned} (a int) PARTITION BY LIST (a)")  # type: ignore[arg-type]
        reader.execute(f"CREATE TABLE {partition} PARTITION OF {partitioned} DEFAULT")  # type: ignore[arg-type]
        admin.execute(f"CREATE TABLE {schema}.{foreign} ()")  # type: ignore[arg-type]
        admin.execute(f"GRANT ALL ON {schema}.{foreign} TO reader")  # type: ignore[arg-type]
    before = left(database, schema)
    assert await swept(database, schema) == {old, ancient}
    assert left(database, schema) == before - {old, ancient}


async def test_other_schemas_are_left_alone(database: Server, schema: str) -> None:
    """A sweep looks at the schema of the source and at no other."""
    old = aged(2 * HOUR)
    with database.connect(user="reader") as reader:
        reader.execute(f"CREATE TABLE {schema}.{old} ()")  # type: ignore[arg-type]
    assert await swept(database, "scratch") == set()
    assert left(database, schema) == {old}


async def test_a_table_in_use_stays(database: Server, schema: str) -> None:
    """What somebody reads, or what something depends on, stays; the rest goes all the same, and the test passes."""
    read, needed, free = (aged(2 * HOUR) for _ in range(3))
    with database.connect(user="reader") as reader:
        for name in (read, needed, free):
            reader.execute(f"CREATE TABLE {schema}.{name} (a int)")  # type: ignore[arg-type]
        reader.execute(f"CREATE VIEW {schema}.needs AS SELECT a FROM {schema}.{needed}")  # type: ignore[arg-type]
        with reader.transaction():
            reader.execute(f"SELECT * FROM {schema}.{read}")  # type: ignore[arg-type]
            async with Postgres.connect(database.source(), read_only=False) as session:
                assert await session.sweep(schema) == [free]
                await session.write_and_drop(schema)
    assert left(database, schema) == {read, needed, "needs"}


async def test_the_next_test_sweeps(database: Server, schema: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The step itself does it, and says what it removed."""
    from datasources.secrecy.scrubber import Scrubber
    from tasks.context import StepContext
    from tasks.steps.temp_schema import run as temp_schema

    old = aged(2 * HOUR)
    with database.connect(user="reader") as reader:
        reader.execute(f"CREATE TABLE {schema}.{old} ()")  # type: ignore[arg-type]
    source = database.source(temp_schema=schema)
    check = StepContext(job_id=1, source_id=1, source=source, scrubber=Scrubber([]), deadline=time.time() + 60)
    found = await temp_schema(check)
    assert found.details == {"swept": [old]}
    assert left(database, schema) == set()
