"""Teradata's rules that need neither a server nor Teradata's driver."""

import pytest

from datasources.databases.base import Column, ForeignKey, TableName
from datasources.databases.history.edges import FoldedNames, Written, edges_by
from datasources.databases.teradata.errors import ENDED, by_text
from datasources.databases.teradata.frames import LARGEST, Frames
from datasources.databases.teradata.model import TeradataOptions
from datasources.databases.teradata.session import TeradataSession, catalog_of
from datasources.databases.teradata.types import type_text
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode


@pytest.mark.parametrize(
    ("code", "length", "digits", "scale", "charset", "shown"),
    [
        ("I ", 4, None, None, 0, "INTEGER"),
        ("I8", 8, None, None, 0, "BIGINT"),
        ("CV", 40, None, None, 1, "VARCHAR(40)"),
        ("CV", 40, None, None, 2, "VARCHAR(20)"),
        ("D ", 8, 10, 2, 0, "DECIMAL(10,2)"),
        ("N ", 18, -128, -128, 0, "NUMBER"),
        ("N ", 18, 12, 3, 0, "NUMBER(12,3)"),
        ("BV", 16, None, None, 0, "VARBYTE(16)"),
        ("SZ", 12, None, 6, 0, "TIMESTAMP WITH TIME ZONE"),
        (None, None, None, None, None, "unknown"),
        ("ZZ", 1, None, None, 0, "ZZ"),
    ],
)
def test_types(
    code: str | None, length: int | None, digits: int | None, scale: int | None, charset: int | None, shown: str
) -> None:
    """Codes of the dictionary, as one writes the types."""
    assert type_text(code, length, digits, scale, charset) == shown


DRIVER = "[Version 20.0.0.72] [Session 0] [Teradata SQL Driver]"
ATTEMPT = (
    "\n at gosqldriver/x.go:1\nCaused by [Version 20.0.0.72] [Session 0] [Teradata SQL Driver] [Error 446] [SQLState 08001] "
    "HTTPS connection attempt to https:td:443 with timeout 5000 ms took 2 ms and failed\n at gosqldriver/x.go:2\nCaused by "
)


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        (
            f"{DRIVER} [Error 493] [SQLState 08000] Hostname lookup failed for td",
            ErrorCode.HOST_NOT_FOUND,
            "Hostname lookup failed for td",
        ),
        (
            f"{DRIVER} [Error 444] [SQLState 08001] Failed to connect to td{ATTEMPT}EOF",
            ErrorCode.CONNECTION_ERROR,
            ENDED,
        ),
        (
            f"{DRIVER} [Error 444] [SQLState 08001] Failed to connect to td{ATTEMPT}x509: unknown",
            ErrorCode.TLS_ERROR,
            "x509: unknown",
        ),
        (
            f"{DRIVER} [Error 301] [SQLState 08S01] Lost connection{ATTEMPT}EOF",
            ErrorCode.CONNECTION_ERROR,
            "Lost connection",
        ),
        (f"{DRIVER} [Error 400] Failure{ATTEMPT}read: i/o timeout", ErrorCode.TIMEOUT, "read: i/o timeout"),
        (f"{DRIVER} [Error 8017] A number of the driver's", ErrorCode.CONNECTION_ERROR, "A number of the driver's"),
        (
            "[Version 20] [Session 0] [Teradata Database] [Error 8017] [SQLState 28000] No.",
            ErrorCode.AUTHENTICATION_FAILED,
            "No.",
        ),
        ("", ErrorCode.CONNECTION_ERROR, ENDED),
    ],
    ids=["name", "ended", "certificate", "lost", "late", "number of the driver", "database", "nothing"],
)
def test_errors(text: str, code: ErrorCode, message: str) -> None:
    """Numbers count where the database says them; the driver's own errors are told by the words of their causes."""
    refusal = by_text(text + "\n at gosqldriver/x.go:1")
    assert (refusal.code, refusal.message) == (code, message)


def test_ports() -> None:
    """Teradata's own, or that of HTTPS."""
    plain = TeradataOptions(host="td", password="x", database="shop")
    assert plain.target == ("td", 1025)
    assert TeradataOptions(host="td", password="x", database="shop", tls=True).target == ("td", 443)
    assert TeradataOptions(host="td", port=5, password="x", database="shop", tls=True).target == ("td", 5)


