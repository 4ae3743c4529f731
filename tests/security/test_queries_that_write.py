"""A caller's own query only reads: the session sees to it, whatever the text looks like (security row 6).

Run as a superuser, whom no missing right stops. What lies outside of a transaction, PostgreSQL leaves to the user's
rights: a superuser's query may end sessions, write files of the server (`lo_export`), or log in somewhere (`dblink`).
"""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from datasources.databases.base import Session
from datasources.databases.flood import ANSWER_BYTES
from datasources.databases.postgres import Postgres
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode
from tests.fixtures.servers.database import PASSWORD, Server

SETUP = """
CREATE SCHEMA guarded;
CREATE TABLE guarded.kept AS SELECT 1 AS id;
CREATE SEQUENCE guarded.numbers;
CREATE VIEW guarded.open AS SELECT id FROM guarded.kept;
CREATE FUNCTION guarded.writes() RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS
    $$ BEGIN INSERT INTO guarded.kept VALUES (2); RETURN 1; END $$;
CREATE FUNCTION guarded.switches() RETURNS int LANGUAGE plpgsql AS
    $$ BEGIN SET LOCAL transaction_read_only = off; INSERT INTO guarded.kept VALUES (2); RETURN 1; END $$;
CREATE FUNCTION guarded.hides() RETURNS int LANGUAGE plpgsql AS
    $$ BEGIN BEGIN EXECUTE 'SET transaction_read_only = off'; EXCEPTION WHEN OTHERS THEN NULL; END;
       INSERT INTO guarded.kept VALUES (2); RETURN 1; END $$;
CREATE FUNCTION guarded.innocent(int) RETURNS int LANGUAGE sql AS
    $$ INSERT INTO guarded.kept VALUES ($1) RETURNING id $$;
CREATE PROCEDURE guarded.commits(INOUT n int) LANGUAGE plpgsql AS
    $$ BEGIN COMMIT; SET TRANSACTION READ WRITE; INSERT INTO guarded.kept VALUES (2); COMMIT; END $$;
CREATE PROCEDURE guarded.rolls_back(INOUT n int) LANGUAGE plpgsql AS
    $$ BEGIN ROLLBACK; INSERT INTO guarded.kept VALUES (2); COMMIT; END $$;
"""
STATE = """
SELECT (SELECT array_agg(id ORDER BY id) FROM guarded.kept), (SELECT last_value FROM guarded.numbers),
       (SELECT is_called FROM guarded.numbers),
       (SELECT array_agg(relname ORDER BY relname) FROM pg_class WHERE relnamespace = 'guarded'::regnamespace),
       (SELECT count(*) FROM pg_roles), (SELECT count(*) FROM pg_largeobject_metadata),
       (SELECT count(*) FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database
        WHERE l.locktype = 'advisory' AND d.datname = current_database()),
       (SELECT array_agg(setconfig::text) FROM pg_db_role_setting), (SELECT count(*) FROM pg_prepared_xacts)
"""
WRITES = [
    "INSERT INTO guarded.kept VALUES (2)",
    "INSERT INTO guarded.kept VALUES (2) RETURNING id",
    "INSERT INTO guarded.open VALUES (2) RETURNING id",
    "UPDATE guarded.kept SET id = 2 RETURNING id",
    "DELETE FROM guarded.kept RETURNING id",
    "MERGE INTO guarded.kept AS k USING (SELECT 2 AS id) AS n ON k.id = n.id WHEN NOT MATCHED THEN INSERT VALUES (2)",
    "TRUNCATE guarded.kept",
    "WITH gone AS (DELETE FROM guarded.kept RETURNING id) SELECT id FROM gone",
    "WITH new AS (INSERT INTO guarded.kept VALUES (2) RETURNING id) SELECT 1",
    "SELECT id INTO guarded.copied FROM guarded.kept",
    "CREATE TABLE guarded.made AS SELECT 1",
    "EXPLAIN ANALYZE DELETE FROM guarded.kept",
    "SELECT id FROM guarded.kept FOR UPDATE",
    "SELECT nextval('guarded.numbers')",
    "SELECT setval('guarded.numbers', 100)",
    "SELECT guarded.writes()",
    "SELECT guarded.switches()",
    "SELECT guarded.hides()",
    "SELECT guarded.innocent(2)",
    "SELECT query_to_xml('INSERT INTO guarded.kept VALUES (2) RETURNING id', true, true, '')",
    "CALL guarded.commits(1)",
    "CALL guarded.rolls_back(1)",
    "DO $$ BEGIN INSERT INTO guarded.kept VALUES (2); END $$",
    "COPY guarded.kept FROM PROGRAM 'echo 2'",
    "COPY (SELECT 1) TO PROGRAM 'cat >/dev/null'",
    "COPY guarded.kept TO STDOUT",
    "COPY guarded.kept FROM STDIN",
    "SET TRANSACTION READ WRITE",
    "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
    "SET transaction_read_only = off",
    "RESET transaction_read_only",
    "SELECT set_config('transaction_read_only', 'off', false)",
    "SELECT set_config('transaction_read_only', 'off', true)",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT a",
    "PREPARE TRANSACTION 'left'",
    "PREPARE p AS INSERT INTO guarded.kept VALUES (2)",
    "COMMIT; INSERT INTO guarded.kept VALUES (2)",
    "COMMIT; SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE; SELECT guarded.writes()",
    "SELECT 1; INSERT INTO guarded.kept VALUES (2)",
    "SELECT 1;; DELETE FROM guarded.kept",
    "SELECT 1 /* ; */ ; DROP TABLE guarded.kept --",
    "/* SELECT */ DROP TABLE guarded.kept",
    "(SELECT 1); TRUNCATE guarded.kept",
    "CREATE ROLE left_behind SUPERUSER",
    "ALTER ROLE reader SET work_mem = '1GB'",
    "ALTER SYSTEM SET work_mem = '1GB'",
    "VACUUM guarded.kept",
    "LOCK TABLE guarded.kept IN ACCESS EXCLUSIVE MODE",
    "NOTIFY somebody, 'hello'",
    "LISTEN somebody",
    "GRANT ALL ON guarded.kept TO PUBLIC",
    "REFRESH MATERIALIZED VIEW shop.best",
    "",
    ";",
    "-- nothing",
]
HARMLESS = [
    "SELECT pg_advisory_lock(42)",
    "SELECT pg_notify('somebody', 'hello')",
    "SELECT set_config('default_transaction_read_only', 'off', false)",
    "SELECT set_config('role', 'reader', false)",
    "SELECT set_config('search_path', 'guarded', false)",
    "SELECT lo_create(4242)",
    "SELECT lo_from_bytea(4242, 'x')",
    "SELECT txid_current()",
    "EXPLAIN DELETE FROM guarded.kept",
    "EXPLAIN (ANALYZE) CREATE TABLE guarded.made AS SELECT 1",  # really makes it
    "SHOW transaction_read_only",
    "VALUES (1)",
    "TABLE guarded.kept",
    "WITH one AS (SELECT 1) SELECT * FROM one",
    "SELECT 1;",
]
"""What is not refused, on one version at least, leaves nothing: it ends with the transaction or with the session."""


