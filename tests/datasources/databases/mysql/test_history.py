"""What earlier statements have made from what: read from each log that MariaDB keeps, where it is on and granted."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import msgspec
import pymysql
import pytest

from datasources.databases.base import Lineage, Origin, TableName
from datasources.databases.globs import Globs
from datasources.databases.mysql import Mariadb, Mysql, history, session
from datasources.databases.mysql.model import MariadbSource, MysqlOptions, MysqlSource
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode
from tasks.steps import lineage_download
from tests.datasources.databases.contract import check_of
from tests.doubles.mysql8 import says_mysql
from tests.fixtures.deadline import keeps_the_promise, spending
from tests.fixtures.servers.database import PASSWORD
from tests.fixtures.servers.mariadb import MariaServer
from tests.fixtures.servers.silent import MODES, lane

SECRET = "S3cret-of-a-statement"
EDGES: list[tuple[str, set[str]]] = [
    ("INSERT INTO {t} SELECT id, x FROM a", {"a"}),
    ("insert ignore into past.{t} (id, x)\nselect id, x from past.a", {"a"}),
    ("INSERT LOW_PRIORITY INTO {t} SELECT a.id, b.x FROM a JOIN b ON a.id = b.id", {"a", "b"}),
    ("/* job: nightly */ INSERT INTO {t} SELECT id, x FROM a", {"a"}),
    ("-- nightly\nINSERT INTO {t} SELECT id, x FROM a", {"a"}),
    ("INSERT INTO {t} SELECT id, x FROM a ON DUPLICATE KEY UPDATE x = VALUES(x) + 1", {"a"}),
    ("INSERT INTO {t} WITH r AS (SELECT id, x FROM b) SELECT id, x FROM r", {"b"}),
    ("INSERT INTO {t} SELECT id, x FROM a WHERE x IN (1, 2, 3) AND id BETWEEN 1 AND 9 LIMIT 5", {"a"}),
    ("INSERT INTO {t} SELECT id, x FROM a UNION ALL SELECT id + 100, x FROM b", {"a", "b"}),
    ("INSERT INTO {t} SET id = 1, x = (SELECT max(x) FROM b)", {"b"}),
    ("REPLACE INTO {t} SELECT id, x FROM a", {"a"}),
    ("REPLACE {t} (id, x) SELECT id, x FROM b", {"b"}),
    ("CREATE OR REPLACE TABLE {t} AS SELECT id, x FROM a", {"a"}),
    ("CREATE OR REPLACE TABLE {t} (id int PRIMARY KEY, x int) ENGINE = InnoDB SELECT id, x FROM b", {"b"}),
    ("CREATE OR REPLACE TABLE {t} SELECT id, x FROM a WHERE id IN (SELECT id FROM b)", {"a", "b"}),
    ("UPDATE {t} JOIN a ON a.id = {t}.id SET {t}.x = a.x", {"a"}),
    ("UPDATE a JOIN {t} AS o ON a.id = o.id SET o.x = a.x, o.id = a.id", {"a"}),
    ("UPDATE {t}, a SET {t}.x = a.x WHERE a.id = {t}.id", {"a"}),
    (
        "UPDATE LOW_PRIORITY {t} LEFT JOIN (SELECT id, max(x) AS x FROM b GROUP BY id) AS m USING (id) SET {t}.x = m.x",
        {"b"},
    ),
    ("UPDATE {t} SET x = (SELECT max(x) FROM a WHERE a.id = {t}.id)", {"a"}),
    ("INSERT INTO {t} SELECT id, count(*) OVER (PARTITION BY x) FROM a", {"a"}),
    ("INSERT INTO {t} SELECT id, x FROM v", {"v"}),
    ("INSERT INTO {t} SELECT id, x FROM events", {"events"}),
    ("INSERT INTO past.{t} SELECT o.id, o.customer_id FROM shop.orders AS o", {"shop.orders"}),
]
"""Statements that fill the table `t` of their own, and what each reads; tables without a schema are in `past`."""
NOTHING = [
    "INSERT INTO {t} VALUES (1, 2), (3, 4)",
    "INSERT INTO {t} SELECT 1, 2",
    "INSERT INTO {t} SELECT id + 10, x FROM {t}",
    "UPDATE {t} SET x = 1, id = 2 WHERE id = 3",
    "DELETE {t} FROM {t} JOIN a ON a.id = {t}.id",
    "DELETE FROM {t} USING {t} JOIN a ON a.id = {t}.id",
    "DELETE FROM {t} WHERE id IN (SELECT id FROM a)",
    "CREATE OR REPLACE TABLE {t} LIKE a",
    "CREATE OR REPLACE VIEW w AS SELECT id, x FROM b",
    "CREATE TEMPORARY TABLE scribbled AS SELECT id, x FROM a",
    "INSERT INTO {t} SELECT id, x FROM a WHERE no_such_column = 1",
    "CREATE OR REPLACE PROCEDURE fill() INSERT INTO b SELECT id, x FROM a",
    "SELECT a.x FROM a JOIN b ON a.id = b.id",
]
"""Statements that fill nothing from another table."""
UNREAD = ["UPDATE {t} JOIN c ON c.id = {t}.id SET x = c.y"]
"""Statements of which the text does not say what they fill."""


class Historian:
    """A user whose grants a test chooses."""

    def __init__(self, server: MariaServer) -> None:
        self.server = server
        self.port = server.port

    def source(self, **more: Any) -> MariadbSource:
        """As this user."""
        options = MysqlOptions(host="127.0.0.1", port=self.port, user="historian", password=PASSWORD, db="shop")
        return MariadbSource(name="real", connection_timeout=5, options=options, **more)

    @contextmanager
    def granted(self, *tables: str) -> Iterator[None]:
        """With the right to read these."""
        self.server.run(*(f"GRANT SELECT ON {table} TO historian" for table in tables))
        try:
            yield
        finally:
            self.server.run(*(f"REVOKE SELECT ON {table} FROM historian" for table in tables))

    @contextmanager
    def set(self, **variables: str) -> Iterator[None]:
        """With these global variables."""
        names = ", ".join(f"'{name}'" for name in ("", *variables))
        (rows,) = self.server.run(f"SHOW GLOBAL VARIABLES WHERE Variable_name IN ({names})")
        before = {name: value if value[0].isdigit() else f"'{value}'" for name, value in rows}
        self.server.run(*(f"SET GLOBAL {name} = {value}" for name, value in variables.items()))
        try:
            yield
        finally:
            self.server.run(*(f"SET GLOBAL {name} = {before[name]}" for name in reversed(variables)))

    def forget(self) -> None:
        """All that was logged."""
        self.server.run(
            "TRUNCATE performance_schema.events_statements_summary_by_digest",
            "TRUNCATE performance_schema.events_statements_history_long",
            "TRUNCATE mysql.general_log",
            "TRUNCATE mysql.slow_log",
        )

    def work(self, statements: Sequence[str]) -> None:
        """Run these in the schema `past`, on tables of their own; one that fails has failed."""
        session = pymysql.connect(
            host="127.0.0.1", port=self.server.port, user="root", database="past", autocommit=True, ssl_disabled=True
        )
        with session, session.cursor() as cursor:
            for number, statement in enumerate(statements):
                cursor.execute(f"CREATE OR REPLACE TABLE t{number} (id int, x int)")
                with suppress(pymysql.MySQLError):
                    cursor.execute(statement.format(t=f"t{number}"))


@pytest.fixture(scope="module")
def historian(mariadb: MariaServer) -> Iterator[Historian]:
    """A schema of the past, and who may read it."""
    mariadb.run(
        "CREATE DATABASE past",
        "CREATE TABLE past.a (id int, x int)",
        "CREATE TABLE past.b (id int, x int)",
        "CREATE TABLE past.c (id int, y int)",
        "CREATE TABLE past.events (id int, x int)",
        "CREATE VIEW past.v AS SELECT id, x FROM past.a",
        f"CREATE USER historian IDENTIFIED BY '{PASSWORD}'",
        "GRANT SELECT, SHOW VIEW ON shop.* TO historian",
        "GRANT SELECT, SHOW VIEW ON past.* TO historian",
    )
    yield Historian(mariadb)
    mariadb.run("DROP USER historian", "DROP DATABASE past")


async def lineage(historian: Historian, **more: Any) -> Lineage:
    """What this user learns of `past`."""
    async with Mariadb.connect(historian.source(**more)) as opened:
        return await opened.lineage(Globs("past.*\nshop.*"))


def made(found: Lineage) -> set[tuple[str, str]]:
    """The edges of the history."""
    return {(str(edge.source), str(edge.target)) for edge in found.edges if edge.origin is Origin.query_history}


def expected(statements: Sequence[tuple[str, set[str]]]) -> set[tuple[str, str]]:
    """The edges of these statements."""
    return {
        (name if "." in name else f"past.{name}", f"past.t{number}")
        for number, (_, names) in enumerate(statements)
        for name in names
    }


ALL = [statement for statement, _ in EDGES] + NOTHING + UNREAD


@pytest.mark.parametrize(
    ("variables", "grants", "log"),
    [
        ({"log_output": "'TABLE'", "general_log": "1"}, ["mysql.general_log"], "mysql.general_log"),
        ({}, ["performance_schema.*"], "performance_schema.events_statements_summary_by_digest"),
        (
            {"log_output": "'TABLE'", "slow_query_log": "1", "long_query_time": "0"},
            ["mysql.slow_log"],
            "mysql.slow_log",
        ),
    ],
    ids=["general_log", "digests", "slow_log"],
)
async def test_what_statements_have_made(
    historian: Historian, variables: dict[str, str], grants: list[str], log: str
) -> None:
    """Every edge of a table of statements, and none beside them; what is not understood counts as that."""
    historian.forget()
    with historian.set(**variables):
        historian.work(ALL)
    with (
        historian.set(**{name: value for name, value in variables.items() if name != "long_query_time"}),
        historian.granted(*grants),
    ):
        found = await lineage(historian)
    assert found.history is not None
    assert found.history.read_from.startswith(log)
    assert found.history.missing is None
    failed = {("past.a", f"past.t{ALL.index(NOTHING[-3])}")} if "general" in log or "slow" in log else set()
    assert made(found) == expected(EDGES) | failed
    assert found.history.unread == len(UNREAD)


@pytest.mark.parametrize(
    ("variables", "grants", "missing", "kept"),
    [
        (
            {"log_output": "'TABLE'", "general_log": "1"},
            [],
            "GRANT SELECT ON mysql.general_log TO 'historian'@'%'",
            True,
        ),
        ({}, [], "GRANT SELECT ON performance_schema.* TO 'historian'@'%'", True),
        (
            {"log_output": "'TABLE'", "slow_query_log": "1"},
            [],
            "GRANT SELECT ON mysql.slow_log TO 'historian'@'%'",
            True,
        ),
    ],
    ids=["general_log", "performance_schema", "slow_log"],
)
async def test_what_is_not_granted_is_named(
    historian: Historian, variables: dict[str, str], grants: list[str], missing: str, kept: bool
) -> None:
    """With its statement, in the step's message as well; the lineage of views is there."""
    with historian.set(**variables):
        found = await lineage(historian)
        shown = await lineage_download.run(check_of(historian.source()))
    assert found.history is not None
    assert missing in (found.history.missing or "")
    assert found.history.kept is kept
    assert missing in shown.message
    assert ("past.a", "past.v") in {(str(edge.source), str(edge.target)) for edge in found.edges}


