"""SAP HANA's rules that need neither a server nor SAP's client."""

import pytest

from datasources.databases.base import Column, ForeignKey, LineageEdge, Origin, TableName
from datasources.databases.names import literal
from datasources.databases.sap_hana.asker import milliseconds
from datasources.databases.sap_hana.errors import by_number
from datasources.databases.sap_hana.session import HanaSession, catalog_of, type_text, written_of
from datasources.databases.warehouse.records import edges_between


@pytest.mark.parametrize(
    ("name", "length", "scale", "shown"),
    [
        ("INTEGER", 10, 0, "INTEGER"),
        ("NVARCHAR", 40, None, "NVARCHAR(40)"),
        ("DECIMAL", 10, 2, "DECIMAL(10,2)"),
        ("DECIMAL", 34, None, "DECIMAL"),
        ("NCLOB", 2147483647, None, "NCLOB"),
        ("TIMESTAMP", 27, 7, "TIMESTAMP"),
    ],
)
def test_types(name: str, length: int, scale: int | None, shown: str) -> None:
    """As one writes them: a length where it is a part of the type."""
    assert type_text(name, length, scale) == shown


def test_rows_of_the_catalogue() -> None:
    """Tables and views with columns, keys, comments and counts; the text of a view without a record is not believed."""
    catalog = catalog_of(
        tables=[["SHOP", "ORDERS", "What was sold"], ["SHOP", "CUSTOMERS", None]],
        views=[["SHOP", "TOTALS", None, 'SELECT sum(TOTAL) FROM "SHOP"."ORDERS" WITH HINT (NO_CACHE)']],
        columns=[
            ["SHOP", "CUSTOMERS", "ID", "INTEGER", 10, 0, "FALSE", None, None, 1],
            ["SHOP", "ORDERS", "ID", "INTEGER", 10, 0, "FALSE", None, "Number", 1],
            ["SHOP", "ORDERS", "CUSTOMER", "NVARCHAR", 20, None, "TRUE", "x", None, 2],
        ],
        primary=[["SHOP", "ORDERS", "ID"]],
        foreign=[["SHOP", "ORDERS", "FK", "CUSTOMER", "SHOP", "CUSTOMERS", "ID"]],
        rows=[["SHOP", "ORDERS", 12], ["SYS", "OTHER", 1]],
    )
    orders, totals = catalog.table(catalog.members[1]), catalog.table(catalog.members[2])
    assert [member.name for member in catalog.members] == ["CUSTOMERS", "ORDERS", "TOTALS"]
    assert (orders.comment, orders.rows, orders.primary_key) == ("What was sold", 12, ["ID"])
    assert orders.columns == [
        Column(name="ID", type="INTEGER", nullable=False, comment="Number"),
        Column(name="CUSTOMER", type="NVARCHAR(20)", default="x"),
    ]
    there = TableName("SHOP", "CUSTOMERS")
    assert orders.foreign_keys == [ForeignKey(columns=["CUSTOMER"], table=there, referenced=["ID"])]
    assert totals.kind == "view"
    assert "HINT" in (totals.definition or "")
    assert catalog.view_lineage(HanaSession.dialect, folded=True, near=True).unread == [TableName("SHOP", "TOTALS")]


def test_what_a_statement_wrote() -> None:
    """The table that its plan wrote, from each other one that it reached, and that the user can see."""
    known = [("SHOP", "ORDERS"), ("SHOP", "CUSTOMERS"), ("SHOP", "REPORT")]
    rows = [
        ["SHOP.ORDERS(12), SHOP.CUSTOMERS(7),SHOP.REPORT(1)", "SHOP", "REPORT"],
        ["SHOP.SECRET(3)", "SHOP", "REPORT"],
        [None, "SHOP", "REPORT"],
        ["SHOP.ORDERS", "ELSEWHERE", "X"],
    ]
    assert edges_between(written_of(rows, known), Origin.query_history, known) == [
        LineageEdge(source=TableName("SHOP", name), target=TableName("SHOP", "REPORT"), origin=Origin.query_history)
        for name in ("CUSTOMERS", "ORDERS")
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Connection failed (RTE:[89001] Cannot resolve host {127.0.0.1:4}) x", "Connection failed: Cannot resolve host ) x"),
        ("System error (127.0.0.1:4 -> 127.0.0.1:5) closed", "System error closed"),
        ("Nothing (of the kind) here", "Nothing (of the kind) here"),
        ("x" + "{" * 200_000, "x{"),
        ("x(" + "->" * 200_000, "x(->"),
    ],
    ids=["place", "relay", "other", "braces", "arrows"],
)  # fmt: skip
def test_what_the_client_says_of_the_way_is_left_out(text: str, said: str) -> None:
    """It leads to our relay; a server may choose the text, which is read once."""
    assert by_number(-10709, text).message.startswith(said)


def test_statements() -> None:
    """Quotes are doubled, in names and in texts; the client's limits come after ours."""
    session = HanaSession(None, 1)  # type: ignore[arg-type]
    statements = session.scratch('a"b', "t", "0f")
    assert statements["create"] == 'CREATE TABLE "a""b"."t" (token NVARCHAR(64))'
    assert literal("it's") == "'it''s'"
    assert "SCHEMA_NAME = 'it''s'" in session.names_in("it's")
    assert milliseconds(3) == "5000"
