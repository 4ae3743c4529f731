"""What earlier statements have made from what, by the query log that ClickHouse's engine writes itself."""

import logging
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from datasources.databases.base import Lineage, Origin
from datasources.databases.clickhouse import Clickhouse, history, session
from datasources.databases.clickhouse.model import ClickhouseOptions, ClickhouseSource
from datasources.databases.globs import Globs
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode
from tasks.steps import lineage_download
from tests.datasources.databases.contract import check_of
from tests.fixtures.deadline import keeps_the_promise, spending
from tests.fixtures.servers.clickhouse import ClickhouseServer
from tests.fixtures.servers.database import PASSWORD
from tests.fixtures.servers.silent import MODES, lane

SECRET = "S3cret-of-a-statement"
EDGES: list[tuple[str, set[str]]] = [
    ("INSERT INTO past.{t} SELECT id, x FROM past.a", {"a"}),
    ("insert into table past.{t} (id, x)\nselect id, x from past.a", {"a"}),
    ("INSERT INTO past.{t} SELECT a.id, b.x FROM past.a AS a INNER JOIN past.b AS b ON a.id = b.id", {"a", "b"}),
    ("/* nightly */ INSERT INTO past.{t} SELECT id, x FROM past.a WHERE x IN (1, 2, 3) LIMIT 2, 5", {"a"}),
    ("-- nightly\nINSERT INTO past.{t} WITH r AS (SELECT id, x FROM past.b) SELECT id, x FROM r", {"b"}),
    ("WITH r AS (SELECT id, x FROM past.b) INSERT INTO past.{t} SELECT id, x FROM r", {"b"}),
    ("INSERT INTO past.{t} SELECT id, x FROM past.a UNION ALL SELECT id, x FROM past.b", {"a", "b"}),
    ("INSERT INTO past.{t} SELECT id, x FROM past.a FINAL WHERE id IN (SELECT id FROM past.b)", {"a", "b"}),
    ("INSERT INTO past.{t} SELECT id, anyLast(x) FROM past.a GROUP BY id SETTINGS max_threads = 1", {"a"}),
    ("INSERT INTO past.{t} SELECT id, x FROM past.a ANY LEFT JOIN past.b USING (id)", {"a", "b"}),
    ("INSERT INTO past.{t} SELECT id, arrayJoin([1, 2]) AS x FROM past.a ARRAY JOIN [1, 2] AS y", {"a"}),
    ("INSERT INTO past.{t} SELECT id, x FROM past.v", {"v"}),
    ("INSERT INTO past.{t} SELECT id, sum(x) FROM past.m GROUP BY id", {"m"}),
    ("INSERT INTO past.{t} SELECT id, x FROM past.a ORDER BY id LIMIT 1 BY id", {"a"}),
    ("INSERT INTO past.{t} SELECT id, x FROM past.a QUALIFY row_number() OVER (PARTITION BY id ORDER BY x) = 1", {"a"}),
    ("INSERT INTO past.{t} SELECT * FROM past.a PREWHERE x > 1 WHERE id > 1", {"a"}),
    ("CREATE OR REPLACE TABLE past.{t} ENGINE = MergeTree ORDER BY id AS SELECT id, x FROM past.a", {"a"}),
    (
        "INSERT INTO past.{t} SELECT id, x FROM (SELECT id, x FROM past.b) AS s WHERE id = (SELECT max(id) FROM past.a)",
        {"a", "b"},
    ),
    ("INSERT INTO past.b SELECT id, x FROM past.a", set()),
]
"""Statements that fill the table `t` of their own, and what each reads in `past`; the last fills one that a view feeds on."""
NOTHING = [
    "INSERT INTO past.{t} VALUES (1, 2), (3, 4)",
    "INSERT INTO past.{t} SELECT number, number FROM numbers(3)",
    "INSERT INTO past.{t} SELECT id + 10, x FROM past.{t}",
    "CREATE OR REPLACE TABLE past.{t} AS past.a",
    "CREATE VIEW past.w AS SELECT id, x FROM past.b",
    "INSERT INTO past.{t} SELECT id, no_such_column FROM past.a",
    "SELECT a.x FROM past.a AS a JOIN past.b AS b ON a.id = b.id",
    "INSERT INTO FUNCTION null('id Int32, x Int32') SELECT id, x FROM past.a",
]
"""Statements that fill nothing from another table."""


