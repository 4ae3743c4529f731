"""What a materialized view fills, and what the query log says of a statement: rules, without a server."""

from typing import Any

import pytest

from datasources.databases.base import LineageEdge, Origin, TableName
from datasources.databases.clickhouse.behind import Behind
from datasources.databases.clickhouse.history import history_of, target_of, touched_of
from datasources.databases.clickhouse.lineage import filled_by
from datasources.databases.history.edges import Written
from datasources.databases.history.statements import understood

MADE = "CREATE MATERIALIZED VIEW shop.daily"


@pytest.mark.parametrize(
    ("statement", "target"),
    [
        (f"{MADE} TO shop.sums (`id` Int32) AS SELECT id FROM shop.orders", ("shop", "sums")),
        (f"{MADE} TO other.sums AS SELECT id FROM shop.orders", ("other", "sums")),
        (f"{MADE} TO shop.`odd \\`name` (`id` Int32) AS SELECT 1", ("shop", "odd `name")),
        (f"{MADE} TO sums AS SELECT 1", ("shop", "sums")),
        (f"{MADE} UUID '00000000-0000-0000-0000-000000000001' TO shop.sums AS SELECT 1", ("shop", "sums")),
        (
            f"{MADE} REFRESH EVERY 1 DAY OFFSET 2 HOUR DEPENDS ON shop.other TO shop.sums (`a` Int8) AS SELECT 1",
            ("shop", "sums"),
        ),
        (f"{MADE} (`id` Int32) ENGINE = MergeTree ORDER BY id AS SELECT id FROM shop.orders", None),
        (f"{MADE} (`id` Int32) ENGINE = Memory AS SELECT ' TO shop.sums ' FROM shop.orders", None),
        (f"{MADE} ENGINE = Memory AS SELECT 1 AS `x TO shop.sums `", None),
        (f"{MADE} TO INNER UUID '00000000-0000-0000-0000-000000000001' (`a` Int8) ENGINE = Memory AS SELECT 1", None),
        ("CREATE VIEW shop.daily AS SELECT 1", None),
        pytest.param(f"CREATE MATERIALIZED VIEW shop.{'a' * 100_000}", None, id="long name"),
        ("", None),
    ],
)
def test_what_a_materialized_view_fills(statement: str, target: tuple[str, str] | None) -> None:
    """The table behind `TO`, in the statement as the server keeps it; without it the view keeps its rows itself."""
    assert filled_by(statement, "shop") == target


@pytest.mark.parametrize(
    ("sql", "target"),
    [
        ("INSERT INTO a SELECT 1", "shop.a"),
        ("insert into table other.a (x) select 1", "other.a"),
        ("/* job */ -- nightly\nINSERT INTO `odd name`.`b`(x) SELECT 1", None),
        ("INSERT INTO `odd name`.`b` (x) SELECT 1", "odd name.b"),
        ("CREATE TABLE IF NOT EXISTS a ENGINE = Memory AS SELECT 1", "shop.a"),
        ("CREATE OR REPLACE TABLE other.a ENGINE = Memory AS SELECT 1", "other.a"),
        ("INSERT INTO FUNCTION remote(?..) SELECT 1", None),
        ("INSERT INTO TABLE FUNCTION file(?..) SELECT 1", None),
        ("CREATE VIEW a AS SELECT 1", None),
        ("SELECT 1", None),
        ("", None),
    ],
)
def test_what_a_statement_fills(sql: str, target: str | None) -> None:
    """By its beginning alone, where the rest is not understood."""
    found = target_of(Written(sql, "shop"))
    assert (str(found) if found else None) == target


MEMBERS = [
    ["shop", name, engine]
    for name, engine in (
        ("orders", "MergeTree"),
        ("customer", "MergeTree"),
        ("sums", "SummingMergeTree"),
        ("target", "MergeTree"),
        ("totals", "View"),
        ("daily", "MaterializedView"),
    )
]


def edge(source: str, target: str) -> LineageEdge:
    """One in the schema."""
    return LineageEdge(source=TableName("shop", source), target=TableName("shop", target))


VIEWS = [edge("orders", "totals"), edge("orders", "daily"), edge("daily", "sums")]


@pytest.mark.parametrize(
    ("target", "touched", "read"),
    [
        ("target", ["target", "orders", "customer"], {"orders", "customer"}),
        ("target", ["target", "totals", "orders"], {"totals"}),
        ("target", ["target", "daily", "sums"], {"daily"}),
        ("target", ["target", "sums"], {"sums"}),
        ("orders", ["orders", "customer", "daily", "sums"], {"customer"}),
        ("orders", ["orders", "totals"], {"totals"}),
        ("target", ["target", "gone", "numbers"], set()),
        ("gone", ["gone", "orders"], set()),
    ],
)
def test_what_the_servers_list_says(target: str, touched: list[str], read: set[str]) -> None:
    """It has the tables behind views, and what is filled along with the target: neither was read by the statement."""
    listed = [f"shop.{name}" for name in touched] + ["_table_function.numbers", "nonsense", "shop.`x"]
    found = Behind(MEMBERS, VIEWS).pairs(listed, TableName("shop", target))
    assert found == {(TableName("shop", name), TableName("shop", target)) for name in read}


def past(*rows: list[Any]) -> tuple[set[tuple[str, str]], int, int]:
    """The edges of these rows, how many statements there were, and how many were not read."""
    touched = touched_of(list(rows))
    deeds = {statement: understood(statement.sql, "clickhouse") for statement in touched}
    edges, history = history_of(deeds, touched, MEMBERS, VIEWS)
    assert {edge.origin for edge in edges} <= {Origin.query_history}
    return {(str(edge.source), str(edge.target)) for edge in edges}, history.statements, history.unread


def test_texts_come_first() -> None:
    """They say what was read; the list does where they are not understood, and nothing where that has no beginning."""
    edge = {("shop.orders", "shop.target")}
    assert past(["INSERT INTO target SELECT id FROM orders WHERE id IN (?..)", "shop", []]) == (edge, 1, 0)
    assert past(["INSERT INTO shop.target SELECT id FROM shop.orders", "", []]) == (edge, 1, 0)
    assert past(["INSERT INTO shop.target SELECT ((( FROM", "", ["shop.orders", "shop.target"]]) == (edge, 1, 0)
    assert past(["WITH ((( INSERT", "", ["shop.orders", "shop.target"]]) == (set(), 0, 1)
    assert past(["", "shop", ["shop.orders", "shop.target"]]) == (set(), 0, 1)


def test_case_and_schemas() -> None:
    """Names that differ in case differ; a name without a schema is in the database of the session."""
    assert past(["INSERT INTO Target SELECT id FROM orders", "shop", []]) == (set(), 1, 0)
    assert past(["INSERT INTO target SELECT id FROM orders", "elsewhere", []]) == (set(), 1, 0)


def test_tables_of_one_session() -> None:
    """A name without a database may be that of a temporary table, where there has been one of that name."""
    made = ["CREATE TEMPORARY TABLE orders AS SELECT id FROM customer", "shop", []]
    assert past(made, ["INSERT INTO target SELECT id FROM orders", "shop", []]) == (set(), 1, 1)
    assert past(made, ["INSERT INTO target SELECT id FROM shop.orders", "shop", []]) == (
        {("shop.orders", "shop.target")},
        1,
        0,
    )
