"""Db2: what needs neither server nor driver, as tables."""

from typing import Any

import msgspec
import pytest

from datasources.databases.base import Column, ForeignKey, History, LineageEdge, TableName
from datasources.databases.db2.asker import Db2Asker, settings_of, version_of
from datasources.databases.db2.catalog import Answers, catalog_of, edges_of, type_of
from datasources.databases.db2.errors import refusal_of
from datasources.databases.db2.model import Db2Options, Db2Source
from datasources.databases.db2.session import Db2Session
from datasources.databases.globs import Globs
from datasources.databases.limits import Limit
from datasources.databases.warehouse.asker import Row
from datasources.databases.warehouse.catalog import Catalog
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode


def source(**options: Any) -> Db2Source:
    """A source with these options."""
    facts = {"host": "db.example", "user": "reader", "password": "secret", "dbname": "SHOP"}
    return Db2Source(name="x", options=Db2Options(**(facts | options)))


def session() -> Db2Session:
    """One that nobody has let in."""
    return Db2Session(Db2Asker(source()), 3)


@pytest.mark.parametrize(
    ("options", "authentication"),
    [
        ({}, "AUTHENTICATION=SERVER_ENCRYPT;"),
        ({"allow_cleartext_password": True}, ""),
        ({"ssl": True}, ""),
    ],
)
def test_what_the_driver_is_told(options: dict[str, Any], authentication: str) -> None:
    """The relay's address and never the source's; a password in clear to the relay alone, or where it is allowed."""
    told = settings_of(source(**options), 12345)
    assert told.startswith("DATABASE=SHOP;HOSTNAME=127.0.0.1;PORT=12345;PROTOCOL=TCPIP;CONNECTTIMEOUT=30;")
    assert told.endswith(f"{authentication}UID=reader;PWD=secret;")
    assert ("AUTHENTICATION" in told) == bool(authentication)
    assert "PROGRAMNAME=sourcecheck;CLIENTWRKSTNNAME=sourcecheck;" in told


@pytest.mark.parametrize(
    ("product", "number", "words"),
    [
        ("DB2/LINUXX8664", "11.05.0900", "Db2 11.5.9.0 (LINUXX8664)"),
        ("DB2/NT64", "12.01.0001", "Db2 12.1.0.1 (NT64)"),
        ("DB2", "12.01.0005", "Db2 for z/OS 12.1.0.5"),
        ("AS", "07.05.0000", "Db2 for i 7.5.0.0"),
        ("DB2/LINUXX8664", "unknown", "Db2 unknown (LINUXX8664)"),
    ],
)
def test_versions(product: str, number: str, words: str) -> None:
    """As IBM writes them in words."""
    assert version_of(product, number) == words


async def test_another_db2() -> None:
    """Its catalogue has other names: the session says so, and asks nothing."""
    asker = Db2Asker(source())
    asker.is_luw, asker.version = False, "Db2 for z/OS 12.1.0.5"
    with pytest.raises(CheckError, match="Db2 for z/OS"):
        await Db2Session(asker, 3).catalog(Limit(3), "tables")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (("SYSIBM", "VARCHAR", 30, 0, 1208), "VARCHAR(30)"),
        (("SYSIBM", "CHARACTER", 4, 0, 0), "CHARACTER(4) FOR BIT DATA"),
        (("SYSIBM", "DECIMAL", 10, 2, 0), "DECIMAL(10,2)"),
        (("SYSIBM", "DECFLOAT", 8, 0, 0), "DECFLOAT(16)"),
        (("SYSIBM", "DECFLOAT", 16, 0, 0), "DECFLOAT(34)"),
        (("SYSIBM", "TIMESTAMP", 10, 6, 0), "TIMESTAMP(6)"),
        (("SYSIBM", "BLOB", 1048576, 0, 0), "BLOB(1048576)"),
        (("SYSIBM", "INTEGER", 4, 0, 0), "INTEGER"),
        (("SHOP", "MONEY", 8, 0, 0), '"SHOP"."MONEY"'),
    ],
)
def test_types(row: tuple[Any, ...], words: str) -> None:
    """As one writes them in a CREATE TABLE."""
    assert type_of(*row) == words


def column(table: str, name: str, nulls: str = "Y", default: str | None = None, comment: str | None = None) -> Row:
    """A row of SYSCAT.COLUMNS."""
    return ["SHOP", table, name, "SYSIBM", "INTEGER", 4, 0, 0, nulls, default, comment]


