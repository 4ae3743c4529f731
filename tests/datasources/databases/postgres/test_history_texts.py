"""Which texts of statements are worth reading, and how a parser takes what PostgreSQL makes of constants."""

import pytest

from datasources.databases.history.statements import deed_of
from datasources.databases.postgres.history.texts import is_worth_reading, readable


@pytest.mark.parametrize(
    "text",
    [
        "INSERT INTO a SELECT * FROM b",
        "/* dbt */ -- model\n  insert into a select 1 from b",
        "(SELECT x INTO a FROM b)",
        "create unlogged table a as select 1 from b",
        "CREATE TABLE a AS TABLE b",
        "INSERT INTO a TABLE b",
        "CREATE LOCAL TEMP TABLE a (x int)",
        "PREPARE p (int) AS INSERT INTO a SELECT * FROM b WHERE x = $1",
        "WITH x AS (SELECT 1) UPDATE a SET y = x.y FROM x",
        "DO $$ BEGIN INSERT INTO a SELECT * FROM b; END $$",
        "MERGE INTO a USING b ON true WHEN MATCHED THEN DO NOTHING",
    ],
)
def test_worth_reading(text: str) -> None:
    """It may fill a table from another, or hide a name."""
    assert is_worth_reading(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/* only this",
        "SELECT * FROM b",
        "INSERT INTO a VALUES ($1)",
        "UPDATE a SET x = $1 WHERE y = $2",
        "CREATE TABLE a (x int)",
        "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'INSERT INTO a SELECT * FROM b'",
        "CREATE RULE r AS ON INSERT TO a DO INSTEAD INSERT INTO c SELECT * FROM b",
        "EXPLAIN INSERT INTO a SELECT * FROM b",
        "ALTER ROLE into PASSWORD 'select'",
        "PREPARE p AS SELECT x FROM into",
        "COPY a FROM STDIN",
        pytest.param("(" * 100_000, id="brackets"),
        pytest.param("--" * 100_000, id="comments to the end"),
        pytest.param("/*" * 100_000, id="comments that do not end"),
        pytest.param("/**/" * 400_000, id="comments"),
    ],
)
def test_not_worth_reading(text: str) -> None:
    """It fills none, or is no statement."""
    assert not is_worth_reading(text)


@pytest.mark.parametrize(
    "condition",
    [
        "at > now() - interval $1",
        "at > date $1 AND at < timestamp $2",
        "extract($1 from at) = $2",
        "x IN ($1 /*, ... */) OR x = ANY ($2)",
        "x = $1::int AND y LIKE $2 AND z ~ $3",
        "substring(y from $1 for $2) = $3 AND position($4 in y) > $5 AND trim($6 from y) = $7",
        "j -> $1 ->> $2 = $3 AND j @> $4::jsonb",
        "x BETWEEN $1 AND $2 GROUP BY x ORDER BY $3 LIMIT $4 OFFSET $5",
        "at AT TIME ZONE $1 < $2",
        "x = $1 FETCH FIRST $2 ROWS ONLY",
        "coalesce(y, $1) || $2 = CASE WHEN x > $3 THEN $4 ELSE $5 END",
        "date_trunc($1, at) = $2 AND x % $3 = -$4",
        "numeric $1 < x",
        "x = $1 AND \"odd $1\" = '$2 it''s'",
    ],
)
def test_constants_become_parameters(condition: str) -> None:
    """pg_stat_statements writes `interval $1`, which is no SQL: it is read all the same."""
    deed = deed_of(readable(f"INSERT INTO s.a (x) SELECT x FROM s.b WHERE {condition}"), "postgres")
    assert [(write.target.name, {source.name for source in write.sources}) for write in deed.writes] == [("a", {"b"})]


def test_what_is_prepared() -> None:
    """Its statement, which is what runs."""
    text = "PREPARE p (numeric(10, 2), text) AS INSERT INTO s.a SELECT x FROM s.b WHERE y = $1"
    assert readable(text) == "INSERT INTO s.a SELECT x FROM s.b WHERE y = '1'"
    assert (
        readable("""INSERT INTO "a $1" SELECT '$1', $12 FROM b""") == """INSERT INTO "a $1" SELECT '$1', '1' FROM b"""
    )
