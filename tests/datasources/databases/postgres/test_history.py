"""What earlier statements have made from what, as pg_stat_statements of both versions of PostgreSQL remembers it."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from datasources.databases.base import Lineage, Origin
from datasources.databases.globs import Globs
from datasources.databases.postgres import Postgres
from datasources.databases.postgres.history import stat_statements
from datasources.databases.postgres.model import PgOptions, PgSource
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode
from tasks.steps import lineage_download
from tests.datasources.databases.contract import check_of
from tests.fixtures.servers.database import DEBIAN, PASSWORD, Server, embedded_binaries, running
from tests.fixtures.servers.pooler import running_pooler
from tests.fixtures.skips import absent

DATABASE = "past"
TABLES = """
CREATE SCHEMA etl; CREATE SCHEMA other; CREATE SCHEMA ext; CREATE EXTENSION pg_stat_statements SCHEMA ext;
CREATE TABLE etl.raw (id int, amount numeric, at timestamptz, note text, doc jsonb);
CREATE TABLE etl.clean (id int PRIMARY KEY, amount numeric);
CREATE TABLE etl.daily (day date, total numeric);
CREATE TABLE etl.archive (LIKE etl.raw); CREATE TABLE etl.dim (id int); CREATE TABLE etl.first (id int);
CREATE TABLE etl.second (id int); CREATE TABLE etl."Mixed Case" ("Id" int); CREATE TABLE public.solo (id int);
CREATE TABLE etl.twin (id int); CREATE TABLE other.twin (id int); CREATE TABLE etl.target (id int);
CREATE TABLE etl.prepared (id int); CREATE TABLE etl.typed (id int); CREATE TABLE etl.shadow (id int);
CREATE TABLE etl.hidden (id int); CREATE TABLE etl.explained (id int); CREATE TABLE etl.parent (id int PRIMARY KEY);
CREATE TABLE etl.ways (id int); CREATE TABLE etl.nested (id int);
GRANT USAGE ON SCHEMA etl, other TO reader; GRANT SELECT ON ALL TABLES IN SCHEMA etl, other, public TO reader;
"""
DONE: list[tuple[str, set[tuple[str, str]]]] = [
    (
        "INSERT INTO etl.clean SELECT id, sum(amount) FROM etl.raw WHERE at > now() - interval '1 day' GROUP BY id",
        {("etl.raw", "etl.clean")},
    ),
    (
        "INSERT INTO etl.clean SELECT id, 0 FROM etl.dim WHERE id IN (7, 8, 9)"
        " ON CONFLICT (id) DO UPDATE SET amount = EXCLUDED.amount",
        {("etl.dim", "etl.clean")},
    ),
    (
        "CREATE TABLE etl.made AS SELECT extract(year FROM at) AS year FROM etl.raw WHERE note LIKE 'a%'",
        {("etl.raw", "etl.made")},
    ),
    ("SELECT id INTO etl.into_made FROM etl.dim", {("etl.dim", "etl.into_made")}),
    (
        "MERGE INTO etl.dim AS d USING etl.clean AS c ON d.id = c.id WHEN NOT MATCHED THEN INSERT VALUES (c.id)",
        {("etl.clean", "etl.dim")},
    ),
    (
        "UPDATE etl.daily AS d SET total = s.total FROM (SELECT sum(amount) AS total FROM etl.clean) AS s"
        " WHERE d.day = date '2026-01-01'",
        {("etl.clean", "etl.daily")},
    ),
    ("UPDATE etl.daily SET total = (SELECT count(*) FROM etl.raw)", {("etl.raw", "etl.daily")}),
    ("DELETE FROM etl.raw AS r USING etl.archive AS a WHERE r.id = a.id", set()),
    (
        "WITH moved AS (DELETE FROM etl.raw WHERE at < timestamp '2020-01-01' RETURNING *)"
        " INSERT INTO etl.archive SELECT * FROM moved",
        {("etl.raw", "etl.archive")},
    ),
    (
        "WITH added AS (INSERT INTO etl.first SELECT id FROM etl.dim RETURNING id)"
        " INSERT INTO etl.second SELECT id FROM added",
        {("etl.dim", "etl.first"), ("etl.first", "etl.second"), ("etl.dim", "etl.second")},
    ),
    ('INSERT INTO etl."Mixed Case" ("Id") SELECT id FROM etl.raw', {("etl.raw", "etl.Mixed Case")}),
    ("INSERT INTO solo SELECT id FROM etl.dim", {("etl.dim", "public.solo")}),
    (
        "INSERT INTO etl.typed SELECT id FROM etl.raw WHERE at::date = date '2026-01-01' AND doc ->> 'a' = 'b'"
        " AND substring(note from 1 for 2) = 'x' ORDER BY id LIMIT 10 OFFSET 5",
        {("etl.raw", "etl.typed")},
    ),
    ("WITH dim AS (SELECT * FROM etl.dim) INSERT INTO etl.shadow SELECT * FROM dim", {("etl.dim", "etl.shadow")}),
    (
        "INSERT INTO etl.nested SELECT r.id FROM etl.raw AS r, LATERAL (SELECT d.id FROM etl.dim AS d WHERE d.id = r.id)"
        " AS x, generate_series(1, 3) AS n",
        {("etl.raw", "etl.nested"), ("etl.dim", "etl.nested")},
    ),
    ("CREATE TABLE etl.tabled AS TABLE etl.dim", {("etl.dim", "etl.tabled")}),
    ("PREPARE p (int) AS INSERT INTO etl.prepared SELECT id FROM etl.dim WHERE id = $1", set()),
    ("EXECUTE p (1)", {("etl.dim", "etl.prepared")}),
    ("COPY (SELECT * FROM etl.raw) TO STDOUT", set()),
    ("CREATE TABLE etl.child (id int REFERENCES etl.parent (id))", set()),
    ("CREATE TABLE etl.alike (LIKE etl.dim INCLUDING ALL)", set()),
    ("INSERT INTO etl.clean VALUES (1, 2) ON CONFLICT DO NOTHING", set()),
    ("EXPLAIN INSERT INTO etl.explained SELECT id FROM etl.raw", set()),
    ("CREATE VIEW etl.seen AS SELECT id FROM etl.clean", {("etl.clean", "etl.seen")}),
    (
        "CREATE FUNCTION etl.f() RETURNS void LANGUAGE sql AS 'INSERT INTO etl.explained SELECT id FROM etl.raw'",
        set(),
    ),
    ("CREATE ROLE past_secret PASSWORD 's3cret-into-select'", set()),
    ("DROP ROLE past_secret", set()),
]  # fmt: skip
UNCERTAIN = [
    "SET search_path = other, etl",
    "INSERT INTO twin SELECT id FROM etl.raw",
    "CREATE TEMP TABLE explained AS SELECT 1 AS id",
    "INSERT INTO etl.target SELECT id FROM explained",
    "RESET search_path",
    "DO $$ BEGIN INSERT INTO etl.hidden SELECT id FROM etl.raw; END $$",
]
"""A name that two tables have, one that a temporary table had, and a block: three that cannot be understood."""
NOT_UNDERSTOOD = 3
STATEMENTS = 18
"""That fill a table from others; the two with names that are not certain among them."""
EDGES = set[tuple[str, str]]().union(*(made for _, made in DONE))


def run(session: "psycopg.Connection[Any]", statement: str) -> None:
    if not statement.startswith("COPY"):
        session.execute(statement)  # type: ignore[arg-type]
        return
    with session.cursor().copy(statement) as copy:  # type: ignore[arg-type]
        list(copy)


@pytest.fixture(scope="module")
def past(database: Server) -> Iterator[Server]:
    """A database in which all of this was done, and a role that may read all statistics."""
    with database.connect() as session:
        session.execute(f"CREATE DATABASE {DATABASE}")  # type: ignore[arg-type]
        session.execute(f"CREATE ROLE watcher LOGIN PASSWORD '{PASSWORD}' IN ROLE pg_read_all_stats, reader")  # type: ignore[arg-type]
    try:
        with database.connect(dbname=DATABASE) as session:
            session.prepare_threshold = None
            session.execute(TABLES)  # type: ignore[arg-type]
            session.execute("GRANT USAGE ON SCHEMA ext TO reader")
            for statement in [*(sql for sql, _ in DONE), *UNCERTAIN]:
                run(session, statement)
        yield database
    finally:
        with database.connect() as session:
            session.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")  # type: ignore[arg-type]
            session.execute("DROP ROLE watcher")


async def lineage(server: Server, **options: Any) -> Lineage:
    """What is found there."""
    async with Postgres.connect(server.source(**({"dbname": DATABASE} | options))) as session:
        return await session.lineage(Globs())


def named(found: Lineage) -> set[tuple[str, str]]:
    """The ends of its edges."""
    return {(str(edge.source), str(edge.target)) for edge in found.edges}


@pytest.mark.parametrize("user", ["postgres", "watcher"])
async def test_every_edge_and_no_other(past: Server, user: str) -> None:
    """Precision and recall are 1 over these statements; what cannot be understood is counted."""
    with past.connect(dbname=DATABASE) as session:
        session.execute("GRANT SELECT ON ALL TABLES IN SCHEMA etl TO reader")
    found = await lineage(past, user=user)
    assert named(found) == EDGES
    assert {edge.origin for edge in found.edges if str(edge.target) != "etl.seen"} == {Origin.query_history}
    assert found.history is not None
    assert (found.history.unread, found.history.missing) == (NOT_UNDERSTOOD, None)
    assert found.history.statements == STATEMENTS


async def test_the_statements_of_others(past: Server) -> None:
    """Without the right there are the user's own alone; the grant is named, in the message, too."""
    found = await lineage(past)
    assert named(found) == {("etl.clean", "etl.seen")}
    assert found.history is not None
    assert (found.history.missing or "").startswith('GRANT pg_read_all_stats TO "reader"')
    with past.connect(dbname=DATABASE) as session:
        session.execute("CREATE TABLE etl.readers (id int)")
        session.execute("GRANT SELECT, INSERT ON etl.readers TO reader")
        with past.connect(dbname=DATABASE, user="reader") as own:
            own.execute("INSERT INTO etl.readers SELECT id FROM etl.dim WHERE id > 5")
        try:
            assert named(await lineage(past)) == {("etl.clean", "etl.seen"), ("etl.dim", "etl.readers")}
        finally:
            session.execute("DROP TABLE etl.readers")
    shown = await lineage_download.run(check_of(past.source(dbname=DATABASE)))
    assert 'GRANT pg_read_all_stats TO "reader"' in shown.message


