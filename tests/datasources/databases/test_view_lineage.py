"""What views read, by their definitions: a table of them, and the same views as PostgreSQL records them itself."""

import pytest

from datasources.databases.globs import Globs
from datasources.databases.postgres import Postgres
from datasources.databases.view_lineage import LENGTH_LIMIT, View, lineage_of
from tests.fixtures.servers.database import Server

COLUMNS = {
    ("shop", "Orders"): ["id", "Customer", "total"],
    ("shop", "customer"): ["id", "name"],
    ("other", "rates"): ["day", "rate"],
    ("shop", "empty"): [],
}


def edges(definition: str | None, dialect: str = "duckdb") -> dict[str, list[str]] | None:
    """What a view reads; None where that is not known."""
    found = lineage_of([View("shop", "v", definition)], COLUMNS, dialect)
    assert [str(view) for view in found.unread] in ([], ["shop.v"])
    assert {str(edge.target) for edge in found.edges} <= {"shop.v"}
    return None if found.unread else {str(edge.source): edge.columns for edge in found.edges}


@pytest.mark.parametrize(
    ("definition", "read"),
    [
        ("SELECT 1", {}),
        ("CREATE VIEW v AS SELECT customer FROM ORDERS", {"shop.Orders": ["Customer"]}),
        ("CREATE VIEW v(a, b) AS SELECT * FROM customer", {"shop.customer": ["id", "name"]}),
        ("SELECT c.name FROM (orders AS o JOIN customer AS c ON ((c.id = o.customer)))",
         {"shop.Orders": ["Customer"], "shop.customer": ["id", "name"]}),
        ("WITH t AS (SELECT total FROM orders) SELECT * FROM t", {"shop.Orders": ["total"]}),
        ("SELECT id FROM customer UNION ALL SELECT rate FROM other.rates", {"shop.customer": ["id"], "other.rates": ["rate"]}),
        ("SELECT name FROM customer AS o WHERE EXISTS (SELECT 1 FROM orders WHERE customer = o.id)",
         {"shop.customer": ["id", "name"], "shop.Orders": ["Customer"]}),
        ("SELECT count(*) FROM orders", {"shop.Orders": []}),
        ("SELECT x FROM elsewhere.unknown", {"elsewhere.unknown": ["x"]}),
        ("SELECT a, b FROM unknown1, unknown2", {"shop.unknown1": [], "shop.unknown2": []}),
        ("SELECT * FROM empty", {"shop.empty": []}),
    ],
)  # fmt: skip
def test_definitions(definition: str, read: dict[str, list[str]]) -> None:
    """Tables in any case and nesting, columns where it is clear whose they are."""
    assert edges(definition) == read


@pytest.mark.parametrize(
    ("definition", "made"),
    [
        ("SELECT customer AS a, total * 2 AS b FROM orders WHERE id > 1", {"Customer>a", "total>b"}),
        ("SELECT * FROM (SELECT id AS a, upper(name) AS b FROM customer) AS q", {"id>a", "name>b"}),
        ("WITH q AS (SELECT sum(total) AS t FROM orders) SELECT t AS a FROM q", {"total>a"}),
        ("SELECT id AS a FROM customer UNION ALL SELECT rate FROM other.rates", {"id>a", "rate>a"}),
        ("SELECT name AS a, (SELECT max(total) FROM orders WHERE customer = c.id) AS b FROM customer AS c",
         {"name>a", "total>b", "Customer>b", "id>b"}),
        ("SELECT 1 AS a", set()),
        ("WITH RECURSIVE q(n) AS (SELECT id FROM customer UNION ALL SELECT n + 1 FROM q) SELECT n AS a FROM q", {"id>a"}),
    ],
)  # fmt: skip
def test_what_columns_are_made_from(definition: str, made: set[str]) -> None:
    """By the expression that makes a column, through queries inside of it; a filter makes none."""
    found = lineage_of([View("shop", "v", definition)], COLUMNS, "duckdb")
    assert {f"{pair.source}>{pair.target}" for edge in found.edges for pair in edge.column_edges} == made


def test_columns_are_named_as_the_view_names_them() -> None:
    """A view may name its columns apart from its query."""
    columns = {**COLUMNS, ("shop", "v"): ["one", "two"]}
    found = lineage_of(
        [View("shop", "v", "CREATE VIEW v(one, two) AS SELECT id, name FROM customer")], columns, "duckdb"
    )
    assert [(pair.source, pair.target) for pair in found.edges[0].column_edges] == [("id", "one"), ("name", "two")]


@pytest.mark.parametrize(
    "definition",
    [
        None,
        "",
        "   ",
        "SELECT (",
        "SELECT 1; SELECT 2",
        "VACUUM",
        "CREATE TABLE t (a int)",
        "SELECT 1 " + " " * LENGTH_LIMIT,
        "SELECT " + "(" * 5000 + "1" + ")" * 5000,
    ],
)
def test_what_is_not_understood_is_unread(definition: str | None) -> None:
    """Never a view that reads nothing."""
    assert edges(definition) is None


