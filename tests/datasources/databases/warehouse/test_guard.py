"""What a product without read-only sessions is never sent."""

import pytest

from datasources.databases.warehouse.guard import require_reading
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