def source(server: ClickhouseServer, user: str = "historian", **more: Any) -> ClickhouseSource:
    """As a user who may read the query log, or as one who may not."""
    options = ClickhouseOptions(
        host="127.0.0.1", port=server.port, user=user, password=PASSWORD, database="shop", tls="off",
        allow_cleartext_password=True,
    )  # fmt: skip
    return ClickhouseSource(name="real", connection_timeout=5, options=options, **more)


def attempt(server: ClickhouseServer, statement: str) -> None:
    """Run it; it may fail."""
    try:
        server.run(statement)
    except AssertionError:
        return


@pytest.fixture(scope="module")
def past(clickhouse: ClickhouseServer) -> Iterator[ClickhouseServer]:
    """A database of the past: two tables, a view, and one that fills a table whenever another is written."""
    clickhouse.run(
        "CREATE DATABASE past",
        *(f"CREATE TABLE past.{name} (id Int32, x Int32) ENGINE = ReplacingMergeTree ORDER BY id" for name in "ab"),
        "CREATE TABLE past.sums (id Int32, x Int64) ENGINE = SummingMergeTree ORDER BY id",
        "CREATE VIEW past.v AS SELECT id, x FROM past.a",
        "CREATE MATERIALIZED VIEW past.m TO past.sums AS SELECT id, toInt64(x) AS x FROM past.b",
        "CREATE MATERIALIZED VIEW past.own ENGINE = MergeTree ORDER BY id AS SELECT id, x FROM past.b",
    )
    yield clickhouse
    clickhouse.run("DROP DATABASE past")


async def lineage(server: ClickhouseServer, user: str = "historian", **more: Any) -> Lineage:
    """What this user learns of `past`."""
    async with Clickhouse.connect(source(server, user, **more)) as opened:
        return await opened.lineage(Globs("past.*"))


def made(found: Lineage) -> set[tuple[str, str]]:
    """The edges of the history."""
    return {(str(edge.source), str(edge.target)) for edge in found.edges if edge.origin is Origin.query_history}


def forget(server: ClickhouseServer) -> None:
    """All that was logged."""
    server.run("SYSTEM FLUSH LOGS", "DROP TABLE system.query_log")


def work(server: ClickhouseServer, statements: list[str]) -> None:
    """Run these, on tables of their own, and have the log written; one that fails has failed."""
    for number, statement in enumerate(statements):
        create = f"CREATE OR REPLACE TABLE past.t{number} (id Int32, x Int32) ENGINE = ReplacingMergeTree ORDER BY id"
        server.run(create)
        attempt(server, statement.format(t=f"t{number}"))
    server.run("SYSTEM FLUSH LOGS")


async def test_what_statements_have_made(past: ClickhouseServer) -> None:
    """Every edge of a table of statements, and none beside them."""
    forget(past)
    work(past, [statement for statement, _ in EDGES] + NOTHING)
    found = await lineage(past)
    expected = {(f"past.{name}", f"past.t{number}") for number, (_, names) in enumerate(EDGES) for name in names} | {
        ("past.a", "past.b")
    }
    assert found.history is not None
    assert made(found) == expected
    assert found.history.unread == 0
    assert found.history.missing is None


async def test_views_that_fill_tables(past: ClickhouseServer) -> None:
    """A materialized view with `TO` has its sources and its target, down to columns; one without keeps its own rows."""
    found = {(str(edge.source), str(edge.target)): edge for edge in (await lineage(past, "reader")).edges}
    assert found["past.b", "past.m"].columns == ["id", "x"]
    filled = found["past.m", "past.sums"]
    assert (filled.origin, filled.columns) == (Origin.dependency_record, ["id", "x"])
    assert [(pair.source, pair.target) for pair in filled.column_edges] == [("id", "id"), ("x", "x")]
    assert {target for source, target in found if source == "past.own"} == set()


async def test_a_log_that_is_not_granted(past: ClickhouseServer) -> None:
    """The grant is named, in the step's message as well, and the lineage of views is there."""
    found = await lineage(past, "reader")
    assert found.history is not None
    assert found.history.missing == "GRANT SELECT ON system.query_log TO `default`"
    assert ("past.a", "past.v") in {(str(edge.source), str(edge.target)) for edge in found.edges}
    shown = await lineage_download.run(check_of(source(past, "reader")))
    assert "GRANT SELECT ON system.query_log" in shown.message


