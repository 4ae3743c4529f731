"""Behind a pooler we leave nothing behind and take nothing over; catalogue queries run nobody else's code."""

import asyncio
from collections.abc import Iterator
from typing import Any

import msgspec
import psycopg
import pytest

from datasources.databases.globs import Globs
from datasources.databases.postgres import Postgres
from datasources.databases.postgres.model import PgOptions, PgSource
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode
from tasks.steps import temp_schema
from tests.datasources.databases.contract import check_of
from tests.fixtures.servers.database import PASSWORD, Server
from tests.fixtures.servers.pooler import Pooler, running_pooler

SETTINGS = (
    "default_transaction_read_only",
    "statement_timeout",
    "lock_timeout",
    "idle_in_transaction_session_timeout",
    "search_path",
    "role",
)


def behind(pooler: Pooler, *, query_timeout: float = 30, **options: Any) -> PgSource:
    """A source behind the pooler."""
    return PgSource(name="pooled", query_timeout=query_timeout, options=PgOptions(**pooler.options(**options)))


async def every_step(source: PgSource, query: str = "SELECT 1") -> None:
    """What the steps of a test ask, each on a connection of its own and side by side."""

    async def connection() -> None:
        async with Postgres.connect(source) as session:
            await session.identity()
            await session.version()

    async def temp_schema() -> None:
        async with Postgres.connect(source, read_only=False) as session:
            await session.sweep("scratch")
            await session.write_and_drop("scratch")

    async def schema_download() -> None:
        async with Postgres.connect(source) as session:
            assert [table async for batch in session.tables(Globs("shop.*")) for table in batch]

    async def lineage_download() -> None:
        async with Postgres.connect(source) as session:
            await session.lineage(Globs())

    async def test_query() -> None:
        async with Postgres.connect(source) as session:
            await session.query(query)

    await asyncio.gather(connection(), temp_schema(), schema_download(), lineage_download(), test_query())


def state(pooler: Pooler) -> list[Any]:
    """What another client finds on the one connection that the pooler has."""
    with pooler.connect() as client:
        found: list[Any] = [client.execute(f"SHOW {name}").fetchone() for name in SETTINGS]  # type: ignore[arg-type]
        found.append(client.execute("SELECT current_user").fetchone())
        found.append(client.execute("SELECT count(*) FROM pg_prepared_statements").fetchone())
        mine = "locktype = 'advisory' AND pid = pg_backend_pid()"
        found.append(client.execute(f"SELECT count(*) FROM pg_locks WHERE {mine}").fetchone())  # type: ignore[arg-type]
        return found


@pytest.fixture(scope="module")
def group(embedded: Server) -> Iterator[str]:
    """A role that the user may take, and that may write nowhere."""
    with embedded.connect() as admin:
        admin.execute(
            "CREATE ROLE pooled_group; GRANT pooled_group TO reader; GRANT CREATE ON SCHEMA scratch TO pooled_group"
        )
        admin.execute("GRANT USAGE ON SCHEMA scratch, shop TO pooled_group")
        admin.execute("GRANT SELECT ON ALL TABLES IN SCHEMA shop TO pooled_group")
    yield "pooled_group"
    with embedded.connect() as admin:
        admin.execute("DROP OWNED BY pooled_group; DROP ROLE pooled_group")


@pytest.mark.parametrize(
    ("options", "query"),
    [
        ({}, "SELECT 1"),
        ({"role": "pooled_group"}, "SELECT 1"),
        ({"query_timeout": 3}, "SELECT 1"),
        ({}, "SELECT set_config('statement_timeout', '7s', false)"),
        ({}, "SELECT set_config('role', 'reader', false)"),
        ({}, "SELECT pg_advisory_lock(4711)"),
    ],
)
async def test_nothing_is_left_behind(pooler: Pooler, group: str, options: dict[str, Any], query: str) -> None:
    """Read-only, limits, role, search path, prepared statements, locks: another client finds them as before."""
    before = state(pooler)
    await every_step(behind(pooler, **options), query)
    assert state(pooler) == before
    with pooler.connect() as client:
        client.execute(
            "CREATE TABLE scratch.written_through_the_pooler (); DROP TABLE scratch.written_through_the_pooler"
        )


async def test_a_query_that_breaks_leaves_no_lock(pooler: Pooler) -> None:
    """A lock of the session outlasts the error."""
    before = state(pooler)
    async with Postgres.connect(behind(pooler)) as session:
        with pytest.raises(CheckError):
            await session.query("SELECT 1 / (pg_advisory_lock(4712) IS NULL)::int")
    assert state(pooler) == before


