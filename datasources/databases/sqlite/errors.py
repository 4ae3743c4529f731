"""sqlite3's errors as ours, once: by SQLite's own result codes."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode

RESULTS: dict[str, ErrorCode] = {
    "SQLITE_NOTADB": ErrorCode.DATABASE_NOT_FOUND,
    "SQLITE_CANTOPEN": ErrorCode.DATABASE_NOT_FOUND,
    "SQLITE_PERM": ErrorCode.PERMISSION_DENIED,
    "SQLITE_READONLY": ErrorCode.QUERY_NOT_READ_ONLY,
    "SQLITE_AUTH": ErrorCode.QUERY_NOT_READ_ONLY,
    "SQLITE_BUSY": ErrorCode.TIMEOUT,  # another process writes, and goes on to
    "SQLITE_LOCKED": ErrorCode.TIMEOUT,
    "SQLITE_INTERRUPT": ErrorCode.TIMEOUT,
    "SQLITE_CORRUPT": ErrorCode.CONNECTION_ERROR,
    "SQLITE_IOERR": ErrorCode.CONNECTION_ERROR,
}
"""By primary result code; an extended one begins with it."""
ONE_STATEMENT = "You can only execute one statement at a time."
"""Python's own words: it has no type of its own for that."""


def code_of(error: sqlite3.Error | sqlite3.Warning) -> ErrorCode:
    """The code for an error of sqlite3."""
    name: str = getattr(error, "sqlite_errorname", None) or ""
    primary = "_".join(name.split("_")[:2])
    if not name and str(error) == ONE_STATEMENT:
        return ErrorCode.QUERY_NOT_READ_ONLY
    return RESULTS.get(primary, ErrorCode.QUERY_ERROR)


@contextmanager
def translated(stage: str, prefix: str = "", *, kind: type[CheckError] = CheckError) -> Iterator[None]:
    """Raise `CheckError`, or the `kind` of it that is named, for any error of sqlite3."""
    try:
        yield
    except (sqlite3.Error, sqlite3.Warning) as error:
        code = code_of(error)
        if code is ErrorCode.QUERY_NOT_READ_ONLY and stage != "query":
            code = ErrorCode.PERMISSION_DENIED  # a file that may only be read is not the fault of a query
        details = {"stage": stage, "sqlite_code": getattr(error, "sqlite_errorname", None)}
        raise kind(code, f"{prefix}{error}", details) from error