async def test_a_log_that_was_never_written(past: ClickhouseServer) -> None:
    """The server makes the table later: that is told, and is no fault."""
    forget(past)
    found = await lineage(past)
    assert found.history is not None
    assert "system.query_log is not there" in (found.history.missing or "")
    assert not found.history.kept
    assert ("past.a", "past.v") in {(str(edge.source), str(edge.target)) for edge in found.edges}


@pytest.mark.parametrize("answer", ["SELECT no_such_column, '', []", "SELECT noSuchFunction(), '', []"])
async def test_a_log_of_an_old_version(past: ClickhouseServer, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    """It lacks what is asked for: that is told, and the lineage of views is there."""
    monkeypatch.setattr(history, "STATEMENTS", answer)
    found = await lineage(past)
    assert found.history is not None
    assert found.history.missing == history.OLD
    assert ("past.a", "past.v") in {(str(edge.source), str(edge.target)) for edge in found.edges}


async def test_a_log_that_takes_long_to_search(past: ClickhouseServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up over there, and told."""
    slow = "SELECT count(), '', [] FROM numbers(100000000000) WHERE sipHash64(number) = 1"
    monkeypatch.setattr(history, "STATEMENTS", slow)
    found = await lineage(past, query_timeout=4)
    assert found.history is not None
    assert "could not be searched within 1 s" in (found.history.missing or "")
    assert ("past.a", "past.v") in {(str(edge.source), str(edge.target)) for edge in found.edges}


async def test_no_part_of_a_statement_leaves_the_process(
    past: ClickhouseServer, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Values do not even leave the server; of the rest, results, errors and logs have nothing (security row 8)."""
    caplog.set_level(logging.DEBUG)
    forget(past)
    statements = [
        f"INSERT INTO past.{{t}} SELECT id, length('{SECRET}') FROM past.a",
        f"INSERT INTO past.{{t}} SELECT id, x AS `{SECRET}` FROM past.a",
        f"CREATE TABLE past.other (`{SECRET}` Int32) ENGINE = Memory AS SELECT x AS `{SECRET}` FROM past.a",
    ]
    work(past, statements)
    async with Clickhouse.connect(source(past)) as opened:
        rows = await opened._asker.rows(history.STATEMENTS)  # type: ignore[attr-defined]
    past.run("DROP TABLE past.other")
    found = await lineage(past)
    shown = await lineage_download.run(check_of(source(past)))
    assert len(rows) == len(statements)
    assert not [text for text, _, _ in rows if f"'{SECRET}'" in text]
    assert found.history is not None
    assert found.history.statements == len(statements)
    said = [msgspec.json.encode(found).decode(), str(shown), caplog.text, *capfd.readouterr()]
    assert not [text for text in said if SECRET in text]


@pytest.mark.parametrize("mode", MODES)
async def test_a_server_that_turns_bad(past: ClickhouseServer, monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    """Silent, dripping or half-closing when it is asked for its history: the limit holds."""

    async def once() -> float:
        with lane(past.port) as way, spending() as spent:

            async def turned(*args: Any) -> Any:
                way.turn(mode)
                return await history.read_history(*args)

            monkeypatch.setattr(session, "read_history", turned)
            with pytest.raises(CheckError) as caught:
                async with Clickhouse.connect(source(ClickhouseServer(way.port), query_timeout=1)) as opened:
                    await opened.lineage(Globs())
        assert caught.value.code in {ErrorCode.TIMEOUT, ErrorCode.CONNECTION_ERROR}
        return spent.seconds

    await keeps_the_promise(1, once)


async def test_a_server_that_floods(past: ClickhouseServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it sends is counted, and the verdict names the server (security row 16)."""
    monkeypatch.setattr(history, "STATEMENTS", "SELECT repeat('x', 600000), repeat('y', 600000), []")
    monkeypatch.setattr(history, "HISTORY_BYTES", 2**20)
    with pytest.raises(CheckError, match="sent more than 1 MB"):
        await lineage(past)


@pytest.mark.parametrize("answer", ["SELECT 1", "SELECT 1, 2, 3", "SELECT 'x', NULL, NULL", "SELECT 'x', [], ['y']"])
async def test_a_server_that_answers_something_else(
    past: ClickhouseServer, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    """It breaks the protocol; nothing foreign is raised."""
    monkeypatch.setattr(history, "STATEMENTS", answer)
    with pytest.raises(CheckError, match="breaks the protocol"):
        await lineage(past)