def test_rows_of_the_catalogue() -> None:
    """Tables and views with columns and keys; a text that the dictionary has cut counts as unread."""
    catalog = catalog_of(
        members=[
            ["shop", "customers", "T", None, "CREATE TABLE …", None],
            ["shop", "orders", "O", "What was sold", None, None],
            [
                "shop",
                "totals",
                "V",
                None,
                "REPLACE VIEW shop.totals AS LOCKING ROW FOR ACCESS SELECT id FROM orders",
                None,
            ],
            ["shop", "named", "V", None, "CREATE VIEW shop.named (number) AS SEL id FROM shop.orders", None],
            ["shop", "long", "V", None, "CREATE VIEW shop.long AS SELECT id FROM shop.ord", "R"],
        ],
        columns=[
            ["shop", "customers", "id", "I ", 4, None, None, 0, "N ", None, None],
            ["shop", "orders", "id", "I ", 4, None, None, 0, "N ", None, "Number"],
            ["shop", "orders", "customer", "CV", 20, None, None, 1, "Y ", "'x'", None],
            ["shop", "totals", "id", None, None, None, None, None, None, None, None],
            ["shop", "named", "number", None, None, None, None, None, None, None, None],
        ],
        primary=[["shop", "orders", "id"]],
        foreign=[["shop", "orders", 0, "customer", "shop", "customers", "id"]],
    )
    tables = {member.name: catalog.table(member) for member in catalog.members}
    orders = tables["orders"]
    assert (orders.kind, orders.comment, orders.primary_key) == ("table", "What was sold", ["id"])
    assert orders.columns == [
        Column(name="id", type="INTEGER", nullable=False, comment="Number"),
        Column(name="customer", type="VARCHAR(20)", default="'x'"),
    ]
    there = TableName("shop", "customers")
    assert orders.foreign_keys == [ForeignKey(columns=["customer"], table=there, referenced=["id"])]
    assert tables["long"].definition is None
    assert tables["customers"].definition is None
    lineage = catalog.view_lineage(TeradataSession.dialect, folded=True)
    assert {(edge.source.name, edge.target.name) for edge in lineage.edges} == {
        ("orders", "totals"),
        ("orders", "named"),
    }
    assert lineage.unread == [TableName("shop", "long")]


def test_history() -> None:
    """Statements of the query log, in Teradata's words; a name without a database is in the statement's default."""
    known = [("shop", "orders"), ("shop", "report")]
    written = [
        Written("INSERT INTO report SEL * FROM orders", schema="shop"),
        Written("INS shop.report SELECT * FROM shop.orders", schema="x"),
        Written("UPDATE shop.report SET a = 1", schema="x"),
    ]
    edges, _, _ = edges_by(written, FoldedNames(known, ""), TeradataSession.dialect)
    assert [(edge.source.name, edge.target.name) for edge in edges] == [("orders", "report")]


@pytest.mark.parametrize(
    "sql",
    [
        "{fn teradata_write_csv(/tmp/x.csv)}SELECT 1",
        "SELECT 1 {fn teradata_write_csv(/tmp/x.csv)}",
        "SELECT '{' || 1",
        "DROP TABLE t",
        "SELECT 1; DROP TABLE t",
    ],
)
def test_no_order_to_the_driver(sql: str) -> None:
    """A text with a brace is not sent: the driver would write a file of the worker's. Neither is what writes."""
    with pytest.raises(CheckError) as caught:
        TeradataSession(None, 1).require_reading(sql)  # type: ignore[arg-type]
    assert caught.value.code is ErrorCode.QUERY_NOT_READ_ONLY
    TeradataSession(None, 1).require_reading("SELECT 1")  # type: ignore[arg-type]


def test_names_in_statements() -> None:
    """Quotes are doubled; a name with a brace is none of Teradata's, and in no statement."""
    session = TeradataSession(None, 1)  # type: ignore[arg-type]
    assert session.scratch('a"b', "t", "0f")["create"] == 'CREATE MULTISET TABLE "a""b"."t" (token VARCHAR(64))'
    assert "DatabaseName = 'it''s'" in session.names_in("it's")
    for refused in (lambda: session.scratch("{fn x}", "t", "0f"), lambda: session.names_in("{fn x}")):
        with pytest.raises(CheckError, match=r"\{"):
            refused()


def head(length: int) -> bytes:
    """A header of a message with so many bytes, as the driver and the database write it."""
    high, low = divmod(length, 2**16)
    return b"\x03\x02\x0a" + high.to_bytes(2, "big") + b"\x07\0\0" + low.to_bytes(2, "big") + bytes(42)


@pytest.mark.parametrize("size", [1, 7, 52, 53, 65536])
def test_lengths_are_looked_at_before_the_driver_believes_them(size: int) -> None:
    """However the bytes come: the driver takes that much memory at once, and a header is enough for it."""
    good = head(50) + b"\xff" * 50 + head(0) + head(70_000) + b"\xff" * 70_000 + head(LARGEST)
    frames = Frames()
    for start in range(0, len(good), size):
        frames.look(good[start : start + size])
    for bad in (head(LARGEST + 1), head(2**31 - 1), b"\xff" * 52):
        frames = Frames()
        frames.look(good[: 52 + 50])
        with pytest.raises(CheckError, match="longer than any"):
            frames.look(bad)