async def test_thirty_tests_one_after_the_other(pooler: Pooler) -> None:
    """They pass as they do without the pooler, thirty of thirty."""
    for _ in range(30):
        await every_step(behind(pooler))


async def test_four_sources_at_once(pooler: Pooler) -> None:
    """No statement of one is in another's way."""
    for _ in range(4):
        await asyncio.gather(*(every_step(behind(pooler)) for _ in range(4)))


async def test_what_another_client_has_set_is_not_taken_over(pooler: Pooler) -> None:
    """Its settings are on the connection that we get next."""
    with pooler.connect() as client:
        client.execute(
            "SET search_path = nowhere; SET statement_timeout = '1ms'; SET default_transaction_read_only = on"
        )
    try:
        await every_step_but_writing(behind(pooler))
    finally:
        with pooler.connect() as client:
            client.execute("RESET search_path; RESET statement_timeout; RESET default_transaction_read_only")


async def every_step_but_writing(source: PgSource) -> None:
    """A role or connection that is read-only by default stays so, and is told."""
    async with Postgres.connect(source) as session:
        assert (await session.identity()).user == "reader"
        assert [table async for batch in session.tables(Globs("shop.*")) for table in batch]
        await session.lineage(Globs())
        assert (await session.query("SELECT 1")).value == "1"


async def test_a_database_by_another_name(pooler: Pooler) -> None:
    """The pooler's name for it leads there; the answer says what the server calls it, and globs mean that."""
    async with Postgres.connect(behind(pooler, dbname="alias")) as session:
        assert (await session.identity()).database == "postgres"
        found = [table async for batch in session.tables(Globs("postgres.shop.*")) for table in batch]
    assert found


async def test_by_session_and_by_statement(embedded: Server) -> None:
    """By session it works as well; by statement no transaction can be begun, and the refusal says so."""
    with running_pooler(embedded, pool_mode="session") as pooler:
        before = state(pooler)
        await every_step_but_writing(behind(pooler))
        assert state(pooler) == before
    with running_pooler(embedded, pool_mode="statement") as pooler:
        async with Postgres.connect(behind(pooler)) as session:
            assert (await session.identity()).user == "reader"
            with pytest.raises(CheckError, match="transaction blocks not allowed in statement pooling mode"):
                [batch async for batch in session.tables(Globs())]


async def test_a_role_that_is_read_only_by_default_is_told(database: Server) -> None:
    """It is not switched to read-write behind its owner's back."""
    with database.connect() as admin:
        admin.execute(
            f"CREATE ROLE only_reads LOGIN PASSWORD '{PASSWORD}'; ALTER ROLE only_reads SET default_transaction_read_only = on"
        )
        admin.execute("CREATE SCHEMA only_reads_scratch AUTHORIZATION only_reads")
    try:
        async with Postgres.connect(database.source(user="only_reads"), read_only=False) as session:
            with pytest.raises(CheckError, match="read-only transaction") as caught:
                await session.write_and_drop("only_reads_scratch")
        assert caught.value.code is ErrorCode.PERMISSION_DENIED
    finally:
        with database.connect() as admin:
            admin.execute("DROP OWNED BY only_reads; DROP ROLE only_reads")


HOSTILE = """
    CREATE SCHEMA lured;
    GRANT ALL ON SCHEMA lured TO reader;
    CREATE TABLE lured.log (who text, what text);
    GRANT INSERT ON lured.log TO PUBLIC;
    CREATE FUNCTION lured.spy(what text) RETURNS void LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO lured.log VALUES (current_user, what); END $$;
    CREATE FUNCTION lured."left"(name, int) RETURNS text LANGUAGE plpgsql AS
        $$ BEGIN PERFORM lured.spy('left'); RETURN pg_catalog.left($1::text, $2); END $$;
    CREATE FUNCTION lured.has_schema_privilege(oid, text) RETURNS boolean LANGUAGE plpgsql AS
        $$ BEGIN PERFORM lured.spy('privilege'); RETURN true; END $$;
    CREATE FUNCTION lured.equal(name, name) RETURNS boolean LANGUAGE plpgsql AS
        $$ BEGIN PERFORM lured.spy('='); RETURN $1::text OPERATOR(pg_catalog.=) $2::text; END $$;
    CREATE OPERATOR lured.= (LEFTARG = name, RIGHTARG = name, FUNCTION = lured.equal);
    CREATE TABLE lured.pg_class (oid oid, relname text);
    CREATE DOMAIN lured.text AS pg_catalog.text CHECK (false);
    CREATE FUNCTION lured.current_database() RETURNS text LANGUAGE sql AS $$ SELECT 'lured' $$;
    CREATE FUNCTION lured.pg_get_userbyid(oid) RETURNS name LANGUAGE sql AS $$ SELECT 'lured'::name $$;
    GRANT SELECT ON ALL TABLES IN SCHEMA lured TO reader;
"""


