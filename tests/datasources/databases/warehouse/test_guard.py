"""What a product without read-only sessions is never sent."""

from typing import Any

import pytest

from datasources.databases.cockroachdb.session import INTERNAL
from datasources.databases.db2.session import Db2Session
from datasources.databases.netezza.session import NetezzaSession
from datasources.databases.oracle.session import OracleSession
from datasources.databases.vertica.session import META
from datasources.databases.warehouse.guard import refuse_calls, require_reading
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode

READS = [
    "SELECT 1",
    "select count(*) from shop.orders -- how many; really",
    "WITH a AS (SELECT 1 AS n) SELECT n FROM a;",
    "SELECT 'it''s; DROP TABLE x' AS text",
    "SHOW TABLES",
    "DESCRIBE TABLE shop.orders",
    "SELECT 'http://somewhere/#1'",
    "SELECT sum(load), count(start), max(end), (call) FROM shop.orders",
    "SELECT replace(name, 'a', 'b'), truncate(price, 2), cast(export AS date), '(drop table x)' FROM t",
    "SELECT rank() OVER (PARTITION BY put ORDER BY pause DESC), (drop IS NULL), (kill IN (1)) FROM t",
    "SELECT shutdown, last_value, 'nextval' FROM t",
]
WRITES = [
    "INSERT INTO kept VALUES (1)",
    "CREATE TABLE made (a int)",
    "CALL made()",
    "SET x = 1",
    "USE SCHEMA scratch",
    "BEGIN",
    "EXECUTE IMMEDIATE 'DROP TABLE kept'",
    "COPY INTO @stage FROM kept",
    "PUT file:///etc/passwd @stage",
    "GET @stage file:///tmp",
    "UNLOAD (SELECT 1) TO 's3://x'",
    "WITH a AS (SELECT 1) INSERT INTO kept SELECT * FROM a",
    "FROM shop.orders INSERT INTO kept SELECT *",
    "SELECT 1; DROP TABLE kept",
    # Texts that one product reads in another way than the next one.
    r"WITH a AS (SELECT 'a\'' AS b) INSERT INTO kept SELECT 1 --'",
    "WITH a AS (SELECT 1) // it's\nINSERT INTO kept SELECT 1 --'",
    "WITH a AS (SELECT 1) # it's\nINSERT INTO kept SELECT 1 --'",
    "WITH a AS (SELECT 1) /* it's */ INSERT INTO kept SELECT 1 --'",
    "",
    "-- nothing",
    "SELECT * FROM [CANCEL JOBS (SELECT 1)]",
    "SELECT * FROM [ /* x */ CREATE TABLE made (a int)] AS x",
    "WITH a AS (DROP TABLE kept) SELECT 1",
    "SELECT * FROM FOREIGN TABLE (CREATE TABLE made (a int))@other AS x",
    'SELECT * FROM FOREIGN TABLE ("DROP" TABLE kept)@other AS x',
    "SELECT * FROM (CALL made) AS x",
    "VALUES NEXT VALUE FOR numbers",
    "VALUES (NEXTVAL FOR numbers)",
    "SELECT numbers.nextval FROM dual",
    "SELECT nextval('numbers')",
]
CHANGES = [
    "SELECT SHUTDOWN('true')",
    "SELECT v_catalog.set_config_parameter('a', 'b')",
    "SELECT \"drop_partitions\" ('a', 1, 2)",
    "SELECT COPY_TABLE /* x */ ('a', 'b')",
    "SELECT EXPORT_OBJECTS('/tmp/made')",
    "SELECT S3EXPORT(a USING PARAMETERS url='s3://x') OVER () FROM kept",
    "SELECT purge()",
    "SELECT close_all_sessions()",
    "SELECT analyze_statistics('kept')",
]
HARMLESS = [
    "SELECT add_months(now(), 1), replace('purge()', 'a', 'b'), date_trunc('day', set_at), copy FROM kept",
    "SELECT current_user(), set_union(a, b), has_role('sysmonitor'), export FROM kept WHERE shutdown IN (1)",
    "SELECT crdb_internal FROM kept",
]


