"""A caller's own query: it may only read, whatever its text says."""

import re
import time
from typing import Any

from datasources.databases.base import QueryAnswer
from datasources.databases.flood import MEGABYTE, Flood
from datasources.databases.mysql.connect import forget_rest
from datasources.databases.values import as_text, refuse_nul
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode

LEADING = re.compile(r"(?:\s|\(|--[\s][^\n]*(?:\n|\Z)|\#[^\n]*(?:\n|\Z)|/\*(?![!+]|M!).*?\*/)*", re.DOTALL)
"""What the server skips before the first word. An executable comment, `/*! … */`, is no comment."""
WORD = re.compile(r"[A-Za-z]+(?![\w$])", re.ASCII)
READS = frozenset({"select", "with", "values", "table", "show", "explain", "describe", "desc"})
"""First words by which the server knows a statement that reads, or that it stops in a read-only transaction."""
FILES = re.compile(r"\b(?:outfile|dumpfile)\b", re.IGNORECASE)


def require_reading(sql: str) -> None:
    """Raise `CheckError` for what a read-only transaction does not stop.

    We let the server take a single statement, whose first word tells its kind: so compound statements, `SET`, `CALL`,
    `KILL` and all others that have effects of their own do not get there. Left are statements that read, which the
    session's read-only transaction guards; it does not stop `INTO OUTFILE`, whose keyword has to be in the text.
    """
    refuse_nul(sql)
    start = LEADING.match(sql)
    word = WORD.match(sql, start.end() if start else 0)
    if word is None or word[0].lower() not in READS or FILES.search(sql) or "/*!" in sql or "/*M!" in sql:
        message = "Use a single statement that only reads"
        raise CheckError(ErrorCode.QUERY_NOT_READ_ONLY, message, {"stage": "query"})


def first_value(sql: str, driver: Any) -> QueryAnswer:
    """The first value of one statement in a read-only transaction; the rest is never read: close the connection."""
    from pymysql.cursors import SSCursor

    with driver.cursor() as cursor:
        cursor.execute("START TRANSACTION READ ONLY")
    cursor = SSCursor(driver)
    started = time.monotonic()
    try:
        cursor.execute(sql)
        if cursor.description is None:
            message = "The test query returns no rows (only statements that return rows are allowed)"
            raise CheckError(ErrorCode.QUERY_NOT_READ_ONLY, message, {"stage": "query"})
        row = cursor.fetchone()
    except Flood as error:
        message = f"A row of the test query has more than {error.most // MEGABYTE} MB"
        raise CheckError(ErrorCode.QUERY_ERROR, message, {"stage": "query"}) from error
    finally:
        forget_rest(driver)
    spent = round((time.monotonic() - started) * 1000, 3)
    return QueryAnswer(value=as_text(row[0]) if row else None, response_time_ms=spent, has_row=bool(row))