async def test_rights_on_the_extension(past: Server) -> None:
    """Its schema and its view may be closed: each has its grant."""
    with past.connect(dbname=DATABASE) as session:
        session.execute("REVOKE USAGE ON SCHEMA ext FROM reader; REVOKE SELECT ON ext.pg_stat_statements FROM PUBLIC")
        try:
            found = await lineage(past)
        finally:
            session.execute("GRANT USAGE ON SCHEMA ext TO reader; GRANT SELECT ON ext.pg_stat_statements TO PUBLIC")
    assert found.history is not None
    assert found.history.missing == (
        'GRANT USAGE ON SCHEMA "ext" TO "reader"; GRANT SELECT ON "ext"."pg_stat_statements" TO "reader"'
    )


async def test_behind_a_pooler(past: Server) -> None:
    """With one connection, which another client finds as it was."""
    with running_pooler(past) as pooler:
        facts = PgOptions(**pooler.options(dbname=DATABASE, user="postgres"))
        async with Postgres.connect(PgSource(name="pooled", options=facts)) as session:
            assert named(await session.lineage(Globs())) == EDGES
        with pooler.connect(dbname=DATABASE, user="postgres") as client:
            assert client.execute("SHOW statement_timeout").fetchone() == ("0",)
            assert client.execute("SHOW search_path").fetchone() == ('"$user", public',)


