"""What a statement of the past writes and reads, whoever kept its text."""

import logging

import pytest

from datasources.databases.history.edges import AmbiguousName, FoldedNames, Written, edges_by
from datasources.databases.history.names import SchemaNames
from datasources.databases.history.statements import Named, Write, deed_of
from datasources.databases.postgres.history.names import PgNames

KNOWN = [("s", name) for name in ("a", "b", "c", "d", "log", "Mixed")]
FOLDED = FoldedNames(KNOWN, "shop")
Pairs = set[tuple[str, str]]

CASES: dict[str, Pairs] = {
    "INSERT INTO s.a SELECT * FROM s.b JOIN s.c ON true": {("b", "a"), ("c", "a")},
    "INSERT INTO s.a VALUES (1, (SELECT max(x) FROM s.b))": {("b", "a")},
    "INSERT INTO s.a VALUES (1)": set(),
    "INSERT INTO s.a SELECT x FROM s.b ON CONFLICT (x) DO UPDATE SET x = EXCLUDED.x": {("b", "a")},
    "CREATE TABLE s.a AS SELECT * FROM s.b UNION ALL SELECT * FROM s.c": {("b", "a"), ("c", "a")},
    "CREATE TABLE s.a (x int REFERENCES s.b (x), LIKE s.c)": set(),
    "CREATE TEMP TABLE a AS SELECT * FROM s.b": set(),
    "CREATE VIEW s.a AS SELECT * FROM s.b": set(),
    "CREATE MATERIALIZED VIEW s.a AS SELECT * FROM s.b": set(),
    "SELECT x INTO s.a FROM s.b": {("b", "a")},
    "SELECT x INTO TEMP a FROM s.b": set(),
    "MERGE INTO s.a USING s.b ON s.a.x = s.b.x WHEN MATCHED THEN UPDATE SET x = 1": {("b", "a")},
    "UPDATE s.a SET x = b.x FROM s.b AS b WHERE a.y = b.y": {("b", "a")},
    "UPDATE s.a SET x = (SELECT max(x) FROM s.b)": {("b", "a")},
    "UPDATE s.a SET x = 1": set(),
    "DELETE FROM s.a USING s.b WHERE a.x = b.x": set(),
    "COPY (SELECT * FROM s.b) TO STDOUT": set(),
    "SELECT * FROM s.b": set(),
    "WITH moved AS (DELETE FROM s.b RETURNING *) INSERT INTO s.a SELECT * FROM moved": {("b", "a")},
    "WITH b AS (SELECT * FROM s.c) INSERT INTO s.a SELECT * FROM b": {("c", "a")},
    "WITH one AS (SELECT * FROM s.b), two AS (SELECT * FROM one) INSERT INTO s.a SELECT * FROM two": {("b", "a")},
    "INSERT INTO s.a WITH one AS (SELECT * FROM s.b) SELECT * FROM one": {("b", "a")},
    "WITH RECURSIVE up AS (SELECT x FROM s.b UNION SELECT c.x FROM s.c AS c JOIN up ON true)"
    " INSERT INTO s.a SELECT x FROM up": {("b", "a"), ("c", "a")},
    "WITH unused AS (SELECT * FROM s.c) INSERT INTO s.a SELECT * FROM s.b": {("b", "a")},
    "WITH added AS (INSERT INTO s.b SELECT * FROM s.c RETURNING *), gone AS (DELETE FROM s.d)"
    " INSERT INTO s.a SELECT * FROM added": {("c", "b"), ("b", "a"), ("c", "a")},
    "WITH added AS (INSERT INTO s.b SELECT * FROM s.c RETURNING *) SELECT count(*) FROM added": {("c", "b")},
    "WITH a AS (SELECT 1 AS x) INSERT INTO s.b SELECT x FROM a": set(),
    "INSERT INTO s.a SELECT * FROM s.b; INSERT INTO s.c SELECT * FROM s.d;": {("b", "a"), ("d", "c")},
    "INSERT INTO s.a SELECT * FROM s.a": set(),
    "INSERT INTO s.a SELECT * FROM s.gone": set(),
    "INSERT INTO s.gone SELECT * FROM s.a": set(),
    "INSERT INTO s.a SELECT n FROM generate_series(1, 3) AS n, LATERAL (SELECT * FROM s.b) AS x": {("b", "a")},
}


def pairs(sql: str) -> Pairs:
    """The names of the ends of each edge."""
    edges, _, unread = edges_by([Written(sql)], FOLDED, "postgres")
    assert unread == 0
    return {(edge.source.name, edge.target.name) for edge in edges}


