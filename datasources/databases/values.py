"""The test query's text on its way in, and its first value on its way out."""

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