async def test_lists_are_about_both_ends(past: Server) -> None:
    """An edge that the history has is wanted as any other is."""
    async with Postgres.connect(past.source(dbname=DATABASE, user="postgres")) as session:
        found = await session.lineage(Globs("etl.dim\netl.first"))
    assert named(found) == {("etl.dim", "etl.first")}


async def test_a_database_without_it(database: Server) -> None:
    """Nothing is claimed: the details say how there would be a history, and the message stays as published."""
    shown = await lineage_download.run(check_of(database.source()))
    assert shown.message == "Lineage fetched"
    assert shown.details["history"]["kept"] is False
    assert "CREATE EXTENSION pg_stat_statements" in shown.details["history"]["missing"]


async def test_a_table_of_that_name(database: Server) -> None:
    """What others have called like the extension's view is none of it, and is not read."""
    with database.connect() as session:
        session.execute(
            "CREATE TABLE shop.pg_stat_statements (query text); GRANT SELECT ON shop.pg_stat_statements TO reader"
        )
        try:
            found = await lineage(database, dbname="postgres")
        finally:
            session.execute("DROP TABLE shop.pg_stat_statements")
    assert found.history is not None
    assert found.history.kept is False


@pytest.mark.parametrize("binaries", ["embedded", "debian"])
async def test_a_library_that_is_not_loaded(binaries: str) -> None:
    """The extension alone counts nothing: what is to be done is told, and the rest of the lineage is there."""
    if binaries == "debian" and not DEBIAN.exists():
        absent(f"no PostgreSQL at {DEBIAN}: install the package postgresql-15")
    place: Path = DEBIAN if binaries == "debian" else embedded_binaries()
    with running(place, tls=False) as server:
        with server.connect() as session:
            session.execute('CREATE SCHEMA "odd "" name"; CREATE EXTENSION pg_stat_statements SCHEMA "odd "" name"')
            session.execute('GRANT USAGE ON SCHEMA "odd "" name" TO reader')
        found = await lineage(server, dbname="postgres")
    assert found.history is not None
    assert (found.history.missing, found.history.kept) == (stat_statements.PRELOAD, True)
    assert ("shop.orders", "shop.totals") in named(found)


