"""DuckDB's errors as ours, once: by the type that it raises, and for files by its words."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode

TYPES: dict[str, ErrorCode] = {
    "InterruptException": ErrorCode.TIMEOUT,
    "PermissionException": ErrorCode.QUERY_NOT_READ_ONLY,  # files, extensions and settings are locked
    "ConnectionException": ErrorCode.TOO_MANY_CONNECTIONS,  # open in this process for the other purpose
    "FatalException": ErrorCode.CONNECTION_ERROR,
    "InternalException": ErrorCode.CONNECTION_ERROR,
}
"""By the name of the exception's type; it has no numbers."""
NO_DATABASE = "not a valid DuckDB database"
WORDS: tuple[tuple[str, ErrorCode, str], ...] = (
    ("Could not set lock on file", ErrorCode.TOO_MANY_CONNECTIONS, "Another process has the file open"),
    (NO_DATABASE, ErrorCode.DATABASE_NOT_FOUND, "The file is not a DuckDB database"),
    ("version number", ErrorCode.DRIVER_MISSING, "The file was written by a version of DuckDB that ours cannot read"),
    ("Permission denied", ErrorCode.PERMISSION_DENIED, "The worker may not open the file"),
    ("read-only mode", ErrorCode.QUERY_NOT_READ_ONLY, "Only statements that read are allowed"),
)
"""What DuckDB says of files, and what we say instead: it names paths, programs and processes of the worker."""


EXTENSION = "PermissionException"
"""What opening raises for a file of another kind that DuckDB could read with an extension, such as SQLite's."""


@contextmanager
def translated(stage: str, path: Path, prefix: str = "", *, kind: type[CheckError] = CheckError) -> Iterator[None]:
    """Raise `CheckError`, or the `kind` of it that is named, for any error of DuckDB."""
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        text = str(error)
        name = type(error).__name__
        if stage == "file" and name == EXTENSION:
            text = NO_DATABASE
        for words, code, message in WORDS:
            if words in text:
                raise kind(code, prefix + message, {"stage": stage, "duckdb_error": name}) from error
        code = TYPES.get(name, ErrorCode.CONNECTION_ERROR if stage == "file" else ErrorCode.QUERY_ERROR)
        message = text.partition("\n")[0].replace(str(path), path.name)
        raise kind(code, prefix + message, {"stage": stage, "duckdb_error": name}) from error