@pytest.mark.parametrize("path", ["lured, pg_catalog", "lured, public", "nowhere", '"$user", public'])
async def test_the_answer_is_the_same_for_every_search_path(database: Server, path: str) -> None:
    """Nothing of anybody else is called, whatever stands before the server's own catalogue."""
    with database.connect() as admin:
        admin.execute("DROP SCHEMA IF EXISTS lured CASCADE")
        admin.execute(HOSTILE)  # type: ignore[arg-type]
    try:
        plain = await answers(database)
        with database.connect() as admin:
            admin.execute(f"ALTER ROLE reader SET search_path = {path}")  # type: ignore[arg-type]
        assert await answers(database) == plain
        with database.connect() as admin:
            assert admin.execute("SELECT * FROM lured.log").fetchall() == []
    finally:
        with database.connect() as admin:
            admin.execute("ALTER ROLE reader RESET search_path; DROP SCHEMA lured CASCADE")


async def answers(database: Server) -> list[Any]:
    """What every statement of ours answers, but for durations."""
    async with Postgres.connect(database.source(), read_only=False) as session:
        identity = msgspec.structs.replace(await session.identity(), stages_ms={}, address="")
        tables = [msgspec.to_builtins(table) async for batch in session.tables(Globs()) for table in batch]
        lineage = msgspec.to_builtins(await session.lineage(Globs()))
        swept = await session.sweep("scratch")
        await session.write_and_drop("scratch")
        return [identity, tables, lineage, swept]


async def test_a_test_query_keeps_the_search_path_of_its_user(database: Server) -> None:
    """It is the user's own text: names in it mean what they mean to the user."""
    with database.connect() as admin:
        admin.execute("ALTER ROLE reader SET search_path = shop")
    try:
        async with Postgres.connect(database.source()) as session:
            assert (await session.query("SHOW search_path")).value == "shop"
    finally:
        with database.connect() as admin:
            admin.execute("ALTER ROLE reader RESET search_path")


@pytest.mark.parametrize("hardening", ["pg_stat_ssl", "FUNCTION set_config(text, text, boolean)"])
async def test_a_hardened_catalogue(database: Server, hardening: str) -> None:
    """What a DBA takes away from everybody, and we can do without, is not missed."""
    what = f"EXECUTE ON {hardening}" if "FUNCTION" in hardening else f"SELECT ON {hardening}"
    with database.connect() as admin:
        admin.execute(f"REVOKE {what} FROM PUBLIC")  # type: ignore[arg-type]
    try:
        await answers(database)
    finally:
        with database.connect() as admin:
            admin.execute(f"GRANT {what} TO PUBLIC")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("encoding", "name", "shown"),
    [
        ("SQL_ASCII", b"t\xe9t", "t\ufffdt"),
        ("SQL_ASCII", "tét".encode(), "tét"),
        ("LATIN1", b"t\xe9t", "tét"),
        ("WIN1252", b"t\x81t", "t\ufffdt"),
        ("EUC_JP", "注文".encode("euc_jp"), "注文"),
        ("UTF8", "注文".encode(), "注文"),
    ],
)
async def test_text_in_any_encoding(database: Server, encoding: str, name: bytes, shown: str) -> None:
    """It arrives readable, with U+FFFD where it is no text; a name, a comment, a view, an error, a value."""
    with database.connect() as admin:
        admin.execute("DROP DATABASE IF EXISTS encoded")
        admin.execute(  # type: ignore[call-overload]
            f"CREATE DATABASE encoded ENCODING '{encoding}' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C' OWNER reader"
        )
    try:
        with database.connect(dbname="encoded", client_encoding=encoding) as admin:
            admin.execute(b'CREATE TABLE "%s" (i int); COMMENT ON TABLE "%s" IS \'%s\';' % (name, name, name))
            admin.execute(b'CREATE VIEW "v%s" AS SELECT i FROM "%s"' % (name, name))
            admin.execute(
                b"CREATE FUNCTION boom() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '%s'; END $$" % name
            )
            admin.execute(b"GRANT ALL ON ALL TABLES IN SCHEMA public TO reader")
        async with Postgres.connect(database.source(dbname="encoded")) as session:
            found = {t.name: t async for batch in session.tables(Globs()) for t in batch}
            edges = (await session.lineage(Globs())).edges
            with pytest.raises(CheckError, match=f"^{shown}$"):
                await session.query("SELECT boom()")
            value = (
                await session.query(
                    "SELECT obj_description((SELECT oid FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace), 'pg_class')"
                )
            ).value
        assert set(found) == {shown, f"v{shown}"}
        assert (found[shown].comment, value) == (shown, shown)
        assert [(edge.source.name, edge.target.name) for edge in edges] == [(shown, f"v{shown}")]
    finally:
        with database.connect() as admin:
            admin.execute("DROP DATABASE encoded")