def test_rows_to_tables() -> None:
    """Tables, views and materialized ones with columns, comments, keys and estimates."""
    found = catalog_of(
        Answers(
            tables=[
                ["SHOP", "CUSTOMERS", "T", -1, None], ["SHOP", "OPEN_ORDERS", "V", -1, None],
                ["SHOP", "ORDERS", "T", 12, "what was bought"], ["SHOP", "TOTALS", "S", 3, None],
            ],
            columns=[
                column("CUSTOMERS", "ID", "N"), column("OPEN_ORDERS", "ID"),
                column("ORDERS", "ID", "N", "1 ", "the number"), column("ORDERS", "CUSTOMER_ID"),
            ],
            views=[
                ["SHOP", "OPEN_ORDERS", "CREATE VIEW OPEN_ORDERS AS SELECT ID FROM ORDERS WITH UR"],
                ["SHOP", "TOTALS", "CREATE TABLE TOTALS AS (SELECT …)"],
            ],
            keys=[
                ["SHOP", "CUSTOMERS", "PK", "P", "ID"], ["SHOP", "ORDERS", "FK", "F", "CUSTOMER_ID"],
                ["SHOP", "ORDERS", "PK", "P", "ID"],
            ],
            references=[["SHOP", "ORDERS", "FK", "SHOP", "CUSTOMERS", "PK"]],
        )
    )  # fmt: skip
    tables = {table.name: table for table in map(found.table, found.members)}
    assert {name: table.kind for name, table in tables.items()} == {
        "CUSTOMERS": "table", "OPEN_ORDERS": "view", "ORDERS": "table", "TOTALS": "materialized view"
    }  # fmt: skip
    orders = tables["ORDERS"]
    assert orders.columns == [
        Column(name="ID", type="INTEGER", nullable=False, default="1", comment="the number"),
        Column(name="CUSTOMER_ID", type="INTEGER"),
    ]
    assert (orders.comment, orders.rows, orders.primary_key) == ("what was bought", 12, ["ID"])
    assert orders.foreign_keys == [
        ForeignKey(columns=["CUSTOMER_ID"], table=TableName("SHOP", "CUSTOMERS"), referenced=["ID"])
    ]
    assert (tables["CUSTOMERS"].rows, tables["TOTALS"].rows, tables["OPEN_ORDERS"].rows) == (None, 3, None)
    assert str(tables["OPEN_ORDERS"].definition).startswith("CREATE VIEW")


class Recorded(Db2Session):
    """A session whose answers are given."""

    found: Catalog
    edges: list[LineageEdge]

    async def catalog(self, limit: Limit, stage: str) -> Catalog:
        """As given."""
        return self.found

    async def server_edges(self, limit: Limit) -> list[LineageEdge] | None:
        """As given."""
        return self.edges

    async def history(self, limit: Limit, catalog: Catalog) -> tuple[list[LineageEdge], History | None]:
        """None."""
        return [], None


async def test_lineage() -> None:
    """By the server's records; a view that they do not tell is unread, and Db2's own tables are not shown."""
    made = Recorded(Db2Asker(source()), 3)
    views = [["SHOP", name, "V", -1, None] for name in ("CLOCK", "OPEN_ORDERS", "STRANGE")]
    made.found = catalog_of(Answers(tables=views, columns=[], views=[], keys=[], references=[]))
    made.edges = edges_of(
        [
            ["SHOP", "OPEN_ORDERS", "SHOP", "ORDERS"], ["SHOP", "OPEN_ORDERS", "SHOP", "ORDERS"],
            ["SHOP", "CLOCK", "SYSIBM", "SYSDUMMY1"], ["SHOP", "TOTALS", "SHOP", "TOTALS"],
        ]
    )  # fmt: skip
    found = await made.lineage(Globs(None, None))
    assert [(str(edge.source), str(edge.target)) for edge in found.edges] == [("SHOP.ORDERS", "SHOP.OPEN_ORDERS")]
    assert found.unread == [TableName("SHOP", "STRANGE")]


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ('[IBM][CLI Driver] SQL30082N  Security processing failed with reason "24" ("USERNAME AND/OR PASSWORD INVALID").'
         "  SQLSTATE=08001 SQLCODE=-30082", ErrorCode.AUTHENTICATION_FAILED, "SQL30082N  Security processing"),
        ("ibm_db_dbi::ProgrammingError: Statement Execute Failed: [IBM][CLI Driver][DB2/LINUXX8664] SQL0551N  The "
         "statement failed.  SQLSTATE=42501 SQLCODE=-551", ErrorCode.PERMISSION_DENIED, "SQL0551N  The statement"),
        ("[IBM][CLI Driver] SQL30081N  A communication error.\nSQLSTATE=08001 SQLCODE=-30081",
         ErrorCode.CONNECTION_ERROR, "SQL30081N  A communication error."),
    ],
)  # fmt: skip
def test_messages(text: str, code: ErrorCode, message: str) -> None:
    """Without the driver's prefixes and the evidence at the end."""
    found = refusal_of(text)
    assert found.code is code
    assert found.message.startswith(message)
    assert "SQLSTATE" not in found.message


def test_a_long_message_is_read_once() -> None:
    """A server chooses it, and while a pattern looks for its end, the process does nothing else."""
    assert refusal_of(f"SQL1{' ' * 200_000}x").code is ErrorCode.CONNECTION_ERROR


def test_statements_of_temp_schema() -> None:
    """A name in lower case is Db2's own in upper case."""
    made = session().scratch("scratch", "sourcecheck_tmp_0_0", "t")
    assert made["create"] == 'CREATE TABLE "SCRATCH"."sourcecheck_tmp_0_0" (token VARCHAR(64))'
    assert '"Mixed Case"' in session().scratch("Mixed Case", "t", "t")["create"]
    assert "tabschema = 'O''BRIEN'" in session().names_in("o'brien")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM FINAL TABLE (INSERT INTO t VALUES (1))",
        "WITH a AS (SELECT * FROM OLD TABLE (DELETE FROM t)) SELECT * FROM a",
        "SELECT 1 FROM t; SELECT 2 FROM t",
        "CALL SYSPROC.ADMIN_CMD('…')",
        "BEGIN ATOMIC DELETE FROM t; END",
    ],
)
def test_queries_that_write(sql: str) -> None:
    """They are not sent; what else writes, a function for example, is rolled back."""
    with pytest.raises(CheckError) as caught:
        session().require_reading(sql)
    assert caught.value.code is ErrorCode.QUERY_NOT_READ_ONLY


def test_a_semicolon_in_an_option() -> None:
    """It would begin another setting of the driver's."""
    for field in ("user", "dbname", "current_schema"):
        given = {"host": "h", "user": "u", "dbname": "d"} | {field: "a;HOSTNAME=inner"}
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(given, Db2Options)