async def test_against_the_records_of_postgresql(database: Server) -> None:
    """By the definition we find what PostgreSQL has recorded of its own views: every edge, and every column."""
    with database.connect() as session:
        session.execute(VIEWS)  # type: ignore[arg-type]
    try:
        async with Postgres.connect(database.source(user="postgres")) as session:
            recorded = [edge for edge in (await session.lineage(Globs())).edges if edge.target.schema == "viewed"]
            columns = {
                (table.schema, table.name): [column.name for column in table.columns]
                async for batch in session.tables(Globs())
                for table in batch
            }
        with database.connect() as session:
            views = session.execute(
                "SELECT n.nspname, c.relname, pg_get_viewdef(c.oid) FROM pg_class AS c JOIN pg_namespace AS n"
                " ON n.oid = c.relnamespace WHERE n.nspname = 'viewed' AND c.relkind IN ('v', 'm')"
            ).fetchall()
    finally:
        with database.connect() as session:
            session.execute("DROP SCHEMA viewed CASCADE")
    found = lineage_of([View(*view) for view in views], columns, "postgres", folded=False)
    known = {(edge.source, edge.target): set(edge.columns) for edge in recorded}
    parsed = {(edge.source, edge.target): set(edge.columns) for edge in found.edges}
    assert found.unread == []
    assert parsed.keys() == known.keys()
    assert parsed == known


VIEWS = """
CREATE SCHEMA viewed;
CREATE TABLE viewed."Odd name" (id int, "Mixed Case" text, extra int);
CREATE VIEW viewed.odd AS SELECT "Mixed Case" AS m FROM viewed."Odd name" WHERE extra > 0;
CREATE VIEW viewed.joined AS SELECT o.id, c.name FROM shop.orders AS o JOIN shop.customer AS c ON c.id = o.customer_id;
CREATE VIEW viewed.outer_joined AS SELECT c.name, o.total FROM shop.customer AS c LEFT JOIN shop.orders AS o ON o.customer_id = c.id;
CREATE VIEW viewed.stars AS SELECT * FROM viewed.joined;
CREATE VIEW viewed.unions AS SELECT id FROM shop.orders UNION SELECT id FROM shop.customer;
CREATE VIEW viewed.nested AS SELECT t.total FROM (SELECT total FROM shop.orders WHERE id > 3) AS t;
CREATE VIEW viewed.with_cte AS WITH big AS (SELECT customer_id, total FROM shop.orders WHERE total > 100)
    SELECT c.name, big.total FROM big JOIN shop.customer AS c ON c.id = big.customer_id;
CREATE VIEW viewed.exists_one AS SELECT name FROM shop.customer AS c
    WHERE EXISTS (SELECT 1 FROM shop.orders AS o WHERE o.customer_id = c.id);
CREATE VIEW viewed.windowed AS SELECT id, sum(total) OVER (PARTITION BY customer_id ORDER BY id) AS running FROM shop.orders;
CREATE VIEW viewed.cases AS SELECT CASE WHEN total > 10 THEN 'big' ELSE 'small' END AS size FROM shop.orders;
CREATE VIEW viewed.lateral_one AS SELECT c.id, t.total FROM shop.customer AS c,
    LATERAL (SELECT total FROM shop.orders AS o WHERE o.customer_id = c.id ORDER BY total DESC LIMIT 1) AS t;
CREATE VIEW viewed.grouped AS SELECT customer_id, count(id) AS n FROM shop.orders GROUP BY customer_id HAVING sum(total) > 10;
CREATE VIEW viewed.scalar AS SELECT id, (SELECT max(total) FROM shop.orders) AS most FROM shop.customer;
CREATE VIEW viewed.twice AS SELECT a.id, b.total FROM shop.orders AS a JOIN shop.orders AS b ON a.customer_id = b.customer_id;
CREATE MATERIALIZED VIEW viewed.kept AS SELECT total FROM viewed.unions JOIN shop.orders USING (id);
CREATE RECURSIVE VIEW viewed.numbers (n) AS SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 5;
"""


@pytest.mark.parametrize("dialect", ["mysql", "clickhouse", "snowflake", "postgres"])
def test_what_a_literal_says_is_not_read(dialect: str) -> None:
    """A view of one long interval or time would keep the process of a run for an hour, and no limit of ours would end it."""
    for literal in (
        f"INTERVAL '{'1' * 150_000}' DAY",
        f"TIMESTAMP '{':' * 150_000}'",
        f"'{'x' * 150_000}'",
        "1" * 150_000,
    ):
        assert edges(f"SELECT {literal} AS a, total FROM orders", dialect) == {"shop.Orders": ["total"]}
