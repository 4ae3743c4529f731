"""psycopg's errors as ours, once: SQLSTATE first, then how far libpq got and errno, words of the message last."""

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import pq

from datasources.databases.flood import Flood
from datasources.databases.postgres.answers import Malformed
from datasources.databases.postgres.model import PgOptions
from datasources.databases.postgres.sqlstates import parse
from datasources.model.errors import CheckError, SourceUnreachable
from datasources.model.vocabulary import ErrorCode

SQLSTATES: dict[str, ErrorCode] = {
    "28P01": ErrorCode.AUTHENTICATION_FAILED,
    "28000": ErrorCode.AUTHENTICATION_FAILED,
    "3D000": ErrorCode.DATABASE_NOT_FOUND,
    "3F000": ErrorCode.SCHEMA_NOT_FOUND,
    "42501": ErrorCode.PERMISSION_DENIED,
    "53300": ErrorCode.TOO_MANY_CONNECTIONS,
    "57014": ErrorCode.TIMEOUT,  # statement_timeout, or cancelled by an operator over there
    "55P03": ErrorCode.TIMEOUT,  # lock_timeout
    "25P03": ErrorCode.TIMEOUT,  # idle_in_transaction_session_timeout
    "25001": ErrorCode.QUERY_NOT_READ_ONLY,  # asks for read-write in the middle of a transaction
    "25006": ErrorCode.QUERY_NOT_READ_ONLY,
    "57P01": ErrorCode.CONNECTION_ERROR,
    "57P02": ErrorCode.CONNECTION_ERROR,
    "57P03": ErrorCode.CONNECTION_ERROR,
}
CLASSES: dict[str, ErrorCode] = {
    "08": ErrorCode.CONNECTION_ERROR,
    "28": ErrorCode.AUTHENTICATION_FAILED,
    "57": ErrorCode.CONNECTION_ERROR,
}
"""SQLSTATE classes, where no single state says more."""

STAGES: dict[str, ErrorCode] = {
    "tcp": ErrorCode.CONNECTION_ERROR,
    "tls": ErrorCode.TLS_ERROR,
    "login": ErrorCode.AUTHENTICATION_FAILED,
    "database": ErrorCode.CONNECTION_ERROR,
}
"""What a refusal at this stage means when nothing else tells."""

LOST = (
    "server closed the connection",
    "could not receive data",
    "could not send data",
    os.strerror(errno.ECONNRESET),
    os.strerror(errno.EPIPE),
)
"""libpq's words for a connection that broke or never was one; it gives no errno."""
BROKEN = (
    "received invalid response to SSL negotiation",  # the server there is no PostgreSQL
    "expected authentication request",
    "received invalid",
    "unrecognized",
    "malformed",
    "invalid authentication request from server",
    "unexpected message from server",
    "lost synchronization with server",
    "message contents do not agree with length",
    "unexpected response from server",
    "without prior row description",
    "unexpected field count",
    "insufficient data in",
    "extraneous data in",
    "out of memory",  # what made us ask for so much was the server
    "cannot allocate memory for input buffer",
)
"""libpq's words for a server that breaks the protocol."""
NEVER_SAID = (psycopg.DataError, psycopg.InternalError, psycopg.NotSupportedError, psycopg.ProgrammingError)
"""What psycopg raises by itself, without SQLSTATE, at answers that no server gives to what it was asked."""
MALFORMED = (Malformed, UnicodeError, MemoryError)
"""What reading such an answer raises."""
TLS = ("SSL", "TLS", "certificate", "sslmode", "sslrootcert")

KEPT = "server requested a cleartext password"
"""libpq's words when it was told not to send one."""
CLEARTEXT = (
    "The server asks for the password in clear text, and the connection is not encrypted: have the server use TLS or "
    "scram-sha-256, or set allow_cleartext_password if nobody can listen on the way"
)

LOGIN_WORDS: tuple[tuple[str, ErrorCode], ...] = (
    ("too many", ErrorCode.TOO_MANY_CONNECTIONS),
    ("remaining connection slots", ErrorCode.TOO_MANY_CONNECTIONS),
    ('role "', ErrorCode.AUTHENTICATION_FAILED),
    ("does not exist", ErrorCode.DATABASE_NOT_FOUND),
    ("permission denied", ErrorCode.PERMISSION_DENIED),
    ("starting up", ErrorCode.CONNECTION_ERROR),
    ("shutting down", ErrorCode.CONNECTION_ERROR),
)
"""The server's words at login, most telling first; read only where libpq could not be made to tell the SQLSTATE."""


