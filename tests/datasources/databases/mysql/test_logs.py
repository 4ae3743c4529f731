"""Which log of earlier statements is read, and what becomes of the texts in it: rules, without a server."""

import pytest

from datasources.databases.base import ColumnEdge, Lineage, LineageEdge, Origin, TableName
from datasources.databases.history.edges import Written
from datasources.databases.mysql.lineage import with_record
from datasources.databases.mysql.logs import (
    DIGEST_LOG,
    GENERAL_LOG,
    RECENT_LOG,
    SESSION_LIMIT,
    SLOW_LOG,
    TEXT_LIMIT,
    Log,
    logs_of,
    nothing_kept,
)
from datasources.databases.mysql.texts import Kept, in_sessions, parsable, statements_of

ON = {"general_log": "ON", "slow_query_log": "ON", "log_output": "TABLE", "performance_schema": "ON"}
HISTORY_LONG = "events_statements_history_long"


@pytest.mark.parametrize(
    ("changes", "off", "logs"),
    [
        ({}, set(), [GENERAL_LOG, DIGEST_LOG, RECENT_LOG, SLOW_LOG]),
        ({}, {HISTORY_LONG}, [GENERAL_LOG, DIGEST_LOG, SLOW_LOG]),
        ({}, {"global_instrumentation"}, [GENERAL_LOG, SLOW_LOG]),
        ({"log_output": "FILE"}, {HISTORY_LONG}, [DIGEST_LOG]),
        ({"log_output": "FILE,TABLE", "performance_schema": "OFF"}, set(), [GENERAL_LOG, SLOW_LOG]),
        ({"general_log": "OFF", "performance_schema": "0"}, set(), [SLOW_LOG]),
        ({"general_log": "0", "slow_query_log": "0"}, {"statements_digest"}, [RECENT_LOG]),
        ({"log_output": "NONE", "performance_schema": "OFF"}, set(), []),
    ],
)
def test_logs_that_a_server_fills(changes: dict[str, str], off: set[str], logs: list[Log]) -> None:
    """By its own variables, and by what performance_schema is told not to record; whole texts come first."""
    assert logs_of(ON | changes, frozenset(off)) == logs


def test_variables_that_a_server_does_not_have() -> None:
    """Nothing is read then."""
    assert logs_of({}, frozenset()) == []


def test_how_a_server_would_keep_statements() -> None:
    """The one thing that has to be switched on, as a statement where one does it."""
    assert "performance_schema = ON" in nothing_kept({}, "'reader'@'%'")
    assert "TO 'reader'@'%'" in nothing_kept({}, "'reader'@'%'")
    assert nothing_kept({"performance_schema": "ON"}, "").count("setup_consumers") == 1


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("REPLACE INTO a SELECT 1", "INSERT INTO a SELECT 1"),
        ("replace a SELECT 1", "INSERT INTO a SELECT 1"),
        ("INSERT LOW_PRIORITY IGNORE INTO a SELECT 1", "INSERT INTO a SELECT 1"),
        ("INSERT a SELECT 1", "INSERT INTO a SELECT 1"),
        ("/* job 7 */ -- nightly\n insert into a SELECT 1", "INSERT INTO a SELECT 1"),
        ("UPDATE LOW_PRIORITY IGNORE a SET x = 1", "UPDATE a SET x = 1"),
        ("DELETE QUICK FROM a", None),
        ("create or replace temporary table a as select 1", "create or replace temporary table a as select 1"),
        ("CREATE VIEW a AS SELECT 1", None),
        ("CREATE PROCEDURE fill() INSERT INTO a SELECT 1", None),
        ("create table a as select 1", "create table a as select 1"),
        ("WITH r AS (SELECT 1) UPDATE a JOIN r SET x = 1", "WITH r AS (SELECT 1) UPDATE a JOIN r SET x = 1"),
        ("SELECT replace(a, 'b', 'c') FROM d", None),
        ("REPLACED", None),
        ("updates", None),
        ("", None),
    ],
)
def test_words_that_sqlglot_does_not_know(text: str, read: str | None) -> None:
    """REPLACE writes as INSERT does; words for how it is done are left out; other statements are."""
    assert parsable(text) == read


