"""Which queries are asked about before they are tried."""

import time

import pytest

from datasources.databases.read_only import Reading, judge

READS = [
    "SELECT 1",
    "  select version();  ",
    "-- a word: DELETE\nSELECT 1",
    "/* INSERT; */ SELECT 'UPDATE; DROP', \"delete\", $$ insert $$, $x$ $$ into $x$, E'\\'; delete' FROM t;;",
    "VALUES (1)",
    "TABLE shop.orders",
    "SHOW server_version",
    "WITH a AS (SELECT 1) SELECT * FROM a",
    "EXPLAIN SELECT 1",
    "(SELECT 1) UNION (SELECT 2)",
]
WRITES = [
    "INSERT INTO t VALUES (1)",
    "drop table t",
    "DO $$ BEGIN END $$",
    "COMMIT",
    "/* SELECT */ TRUNCATE t",
    "CALL p()",
]
UNCLEAR = [
    "",
    ";",
    "-- SELECT 1",
    "SELEC 1",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP TABLE t",
    "WITH gone AS (DELETE FROM t RETURNING id) SELECT * FROM gone",
    "EXPLAIN ANALYZE DELETE FROM t",
    "SELECT * INTO copied FROM t",
    "SELECT * FROM t FOR UPDATE",
    "/* /* nested */ still in it */ SELECT 1",
]


@pytest.mark.parametrize(
    ("sql", "reading"),
    [
        *((sql, Reading.reads) for sql in READS),
        *((sql, Reading.writes) for sql in WRITES),
        *((sql, Reading.unclear) for sql in UNCLEAR),
    ],
)
def test_readings(sql: str, reading: Reading) -> None:
    """Comments and quoted text do not count; a word in doubt is enough for a question."""
    assert judge(sql) is reading


@pytest.mark.parametrize("piece", ["/*", "'", '"', "$", "$a$", "--", "e'\\", "`", "a", ";"])
def test_long_texts(piece: str) -> None:
    """The longest query that is accepted is judged at once, whatever is in it."""
    started = time.monotonic()
    judge(piece * (100_000 // len(piece)))
    assert time.monotonic() - started < 5