@pytest.mark.parametrize("sql", CASES)
def test_what_statements_make(sql: str) -> None:
    """Each edge, and no other."""
    assert pairs(sql) == CASES[sql]


def test_a_name_of_a_with_inside_of_itself() -> None:
    """There it is the table, as it is for a query before the one that takes the name."""
    (write,) = deed_of("WITH b AS (SELECT * FROM b) INSERT INTO s.a SELECT * FROM b", "postgres").writes
    assert write == Write(Named("a", "s"), frozenset({Named("b")}))


WITHS = {
    "postgres": {'"orders"'},
    "oracle": {'"ORDERS"'},
    "netezza": {'"ORDERS"'},
    "mysql": {"`orders`"},
    "mariadb": {"`orders`", "`Orders`", "`ORDERS`"},
    "clickhouse": {"`orders`"},
    "tsql": {"[orders]", "[Orders]", "[ORDERS]"},
    "bigquery": {"`orders`", "`Orders`", "`ORDERS`"},
    "teradata": {'"orders"', '"Orders"', '"ORDERS"'},
    "redshift": {'"orders"', '"Orders"', '"ORDERS"'},
    "trino": {'"orders"', '"Orders"', '"ORDERS"'},
    "athena": {'"orders"', '"Orders"', '"ORDERS"'},
    "dremio": {'"orders"', '"Orders"', '"ORDERS"'},
}
"""The quoted names of a WITH that `orders` means in each dialect, of those that differ in case alone."""


@pytest.mark.parametrize("dialect", WITHS)
def test_a_name_of_a_with_in_another_case(dialect: str) -> None:
    """Each product has its rule: it folds unquoted names to lower or to upper case, or ignores case, or never does."""
    mark = next(iter(WITHS[dialect]))
    for name in ("orders", "Orders", "ORDERS"):
        quoted = f"{mark[0]}{name}{mark[-1]}"
        (write,) = deed_of(f"INSERT INTO t WITH {quoted} AS (SELECT * FROM x) SELECT * FROM orders", dialect).writes
        assert write.sources == {Named("x" if quoted in WITHS[dialect] else "orders")}, quoted


def test_what_is_not_understood_is_unread() -> None:
    """Never a statement that makes nothing: a part of a text, a text that is too long, and one on which a parser fails."""
    texts = [
        "INSERT INTO s.a SELECT * FROM s.b; VACUUM",
        "INSERT INTO s.a SELECT (((",
        "INSERT INTO s.a SELECT 1 " + " " * 200_000,
        "INSERT INTO s.a SELECT " + "(" * 5000 + "1" + ")" * 5000,
    ]
    edges, count, unread = edges_by([Written(text) for text in texts], FOLDED, "postgres")
    assert ([str(edge.source) for edge in edges], count, unread) == (["s.b"], 1, 4)


def test_no_text_is_in_a_log(caplog: pytest.LogCaptureFixture) -> None:
    """What statements say may be a secret, whether they are understood or not."""
    texts = [
        "CREATE ROLE x PASSWORD 's3cret'",
        "INSERT INTO s.a SELECT 's3cret' FROM ((",
        "DO 's3cret'",
        "VACUUM s3cret",
    ]
    with caplog.at_level(logging.DEBUG):
        edges_by([Written(text) for text in texts], FOLDED, "postgres")
    assert "s3cret" not in caplog.text


ROWS = [
    ("s", "a", True), ("s", "b", True), ("s", "A", True), ("s", "twin", True), ("t", "twin", False),
    ("s", "half", True), ("pg_catalog", "half", False), ("t", "secret", False),
]  # fmt: skip