@pytest.mark.parametrize(
    ("row", "digests", "written", "lost"),
    [
        (("INSERT INTO a SELECT 1", "shop"), False, [Written("INSERT INTO a SELECT 1", "shop")], 0),
        (("INSERT INTO a SELECT 1", None), False, [Written("INSERT INTO a SELECT 1")], 0),
        (("SELECT 1 FROM a JOIN b", "shop"), False, [], 0),
        (("INSERT INTO a SELECT x, y, z FR...", "shop"), False, [], 1),
        (("INSERT INTO a SELECT " + "x" * TEXT_LIMIT, "shop"), False, [], 1),
        ((None, None), True, [], 1),
        (("CREATE VIEW `a` AS SELECT ...", "shop"), True, [], 0),
        (("INSERT INTO `a` SELECT `x` FROM ...", "shop"), True, [], 1),
        (
            ("INSERT INTO `a` SELECT ?, ... , `x` FROM `b` WHERE `y` IN (...)", "shop"),
            True,
            [Written("INSERT INTO `a` SELECT ? , `x` FROM `b` WHERE `y` IN (?)", "shop")],
            0,
        ),
    ],
)
def test_texts_that_are_cut_are_unread(row: Kept, digests: bool, written: list[Written], lost: int) -> None:
    """A text without its end may read anything; one whose values are left out is whole."""
    found = statements_of([row, row], digests=digests)
    assert (found.written, found.lost) == (written, 2 * lost)


def test_the_schema_of_a_session() -> None:
    """The general log has no column for it: the last choice before the statement counts, in its own session."""
    sessions = [
        ("reader@127.0.0.1 on shop using TCP/IP", "7", "01", "Connect"),
        ("scratch", "7", "03", "Init DB"),
        ("reader@localhost on  using Socket", "8", "01", "Connect"),
        ("use `odd``name`;", "8", "05", "Query"),
        ("root@localhost on b using SSL/TLS", "9", "01", "Connect"),
        ("Access denied for user 'x'@'y'", "9", "04", "Connect"),
    ]
    at = [
        ("s", "7", "02"),
        ("s", "7", "04"),
        ("s", "8", "02"),
        ("s", "8", "06"),
        ("s", "9", "02"),
        ("s", "9", "05"),
        ("s", "10", "02"),
    ]
    found = [schema for _, schema in in_sessions(at, sessions)]
    assert found == ["shop", "scratch", "", "odd`name", "b", "", None]


def test_a_long_text_about_a_session_is_no_schema() -> None:
    """A server that sends more of it than it was asked for; a user whose name looks like the rest of the text."""
    long = ("x" + " on y using a" * 50_000 + "!", "7", "01", "Connect")
    ((_, schema),) = in_sessions([("s", "7", "02")], [long])
    assert len(schema or "") < SESSION_LIMIT
    odd = ("a on b using c@localhost on shop using TCP/IP", "7", "01", "Connect")
    assert in_sessions([("s", "7", "02")], [odd]) == [("s", "shop")]


def test_the_servers_record_and_the_texts_of_views() -> None:
    """The record says what reads what; texts add columns, and what the record hides. A view that it tells of is read."""
    orders, customer, secret = TableName("shop", "orders"), TableName("shop", "customer"), TableName("shop", "secret")
    totals, best, closed, locked = (TableName("shop", name) for name in ("totals", "best", "closed", "locked"))
    columns = [ColumnEdge("id", "id")]
    read = Lineage(
        edges=[
            LineageEdge(source=orders, target=totals, columns=["id"], column_edges=columns),
            LineageEdge(source=secret, target=totals, columns=["id"]),
        ],
        unread=[closed, locked],
    )
    record = [
        ("shop", "orders", "shop", "totals"),
        ("shop", "customer", "shop", "best"),
        ("shop", "orders", "shop", "closed"),
    ]
    found = with_record(read, record)
    recorded = Origin.dependency_record
    assert found.edges == [
        LineageEdge(source=customer, target=best, origin=recorded),
        LineageEdge(source=orders, target=closed, origin=recorded),
        LineageEdge(source=orders, target=totals, columns=["id"], column_edges=columns, origin=recorded),
        LineageEdge(source=secret, target=totals, columns=["id"]),
    ]
    assert found.unread == [locked]
