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
ADVICE: dict[str, str] = {
    "SQLITE_NOTADB": "Check the path: this file is none of SQLite's, or it is encrypted.",
    "SQLITE_BUSY": "Another process writes to the file: test again when it has finished, or raise the time limit.",
    "SQLITE_LOCKED": "Another process writes to the file: test again when it has finished, or raise the time limit.",
    "SQLITE_CORRUPT": "The file is damaged: restore it from a backup.",
    "SQLITE_IOERR": "The worker's disk fails to read or write the file: look into the log of its system.",
}
"""By the same codes, where more is known than the error code's own sentence, which is about servers."""
ONE_STATEMENT = "You can only execute one statement at a time."
"""Python's own words: it has no type of its own for that."""


def code_of(error: sqlite3.Error | sqlite3.Warning) -> ErrorCode:
    """The code for an error of sqlite3."""
    if not _primary(error) and str(error) == ONE_STATEMENT:
        return ErrorCode.QUERY_NOT_READ_ONLY
    return RESULTS.get(_primary(error), ErrorCode.QUERY_ERROR)


def _primary(error: sqlite3.Error | sqlite3.Warning) -> str:
    """The primary result code; empty for an error of Python's module."""
    name: str = getattr(error, "sqlite_errorname", None) or ""
    return "_".join(name.split("_")[:2])


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
        raise kind(code, f"{prefix}{error}", details, ADVICE.get(_primary(error))) from error