@pytest.mark.parametrize(
    ("encoding", "name"), [("MULE_INTERNAL", "encoded"), ("EUC_TW", "encoded"), ("SQL_ASCII", "encodéd")]
)
async def test_writing_in_any_encoding(database: Server, encoding: str, name: str) -> None:
    """Also in one that Python does not know, and where the database's own name is none of its encoding."""
    with database.connect() as admin:
        admin.execute(
            f"CREATE DATABASE \"{name}\" ENCODING '{encoding}' TEMPLATE template0 "  # type: ignore[arg-type]
            "LC_COLLATE 'C' LC_CTYPE 'C' OWNER reader"
        )
    try:
        found = await temp_schema.run(check_of(database.source(dbname=name, temp_schema="public")))
        assert found.message == f'Schema "{name}"."public" is writeable'
        with pytest.raises(CheckError, match=f'"{name}"."missing"'):
            await temp_schema.run(check_of(database.source(dbname=name, temp_schema="missing")))
    finally:
        with database.connect() as admin:
            admin.execute(f'DROP DATABASE "{name}"')  # type: ignore[arg-type]


def test_the_pooler_is_one_connection(pooler: Pooler) -> None:
    """What one client sets, the next one finds: else the tests above would show nothing."""
    with pooler.connect() as one, pooler.connect() as other:
        one.execute("SET statement_timeout = '17s'")
        try:
            assert other.execute("SHOW statement_timeout").fetchone() == ("17s",)
        finally:
            one.execute("RESET statement_timeout")
    assert psycopg.pq.version()


REFUSALS = {
    "wrong password": ({"password": "wrong"}, ErrorCode.AUTHENTICATION_FAILED),
    "unknown user": ({"user": "no_such_user"}, ErrorCode.AUTHENTICATION_FAILED),
    "a database that the pooler does not know": ({"dbname": "nope"}, ErrorCode.DATABASE_NOT_FOUND),
    "a database that the server does not have": ({"dbname": "baddb"}, ErrorCode.DATABASE_NOT_FOUND),
}


@pytest.mark.parametrize("kind", REFUSALS)
async def test_what_only_a_pooler_says(embedded: Server, kind: str) -> None:
    """It has one SQLSTATE for all of it, so its words decide; the sentence is its own."""
    options, code = REFUSALS[kind]
    lines = (
        f"baddb = host=127.0.0.1 port={embedded.port} dbname=missing\npostgres = host=127.0.0.1 port={embedded.port}"
    )
    with running_pooler(embedded, lines, others=False) as pooler, pytest.raises(CheckError) as caught:
        async with Postgres.connect(behind(pooler, **options)) as session:
            await session.identity()
    assert caught.value.code is code, caught.value
    assert "pgbouncer" not in caught.value.message


async def test_a_pooler_without_room(embedded: Server) -> None:
    """No more clients, or no connection in time: full and late are told apart, and may pass by themselves."""
    with running_pooler(embedded, max_client_conn=1) as pooler, pooler.connect(), pytest.raises(CheckError) as full:
        async with Postgres.connect(behind(pooler)) as session:
            await session.identity()
    assert full.value.code is ErrorCode.TOO_MANY_CONNECTIONS
    with running_pooler(embedded, query_wait_timeout=1) as pooler, pooler.connect() as holder:
        holder.execute("BEGIN")
        with pytest.raises(CheckError) as late:
            async with Postgres.connect(behind(pooler)) as session:
                await session.identity()
    assert late.value.code is ErrorCode.TIMEOUT
    assert late.value.transient