@pytest.fixture
def guarded(database: Server) -> Iterator[Server]:
    """A schema whose state is compared before and after."""
    with database.connect() as admin:
        admin.execute(SETUP)  # type: ignore[arg-type]
        try:
            yield database
        finally:
            admin.execute("DROP SCHEMA guarded CASCADE")


def state(server: Server) -> Any:
    """Everything that a query might have changed."""
    with server.connect() as admin:
        return admin.execute(STATE).fetchone()  # type: ignore[arg-type]


def unchanged(server: Server, before: Any, query: str = "") -> None:
    """All is as before, once the server has ended the session that had the query: its locks last as long."""
    until = time.monotonic() + 20
    while (found := state(server)) != before and time.monotonic() < until:
        time.sleep(0.02)
    assert found == before, query


async def ask(server: Server, query: str) -> str | None:
    """The first value of a superuser's query."""
    async with Postgres.connect(server.source(user="postgres")) as session:
        return (await session.query(query)).value


async def verdict(session: Session, query: str) -> str:
    """The code with which a query is refused, or `answered`."""
    try:
        await session.query(query)
    except CheckError as error:
        return error.code
    return "answered"


async def test_queries_that_write(guarded: Server) -> None:
    """Each is refused, and changes nothing; what is no mistake is called by its name."""
    before, codes = state(guarded), {}
    for query in WRITES:
        async with Postgres.connect(guarded.source(user="postgres")) as session:
            codes[query] = await verdict(session, query)
        unchanged(guarded, before, query)
    refusals = {ErrorCode.QUERY_NOT_READ_ONLY, ErrorCode.QUERY_ERROR}
    assert {query: code for query, code in codes.items() if code not in refusals} == {}
    named = {query for query, code in codes.items() if code == ErrorCode.QUERY_NOT_READ_ONLY}
    assert {query for query in WRITES if query.startswith(("INSERT", "UPDATE", "DELETE", "WITH", "COPY"))} <= named