async def test_a_server_that_records_nothing(historian: Historian) -> None:
    """Nothing is on that could be read, and what would switch it on is told."""
    consumers = "UPDATE performance_schema.setup_consumers SET ENABLED = '{on}' WHERE NAME = 'statements_digest'"
    historian.server.run(consumers.format(on="NO"))
    try:
        with historian.granted("performance_schema.*"):
            found = await lineage(historian)
    finally:
        historian.server.run(consumers.format(on="YES"))
    assert found.history is not None
    assert "setup_consumers SET ENABLED = 'YES'" in (found.history.missing or "")
    assert not found.history.kept


async def test_the_latest_statements_of_performance_schema(historian: Historian) -> None:
    """Where digests are not recorded and the history is: texts are cut at 1,024 bytes, and count as unread."""
    consumers = "UPDATE performance_schema.setup_consumers SET ENABLED = '{}' WHERE NAME {} 'events_statements%'"
    historian.server.run(consumers.format("YES", "LIKE"), consumers.format("NO", "= 'statements_digest' OR NAME ="))
    try:
        historian.forget()
        historian.work(["INSERT INTO {t} SELECT id, x FROM a", f"INSERT INTO {{t}} SELECT id, {'x + ' * 500} x FROM b"])
        with historian.granted("performance_schema.*"):
            found = await lineage(historian)
    finally:
        historian.server.run(consumers.format("NO", "LIKE"), consumers.format("YES", "= 'statements_digest' OR NAME ="))
    assert found.history is not None
    assert found.history.read_from.startswith("performance_schema.events_statements_history_long")
    assert made(found) == {("past.a", "past.t0")}
    assert (found.history.statements, found.history.unread) == (1, 1)


