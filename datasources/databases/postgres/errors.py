"""psycopg's errors as ours, once: SQLSTATE first, then the stage reached, words of the message last."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from datasources.errors import CheckError
from datasources.words import ErrorCode

SQLSTATES: dict[str, ErrorCode] = {
    "28P01": ErrorCode.AUTHENTICATION_FAILED,
    "28000": ErrorCode.AUTHENTICATION_FAILED,
    "3D000": ErrorCode.DATABASE_NOT_FOUND,
    "3F000": ErrorCode.SCHEMA_NOT_FOUND,
    "42501": ErrorCode.PERMISSION_DENIED,
    "53300": ErrorCode.TOO_MANY_CONNECTIONS,
    "57014": ErrorCode.TIMEOUT,
    "55P03": ErrorCode.TIMEOUT,
    "25P03": ErrorCode.TIMEOUT,
    "25006": ErrorCode.QUERY_NOT_READ_ONLY,
    "57P01": ErrorCode.CONNECTION_ERROR,
    "57P02": ErrorCode.CONNECTION_ERROR,
    "57P03": ErrorCode.CONNECTION_ERROR,
}
CLASSES: dict[str, ErrorCode] = {
    "08": ErrorCode.CONNECTION_ERROR,
    "28": ErrorCode.AUTHENTICATION_FAILED,
    "53": ErrorCode.QUERY_ERROR,
    "57": ErrorCode.CONNECTION_ERROR,
}
"""SQLSTATE classes, where no single code says more."""

LOGIN_WORDS: tuple[tuple[str, ErrorCode], ...] = (
    ("too many", ErrorCode.TOO_MANY_CONNECTIONS),
    ("remaining connection slots", ErrorCode.TOO_MANY_CONNECTIONS),
    ("does not exist", ErrorCode.DATABASE_NOT_FOUND),
    ("permission denied", ErrorCode.PERMISSION_DENIED),
    ("starting up", ErrorCode.CONNECTION_ERROR),
    ("shutting down", ErrorCode.CONNECTION_ERROR),
    ("server closed the connection", ErrorCode.CONNECTION_ERROR),
    ("connection reset", ErrorCode.CONNECTION_ERROR),
    ("connection refused", ErrorCode.CONNECTION_ERROR),
    ("could not receive data", ErrorCode.CONNECTION_ERROR),
    ("certificate", ErrorCode.TLS_ERROR),
    ("SSL", ErrorCode.TLS_ERROR),
)
"""libpq gives no SQLSTATE for a refused login: its words, most telling first."""

STAGE_CODES: dict[str, ErrorCode] = {
    "tcp": ErrorCode.CONNECTION_ERROR,
    "tls": ErrorCode.TLS_ERROR,
    "login": ErrorCode.AUTHENTICATION_FAILED,
}


def login_code(stage: str, message: str) -> ErrorCode:
    """Why a connection failed at this stage."""
    if stage == "tcp":
        return ErrorCode.CONNECTION_ERROR
    if 'role "' in message and "does not exist" in message:
        return ErrorCode.AUTHENTICATION_FAILED
    for words, code in LOGIN_WORDS:
        if words in message:
            return code
    return STAGE_CODES[stage]


def code_of(error: psycopg.Error, default: ErrorCode) -> ErrorCode:
    """The code for an error on an open connection."""
    state = error.sqlstate
    if state is None:
        broken = isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError))
        return ErrorCode.CONNECTION_ERROR if broken else default
    return SQLSTATES.get(state) or CLASSES.get(state[:2], default)


def said(error: psycopg.Error) -> str:
    """The server's own sentence on one line, without the query's text."""
    return error.diag.message_primary or " ".join(str(error).split())


@contextmanager
def translated(default: ErrorCode = ErrorCode.QUERY_ERROR, prefix: str = "") -> Iterator[None]:
    """Raise `CheckError` for any error of psycopg."""
    try:
        yield
    except psycopg.Error as error:
        raise CheckError(code_of(error, default), prefix + said(error), {"sqlstate": error.sqlstate}) from error