@pytest.mark.parametrize("sql", READS)
def test_statements_that_read(sql: str) -> None:
    """They are let through."""
    require_reading(sql)


@pytest.mark.parametrize("sql", WRITES)
def test_everything_else(sql: str) -> None:
    """It is refused before it is sent (security row 6)."""
    with pytest.raises(CheckError) as caught:
        require_reading(sql)
    assert caught.value.code is ErrorCode.QUERY_NOT_READ_ONLY


@pytest.mark.parametrize("sql", CHANGES)
def test_functions_that_change_something(sql: str) -> None:
    """Vertica's session that only reads lets them be called (security row 6)."""
    require_reading(sql)
    with pytest.raises(CheckError, match="does more than read"):
        refuse_calls(sql, META)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT crdb_internal.force_panic('x')",
        'SELECT "crdb_internal" . "unsafe_upsert_descriptor" (1, \'x\')',
    ],
)
def test_functions_inside_of_a_cluster(sql: str) -> None:
    """CockroachDB has some that end a node, or write what it is made of."""
    with pytest.raises(CheckError, match="does more than read"):
        refuse_calls(sql, INTERNAL)


@pytest.mark.parametrize(
    ("session", "sql"),
    [
        (NetezzaSession, "SELECT * FROM EXTERNAL '/etc/passwd' (line varchar(1000)) USING (delim 0)"),
        (NetezzaSession, "select * from orders, external/* x */'/etc/passwd' sameas orders"),
        (NetezzaSession, "SELECT * FROM external -- x\n '/etc/passwd' USING (remotesource 'jdbc')"),
        (NetezzaSession, "WITH a AS (SELECT * FROM\nExternal\t'/x' SAMEAS orders) SELECT count(*) FROM a"),
        (Db2Session, "SELECT * FROM EXTERNAL '/home/db2inst1/x' (line VARCHAR(100)) USING (DELIMITER 'x') AS t"),
        (Db2Session, "SELECT 'it\\''s', t.a FROM EXTERNAL '/x' LIKE shop.orders AS t"),
        (OracleSession, "SELECT * FROM EXTERNAL ((a NUMBER) TYPE ORACLE_LOADER DEFAULT DIRECTORY d LOCATION ('x'))"),
        (OracleSession, "SELECT * FROM external/**/((a NUMBER) TYPE ORACLE_LOADER DEFAULT DIRECTORY d LOCATION ('x'))"),
    ],
)
def test_files_as_tables(session: Any, sql: str) -> None:
    """A query that names a file of the server's as a table is refused (security row 6)."""
    require_reading(sql)
    with pytest.raises(CheckError, match="external table") as caught:
        session(None, 1).require_reading(sql)
    assert caught.value.code is ErrorCode.QUERY_NOT_READ_ONLY


@pytest.mark.parametrize(
    ("session", "sql"),
    [
        (NetezzaSession, "SELECT 'from external ''/x' AS text -- external '/x'\n FROM externals"),
        (Db2Session, "SELECT external_id FROM shop.orders"),
        (OracleSession, "SELECT external, t.external FROM shop.orders t WHERE external IN ('x')"),
    ],
)
def test_names_like_external(session: Any, sql: str) -> None:
    """They are no files."""
    session(None, 1).require_reading(sql)


@pytest.mark.parametrize("sql", HARMLESS)
def test_functions_that_read(sql: str) -> None:
    """Names alone, and calls within texts, are none of these."""
    refuse_calls(sql, META)
    refuse_calls(sql, INTERNAL)


def test_a_long_name_is_read_once() -> None:
    """And not again from each of its letters."""
    refuse_calls(f"SELECT {'a' * 200_000}", META)