async def test_a_digest_that_is_cut_is_unread(historian: Historian) -> None:
    """It may have read anything behind its end."""
    historian.forget()
    historian.work([f"INSERT INTO {{t}} SELECT id, {'x + ' * 500} x FROM b"])
    with historian.granted("performance_schema.*"):
        found = await lineage(historian)
    assert found.history is not None
    assert made(found) == set()
    assert (found.history.statements, found.history.unread) == (0, 1)


async def test_a_log_that_takes_long_to_search(historian: Historian, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up over there, and told; the lineage of views is there, and the connection of use."""
    monkeypatch.setattr(history, "SEARCH_SECONDS", 0.2)
    slow = f"SELECT count(*), 1, 2 FROM {', '.join(f'information_schema.COLUMNS AS {name}' for name in 'abcd')}"
    log = msgspec.structs.replace(history.logs.GENERAL_LOG, statement=slow)
    monkeypatch.setattr(history.logs, "GENERAL_LOG", log)
    with historian.set(log_output="'TABLE'", general_log="1"), historian.granted("mysql.general_log"):
        historian.server.run("SELECT 1")
        found = await lineage(historian)
    assert found.history is not None
    assert "could not be searched within 0.2 s" in (found.history.missing or "")
    assert ("past.a", "past.v") in {(str(edge.source), str(edge.target)) for edge in found.edges}


async def test_a_log_that_a_server_does_not_search(historian: Historian, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told by the error's number, for its sentence may quote a text; the lineage of views is there."""
    log = msgspec.structs.replace(history.logs.DIGEST_LOG, statement="SELECT no_such_column, '' FROM shop.orders")
    monkeypatch.setattr(history.logs, "DIGEST_LOG", log)
    with historian.granted("performance_schema.*"):
        found = await lineage(historian)
    assert found.history is not None
    assert found.history.missing == f"the server does not search {log.table} as we ask it to (error 1054)"
    assert ("past.a", "past.v") in {(str(edge.source), str(edge.target)) for edge in found.edges}


async def test_texts_that_take_long_to_parse_are_unread(historian: Historian, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server chooses how many there are: what is not reached in time counts as unread."""
    historian.forget()
    historian.work([statement for statement, _ in EDGES[:3]])
    monkeypatch.setattr(history, "PARSE_SECONDS", -1.0)
    with historian.granted("performance_schema.*"):
        found = await lineage(historian)
    assert found.history is not None
    assert (made(found), found.history.statements, found.history.unread) == (set(), 0, 3)


async def test_no_part_of_a_statement_leaves_the_process(
    historian: Historian, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Statements hold passwords and data: neither results, nor errors, nor logs have any of them (security row 8)."""
    caplog.set_level(logging.DEBUG)
    statements = [
        f"INSERT INTO {{t}} SELECT id, '{SECRET}' FROM a",
        f"INSERT INTO {{t}} SELECT id, x FROM a WHERE '{SECRET}' ((",
        f"CREATE TABLE `{SECRET}` AS SELECT '{SECRET}' AS x FROM a JOIN",
        f"CREATE OR REPLACE USER other IDENTIFIED BY '{SECRET}'",
        f"UPDATE {{t}} JOIN a SET x = '{SECRET}'",
    ]
    historian.forget()
    logged = {"log_output": "'TABLE'", "general_log": "1"}
    with historian.set(**logged), historian.granted("mysql.general_log"):
        historian.work(statements)
        found = await lineage(historian)
        shown = await lineage_download.run(check_of(historian.source()))
    historian.server.run("DROP USER other")
    assert found.history is not None
    assert (found.history.statements, found.history.unread) == (1, 3)
    said = [msgspec.json.encode(found).decode(), str(shown), caplog.text, *capfd.readouterr()]
    assert not [text for text in said if SECRET in text]


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        *((statement, True) for statement, _ in EDGES),
        ("INSERT INTO {t} TABLE a", True),
        ("INSERT INTO `{t}` TABLE `past` . `a`", True),
        ("# a\n-- b\n  (INSERT INTO {t} SELECT 1)", True),
        ("DELETE FROM {t} USING {t}, a", False),
        ("CREATE VIEW {t} AS SELECT 1 FROM a", False),
        ("CREATE PROCEDURE {t}() INSERT INTO b SELECT id, x FROM a", False),
        ("INSERT INTO {t} VALUES (1, 2)", False),
        ("UPDATE {t} SET x = 1, id = 2 WHERE id = 3", False),
        ("CREATE TABLE {t} (id int, x int)", False),
        ("SELECT 1 FROM a JOIN b", False),
        ("CALL fill()", False),
    ],
)
def test_which_texts_a_server_chooses(historian: Historian, text: str, chosen: bool) -> None:
    """Those that may fill a table from another, by words, so that all others stay there."""
    constant = "'" + text.format(t="t").replace("'", "''") + "'"
    assert historian.server.run(f"SELECT {history.logs.writes(constant)}") == [((int(chosen),),)]


