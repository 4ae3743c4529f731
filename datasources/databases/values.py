"""The test query's text on its way in, its first value on its way out, and why it is refused."""

import time
from collections.abc import Sequence

from datasources.databases.base import QueryAnswer
from datasources.databases.flood import MEGABYTE, Flood
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode

VALUE_LIMIT = 65536
"""Characters of the value that are kept: more than are shown, for half a secret at its end is not recognised."""


def refuse_nul(sql: str) -> None:
    """Raises `CheckError`: texts of most protocols end there."""
    if "\0" in sql:
        raise CheckError(ErrorCode.QUERY_ERROR, "The test query contains a NUL character", {"stage": "query"})


def as_text(value: object, codec: str = "utf-8") -> str | None:
    """A driver's value as text, cut; null is None, and bytes are read in this encoding."""
    if value is None:
        return None
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value[: VALUE_LIMIT * 4]).decode(codec, errors="replace")[:VALUE_LIMIT]
    return str(value)[:VALUE_LIMIT]


def answer_of(row: Sequence[object] | None, started: float) -> QueryAnswer:
    """The answer whose first row this is, to a query that was sent when the monotonic clock said `started`."""
    spent = round((time.monotonic() - started) * 1000, 3)
    return QueryAnswer(value=as_text(row[0]) if row else None, response_time_ms=spent, has_row=row is not None)


def no_reading(more: str = "") -> CheckError:
    """The error for a text that is no single statement that reads."""
    message = f"Use a single statement that only reads{more}"
    return CheckError(ErrorCode.QUERY_NOT_READ_ONLY, message, {"stage": "query"})


def no_rows() -> CheckError:
    """The error for a statement that does something and returns no rows."""
    message = "The test query returns no rows; only statements that return rows are allowed"
    return CheckError(ErrorCode.QUERY_NOT_READ_ONLY, message, {"stage": "query"})


def has_parameters() -> CheckError:
    """The error for a statement with places for values, of which there are none."""
    message = "The test query contains parameters ($1, ...); they are not supported"
    return CheckError(ErrorCode.QUERY_ERROR, message, {"stage": "query"})


def too_wide(flood: Flood) -> CheckError:
    """The error for a row that is larger than one answer may be."""
    message = f"A row of the test query has more than {flood.most // MEGABYTE} MB"
    return CheckError(ErrorCode.QUERY_ERROR, message, {"stage": "query"})
