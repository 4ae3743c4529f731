"""A caller's own query: it may only read, whatever its text says."""

import re
import time
from typing import Any

from datasources.databases.base import QueryAnswer
from datasources.databases.flood import Flood
from datasources.databases.mysql.connect import forget_rest
from datasources.databases.values import answer_of, no_reading, no_rows, refuse_nul, too_wide

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
        raise no_reading()


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
            raise no_rows()
        answer = answer_of(cursor.fetchone(), started)
    except Flood as error:
        raise too_wide(error) from error
    finally:
        forget_rest(driver)
    return answer