async def test_a_server_that_floods(historian: Historian, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it sends is counted, and the verdict names the server (security row 16)."""
    monkeypatch.setattr(history.logs, "VARIABLES", "SELECT repeat('x', 600000), repeat('y', 600000)")
    monkeypatch.setattr(history, "CONNECTION_BYTES", 2**20)
    with pytest.raises(CheckError, match="sent more than 1 MB"):
        await lineage(historian)


@pytest.mark.parametrize("answer", ["SELECT 1", "SELECT 1, 2, 3", "SELECT 'performance_schema', NULL"])
async def test_a_server_that_answers_something_else(
    historian: Historian, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    """It breaks the protocol; nothing foreign is raised."""
    monkeypatch.setattr(history.logs, "VARIABLES", answer)
    with pytest.raises(CheckError, match="breaks the protocol"):
        await lineage(historian)


@pytest.mark.parametrize("mode", MODES)
async def test_a_server_that_turns_bad(historian: Historian, monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    """Silent, dripping or half-closing when it is asked for its history: the limit holds."""

    async def once() -> float:
        with lane(historian.port) as way, spending() as spent:
            historian.port = way.port
            source = historian.source(query_timeout=1)
            historian.port = historian.server.port

            async def turned(*args: Any) -> Any:
                way.turn(mode)
                return await history.read_history(*args)

            monkeypatch.setattr(session, "read_history", turned)
            with pytest.raises(CheckError) as caught:
                async with Mariadb.connect(source) as opened:
                    await opened.lineage(Globs())
        assert caught.value.code in {ErrorCode.TIMEOUT, ErrorCode.CONNECTION_ERROR}
        return spent.seconds

    await keeps_the_promise(1, once)


async def test_mysqls_own_record_of_views(historian: Historian) -> None:
    """MySQL from 8.0.13 on keeps one; before, as at MariaDB, the texts tell."""
    usage = [("past", "a", "past", "v"), ("past", "b", "past", "hidden")]
    origins = {}
    for kept in (usage, None):
        with says_mysql(historian.port, kept) as port:
            options = msgspec.structs.replace(historian.source().options, port=port)
            source = MysqlSource(name="real", connection_timeout=5, options=options)
            async with Mysql.connect(source) as opened:
                assert await opened.version() == "MySQL 8.0.36"
                found = await opened.lineage(Globs("past.?\npast.hidden", "past.w"))
        origins[kept is not None] = {str(edge.target): (edge.origin, edge.columns) for edge in found.edges}
    assert origins == {
        True: {
            "past.v": (Origin.dependency_record, ["id", "x"]),
            "past.hidden": (Origin.dependency_record, []),
        },
        False: {"past.v": (Origin.view_text, ["id", "x"])},
    }
    assert TableName("past", "hidden") not in found.unread


def test_mariadb_ignores_the_case_of_names_of_a_with(mariadb: MariaServer) -> None:
    """In quotes as well, although tables whose names differ in case are two here: the rule for earlier statements."""
    assert mariadb.run("SELECT @@lower_case_table_names") == [((0,),)]
    for name in ("ORDERS", "`Orders`", "orders"):
        assert mariadb.run(f"WITH {name} AS (SELECT 2 AS x) SELECT x FROM `orders`") == [((2,),)]
