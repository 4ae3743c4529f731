"""SQLSTATEs of errors at login, which libpq keeps to itself unless asked for verbose messages."""

import ctypes
import re
import sys
from collections.abc import Sequence
from functools import cache
from typing import Any

from psycopg import pq

DEFAULT, VERBOSE = 1, 2
"""libpq's PGVerbosity."""
SERVER_SAID = re.compile(r"^[^\s:]+:  (?:([0-9A-Z]{5}): )?(.*)$")
"""Severity (translated, as the text is), SQLSTATE, text."""


def verbose(connection: pq.abc.PGconn, level: int) -> None:
    """Have libpq put the SQLSTATE into its messages; nothing happens where its library cannot be called."""
    library = _libpq()
    if library is not None:
        # Documented by psycopg for calls like this one, and missing in its protocol class.
        address: int | None = connection.pgconn_ptr  # type: ignore[attr-defined]
        library.PQsetErrorVerbosity(ctypes.c_void_p(address), level)


def refusals_in(lines: Sequence[str]) -> list[tuple[str | None, str]]:
    """SQLSTATE and sentence of each refusal of the server in these lines; none when libpq itself is speaking.

    In verbose messages, DETAIL, HINT and LOCATION look like the sentence, but for the SQLSTATE; without any SQLSTATE
    the first line is the sentence.
    """
    spoken = [(found[1], found[2]) for line in lines if (found := SERVER_SAID.match(line))]
    return [said for said in spoken if said[0] is not None] or spoken[:1]


@cache
def _libpq() -> Any:
    """The libpq that psycopg uses, found through psycopg's own extension; psycopg has no such call itself."""
    file = sys.modules[pq.PGconn.__module__].__file__ or ""
    try:
        library = ctypes.CDLL(file)
        library.PQsetErrorVerbosity.restype = ctypes.c_int
    except (OSError, AttributeError):
        return None
    return library