async def test_the_limit_of_the_server() -> None:
    """A server that takes too long over its history costs the history, not what was read before; a lost one costs all."""

    async def refused(state: str, code: ErrorCode) -> str | None:
        async def read(statement: str, kind: Any) -> list[Any]:
            if statement is stat_statements.EXTENSION:
                return [stat_statements.Extension("ext", True, True)]
            raise CheckError(code, "said", {"stage": "history", "sqlstate": state})

        return (await stat_statements.remembered(read, "reader")).missing

    for state in ("57014", "55P03"):
        assert await refused(state, ErrorCode.TIMEOUT) == "the server refused it: said"
    assert await refused("22021", ErrorCode.QUERY_ERROR) == "the server refused it: said"
    with pytest.raises(CheckError):
        await refused("57P01", ErrorCode.CONNECTION_ERROR)


async def test_no_text_leaves(past: Server, caplog: pytest.LogCaptureFixture) -> None:
    """Statements may have passwords in them: neither the answer nor a log has a word of one."""
    with caplog.at_level(logging.DEBUG):
        shown = await lineage_download.run(check_of(past.source(dbname=DATABASE, user="postgres")))
    assert "s3cret-into-select" not in f"{shown.message} {shown.details} {caplog.text}"
    with past.connect(dbname=DATABASE) as session:
        kept = session.execute("SELECT count(*) FROM ext.pg_stat_statements WHERE query LIKE '%s3cret-into-select%'")
        assert kept.fetchone() != (0,)