async def test_what_is_not_refused_leaves_nothing(guarded: Server) -> None:
    """Locks, settings, notices and large objects go with the session and its transaction, which never commits."""
    before, codes = state(guarded), {}
    for query in HARMLESS:
        async with Postgres.connect(guarded.source(user="postgres")) as session:
            codes[query] = await verdict(session, query)
        unchanged(guarded, before, query)
    assert set(codes.values()) <= {"answered", ErrorCode.QUERY_NOT_READ_ONLY}


async def test_one_session_for_all_of_them(guarded: Server) -> None:
    """What a query has left in its session does not open the door for the next one."""
    before = state(guarded)
    async with Postgres.connect(guarded.source(user="postgres")) as session:
        for query in [*HARMLESS, *WRITES]:
            answered = await verdict(session, query) == "answered"
            assert query in HARMLESS or not answered, query
        assert await verdict(session, "SELECT 1") == "answered"
    unchanged(guarded, before)


async def test_the_guard_is_not_the_users_rights(guarded: Server) -> None:
    """The same query writes when it is not asked through a test: the superuser may."""
    with guarded.connect() as admin:
        admin.execute("SELECT guarded.writes()")
        assert admin.execute("SELECT count(*) FROM guarded.kept").fetchone() == (2,)


@pytest.mark.parametrize("query", ["SELECT repeat('x', 50000000)", "SELECT repeat('x', 50000000)::int"])
async def test_a_value_of_megabytes_is_not_read(database: Server, query: str) -> None:
    """Neither as an answer nor as part of a message."""
    with pytest.raises(CheckError) as caught:
        await ask(database, query)
    assert caught.value.code is ErrorCode.QUERY_ERROR
    assert len(caught.value.message) <= ANSWER_BYTES


async def test_only_the_first_row_is_read(database: Server) -> None:
    """A billion of rows costs what one costs, and the server stops."""
    assert await ask(database, "SELECT generate_series(1, 1000000000)") == "1"
    busy = "SELECT FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT generate_series%'"
    with database.connect() as admin:
        async with asyncio.timeout(20):
            while admin.execute(busy).fetchone() is not None:  # the server hears it in its own time
                await asyncio.sleep(0.05)


async def test_a_query_has_a_limit_of_time(database: Server) -> None:
    """The server's own limit stops it over there, too."""
    impatient = msgspec.structs.replace(database.source(), query_timeout=1)
    async with Postgres.connect(impatient) as session:
        with pytest.raises(CheckError) as caught:
            await session.query("SELECT pg_sleep(60)")
    assert caught.value.code is ErrorCode.TIMEOUT


async def test_no_other_way_to_write_for_a_user_without_rights(embedded: Server) -> None:
    """`dblink` opens a session of its own, where no test's transaction counts: only who has the right may load it."""
    target = f"host=127.0.0.1 port={embedded.port} dbname=postgres user=reader password={PASSWORD}"
    with pytest.raises(CheckError):
        async with Postgres.connect(embedded.source()) as session:
            await session.query(f"SELECT dblink_exec('{target}', 'CREATE TABLE scratch.by_dblink ()')")