@pytest.mark.parametrize(
    ("sql", "found", "unread"),
    [
        ("INSERT INTO A SELECT * FROM b", {("s.b", "s.a")}, 0),
        ('INSERT INTO "A" SELECT * FROM S.B', {("s.b", "s.A")}, 0),
        ('INSERT INTO s.a SELECT * FROM s."B"', set(), 0),
        ("INSERT INTO a SELECT * FROM twin, b", {("s.b", "s.a")}, 1),
        ("INSERT INTO twin SELECT * FROM b", set(), 1),
        ("INSERT INTO a SELECT * FROM half", set(), 1),
        ("INSERT INTO a SELECT * FROM s.twin, t.twin", {("s.twin", "s.a")}, 0),
        ("INSERT INTO a SELECT * FROM secret", set(), 0),
        ('WITH "B" AS (SELECT * FROM s.twin) INSERT INTO s.a SELECT * FROM b', {("s.b", "s.a")}, 0),
        ('WITH b AS (SELECT * FROM s.twin) INSERT INTO s.a SELECT * FROM "b", B', {("s.twin", "s.a")}, 0),
        ("INSERT INTO shop.s.a SELECT * FROM other.s.b", set(), 0),
        ("INSERT INTO shop.s.a SELECT * FROM shop.s.b", {("s.b", "s.a")}, 0),
        ("CREATE TEMP TABLE b AS SELECT 1 AS x; INSERT INTO a SELECT * FROM b", set(), 1),
        ("CREATE TEMP TABLE b AS SELECT 1 AS x; INSERT INTO a SELECT * FROM s.b", {("s.b", "s.a")}, 0),
    ],
)
def test_names_in_postgresql(sql: str, found: Pairs, unread: int) -> None:
    """By their case; without a schema, where one table of the database has the name, and no temporary one had it."""
    edges, _, not_read = edges_by([Written(sql)], PgNames(ROWS, "shop"), "postgres")
    assert {(str(edge.source), str(edge.target)) for edge in edges} == found
    assert not_read == unread


JOINED: dict[str, Pairs | None] = {
    "UPDATE s.a JOIN s.b ON a.x = b.x SET a.y = b.y": {("b", "a")},
    "UPDATE s.a, s.b SET b.y = a.y WHERE a.x = b.x": {("a", "b")},
    "UPDATE s.b AS o LEFT JOIN s.a AS i USING (x) SET i.y = o.y, i.z = 1": {("b", "a")},
    "UPDATE s.a JOIN s.b USING (x) SET a.y = b.y, b.z = a.z": {("a", "b"), ("b", "a")},
    "UPDATE s.a JOIN (SELECT x FROM s.c) AS n USING (x) SET a.y = n.y": {("c", "a")},
    "WITH n AS (SELECT x FROM s.c) UPDATE s.a JOIN n USING (x) SET a.y = n.y": {("c", "a")},
    "UPDATE s.a JOIN s.b USING (x) SET y = 1": None,
    "UPDATE s.a JOIN s.b USING (x) SET nothing.y = 1": None,
    "DELETE a FROM s.a JOIN s.b USING (x)": set(),
    "INSERT INTO s.a SELECT * FROM s.Mixed": {("Mixed", "a")},
    "INSERT INTO s.a SELECT * FROM s.mixed": set(),
}


@pytest.mark.parametrize("sql", JOINED)
def test_what_is_set_in_a_join(sql: str) -> None:
    """MySQL's UPDATE sets the table of each column; one that does not say whose column it is, is not understood."""
    edges, _, unread = edges_by([Written(sql)], SchemaNames(KNOWN, folded=False), "mysql")
    made = JOINED[sql]
    assert {(edge.source.name, edge.target.name) for edge in edges} == (made or set())
    assert unread == (made is None)


def test_names_in_upper_case() -> None:
    """MariaDB's digests write names that are words of SQL so: they mean the one table that differs in nothing else."""
    known = [("s", "events"), ("s", "Data"), ("s", "DATA"), ("s", "date"), ("s", "Date")]
    names = SchemaNames(known, folded=False, shouted=True)
    for name, found in (
        ("EVENTS", "events"),
        ("events", "events"),
        ("Events", None),
        ("DATA", "DATA"),
        ("Data", "Data"),
    ):
        table = names.find(Named(name, "s"), Written(""))
        assert (table.name if table else None) == found
    with pytest.raises(AmbiguousName):
        names.find(Named("DATE", "s"), Written(""))
    assert SchemaNames(known, folded=False).find(Named("EVENTS", "s"), Written("")) is None


def test_names_without_a_schema() -> None:
    """Where nothing tells the schema of a session, the statement is not understood; case counts as the server has it."""
    for names, schema, made, lost in (
        (SchemaNames(KNOWN, folded=False), "s", 1, 0),
        (SchemaNames(KNOWN, folded=False), "S", 0, 0),
        (SchemaNames(KNOWN, folded=True), "S", 1, 0),
        (SchemaNames(KNOWN, folded=True), "", 0, 1),
    ):
        edges, _, unread = edges_by([Written("INSERT INTO a SELECT * FROM b", schema)], names, "mysql")
        assert (len(edges), unread) == (made, lost)