def refused(connection: pq.abc.PGconn, stage: str) -> SourceUnreachable:
    """Why libpq gave up at this stage of opening a connection; `details["cleartext"]` when it kept the password."""
    lines = [line.strip() for line in _without_path(connection).splitlines() if line.strip()]
    # libpq: `connection to server at "…", port … failed: ` and then its own words or the server's.
    texts = [line.split(" failed: ", 1)[-1] for line in lines] or ["The connection failed"]
    spoken = [said for text in texts if (said := parse(text))]
    details: dict[str, Any] = {"stage": stage}
    if KEPT in texts[0]:
        return SourceUnreachable(ErrorCode.AUTHENTICATION_FAILED, CLEARTEXT, details | {"cleartext": True})
    if spoken:
        # Under `prefer` there may be two refusals, with TLS and without; "no entry for this" is the less telling one.
        state, message = next((said for said in spoken if said[0] != "28000"), spoken[0])
        return SourceUnreachable(_by_server(state, message, stage), message, details | {"sqlstate": state})
    if connection.needs_password:
        missing = {"secret_missing": True, "missing": list(PgOptions.asked_fields)}
        return SourceUnreachable(ErrorCode.AUTHENTICATION_FAILED, "The server asks for a password", details | missing)
    return SourceUnreachable(_by_libpq(texts[0], stage), texts[0], details)


def _without_path(connection: pq.abc.PGconn) -> str:
    """What libpq says, but that it does not name our own file for the root certificate."""
    given = next((option.val for option in connection.info if option.keyword == b"sslrootcert"), None)
    message = connection.get_error_message()
    return message.replace(f'"{given.decode()}"', "(`rootcert`)") if given else message


def _by_server(state: str | None, message: str, stage: str) -> ErrorCode:
    if state is not None:
        return code_of_state(state, ErrorCode.CONNECTION_ERROR)
    return next((code for words, code in LOGIN_WORDS if words in message), STAGES[stage])


def _by_libpq(message: str, stage: str) -> ErrorCode:
    if message == os.strerror(errno.ETIMEDOUT):
        return ErrorCode.TIMEOUT
    if stage == "tcp":
        return ErrorCode.CONNECTION_ERROR
    if any(words in message for words in BROKEN):
        return ErrorCode.PROTOCOL_ERROR
    if "SSL error" in message or "SSL SYSCALL" in message:
        return ErrorCode.TLS_ERROR
    if any(words in message for words in LOST):
        return ErrorCode.CONNECTION_ERROR
    return ErrorCode.TLS_ERROR if any(word in message for word in TLS) else STAGES[stage]


def code_of_state(state: str, default: ErrorCode) -> ErrorCode:
    """The code for a SQLSTATE."""
    return SQLSTATES.get(state) or CLASSES.get(state[:2], default)


def code_of(error: psycopg.Error, default: ErrorCode) -> ErrorCode:
    """The code for an error on an open connection."""
    if error.sqlstate is not None:
        return code_of_state(error.sqlstate, default)
    if isinstance(error, NEVER_SAID) or any(words in str(error) for words in BROKEN):
        return ErrorCode.PROTOCOL_ERROR
    lost = isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError))
    return ErrorCode.CONNECTION_ERROR if lost else default


def said(error: psycopg.Error) -> str:
    """The server's own sentence, or psycopg's first one; never the query's text."""
    return error.diag.message_primary or next(iter(str(error).strip().splitlines()), type(error).__name__)


@contextmanager
def translated(
    stage: str,
    prefix: str = "",
    *,
    default: ErrorCode = ErrorCode.QUERY_ERROR,
    special: Mapping[str, ErrorCode] | None = None,
    kind: type[CheckError] = CheckError,
) -> Iterator[None]:
    """Raise `CheckError`, or the `kind` of it that is named, for any error of psycopg, and for answers that are none.

    `special` are SQLSTATEs that mean something else here; `default` is the code of every one without a code of its own.
    """
    try:
        yield
    except psycopg.Error as error:
        state = error.sqlstate
        code = (special or {}).get(state or "") or code_of(error, default)
        raise kind(code, prefix + said(error), {"stage": stage, "sqlstate": state}) from error
    except Flood as error:
        raise flooded(error, stage, kind) from error
    except MALFORMED as error:
        message = f"{prefix}The server's answer breaks its protocol (stage: {stage})"
        raise kind(ErrorCode.PROTOCOL_ERROR, message, {"stage": stage, "reason": type(error).__name__}) from error


def flooded(error: Flood, stage: str, kind: type[CheckError] = CheckError) -> CheckError:
    """The verdict on a server that sent too much."""
    details = {"stage": stage, "received_bytes": error.received}
    return kind(ErrorCode.PROTOCOL_ERROR, f"{error} (stage: {stage})", details)
