"""Two calls of libpq that psycopg does not have, made through psycopg's own copy of it."""

import ctypes
import sys
from functools import cache
from typing import Any

from psycopg import pq


@cache
def libpq() -> Any:
    """The libpq that psycopg uses, found through psycopg's own extension; None where it cannot be called."""
    file = sys.modules[pq.PGconn.__module__].__file__ or ""
    try:
        library = ctypes.CDLL(file)
        library.PQsetErrorVerbosity.restype = ctypes.c_int
        library.PQsslAttribute.restype = ctypes.c_char_p
    except (OSError, AttributeError):
        return None
    return library


def address_of(connection: pq.abc.PGconn) -> ctypes.c_void_p:
    """The connection as libpq's functions take it."""
    # Documented by psycopg for calls like these, and missing in its protocol class.
    address: int | None = connection.pgconn_ptr  # type: ignore[attr-defined]
    return ctypes.c_void_p(address)


def tls_version(connection: pq.abc.PGconn) -> str | None:
    """Like `TLSv1.3`: of the connection itself, to whatever answers at its other end, which may be a pooler."""
    library = libpq()
    found: bytes | None = library.PQsslAttribute(address_of(connection), b"protocol") if library else None
    return found.decode(errors="replace") if found else None
