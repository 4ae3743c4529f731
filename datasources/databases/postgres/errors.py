"""psycopg's errors as ours, once: refusals of the server by `refusals`, libpq's own by how far it got and its words."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import psycopg
from psycopg import pq

from datasources.databases.flood import Flood
from datasources.databases.postgres.answers import Malformed
from datasources.databases.postgres.model import PgOptions
from datasources.databases.postgres.refusal_words import CERTIFICATE
from datasources.databases.postgres.refusals import refusal_of
from datasources.databases.postgres.sqlstates import refusals_in
from datasources.databases.refusal import Refusal
from datasources.model.errors import CheckError, SourceUnreachable
from datasources.model.vocabulary import ErrorCode

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
    "server sent an error response during SSL exchange",  # it has no process for us, and can say no more
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
UNBOUND = ("could not find digest for NID", "could not determine server certificate signature algorithm")
"""libpq's words for a certificate that a login cannot be bound to: of a kind, such as Ed25519, that has no digest."""
FILES = {b"sslrootcert": "rootcert", b"sslcert": "sslcert", b"sslkey": "sslkey"}
"""libpq's options that name files of ours, and the option of the source that each was made of."""
TLS = ("SSL", "TLS", "certificate", "sslmode", "sslrootcert")

ALERT = "alert certificate required"
"""The server's TLS library, when it insists on a client certificate."""
KEPT = "server requested a cleartext password"
"""libpq's words when it was told not to send one."""
CLEARTEXT = (
    "The server asks for the password in clear text, and the connection is not encrypted: have the server use TLS or "
    "scram-sha-256, or set allow_cleartext_password if you trust the network in between"
)


def refused(connection: pq.abc.PGconn, stage: str) -> SourceUnreachable:
    """Why libpq gave up at this stage of opening a connection; `details["cleartext"]` when it kept the password,
    `details["unbound"]` when it could not bind the login to the server's certificate.
    """
    lines = [line.strip() for line in _without_path(connection).splitlines() if line.strip()]
    # libpq: `connection to server at "…", port … failed: ` and then its own words or the server's.
    texts = [line.split(" failed: ", 1)[-1] for line in lines] or ["The connection failed"]
    details: dict[str, Any] = {"stage": stage}
    if KEPT in texts[0]:
        return SourceUnreachable(ErrorCode.AUTHENTICATION_FAILED, CLEARTEXT, details | {"cleartext": True})
    if any(words in texts[0] for words in UNBOUND):
        return SourceUnreachable(ErrorCode.TLS_ERROR, texts[0], details | {"unbound": True})
    if spoken := refusals_in(texts):
        state, message = min(spoken, key=_telling)
        error = refusal_of(state, message, stage).error(message, details | {"sqlstate": state}, SourceUnreachable)
        return cast(SourceUnreachable, error)
    if connection.needs_password:
        missing = {"secret_missing": True, "missing": list(PgOptions.asked_fields)}
        return SourceUnreachable(ErrorCode.AUTHENTICATION_FAILED, "The server asks for a password", details | missing)
    code = _by_libpq(texts[0], stage)
    wants_certificate = code is ErrorCode.TLS_ERROR and ALERT in texts[0]
    return SourceUnreachable(code, texts[0], details, CERTIFICATE.advice if wants_certificate else None)


def _telling(said: tuple[str | None, str]) -> tuple[bool, bool]:
    """Under `prefer` there may be two refusals, with TLS and without: the lowest of these says more.

    28000 is what a server says that has no rule for this way to come.
    """
    state, message = said
    return state == "28000", "no pg_hba.conf entry" in message


def _without_path(connection: pq.abc.PGconn) -> str:
    """What libpq says, but that it does not name our own files for certificates and key."""
    message = connection.get_error_message()
    for option in connection.info:
        if option.keyword in FILES and option.val:
            message = message.replace(f'"{option.val.decode()}"', f"(`{FILES[option.keyword]}`)")
    return message


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


def refusal_in(error: psycopg.Error, stage: str) -> Refusal:
    """What an error on an open connection means."""
    if error.sqlstate is not None:
        return refusal_of(error.sqlstate, said(error), stage)
    if isinstance(error, NEVER_SAID) or any(words in str(error) for words in BROKEN):
        return Refusal(ErrorCode.PROTOCOL_ERROR)
    lost = isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError))
    return Refusal(ErrorCode.CONNECTION_ERROR if lost else ErrorCode.QUERY_ERROR)


def said(error: psycopg.Error) -> str:
    """The server's own sentence, or psycopg's first one; never the query's text."""
    return error.diag.message_primary or next(iter(str(error).strip().splitlines()), type(error).__name__)


@contextmanager
def translated(stage: str, prefix: str = "", *, kind: type[CheckError] = CheckError) -> Iterator[None]:
    """Raise `CheckError`, or the `kind` that is named, for any error of psycopg, and for answers that are none."""
    try:
        yield
    except psycopg.Error as error:
        details = {"stage": stage, "sqlstate": error.sqlstate}
        raise refusal_in(error, stage).error(prefix + said(error), details, kind) from error
    except Flood as error:
        raise flooded(error, stage, kind) from error
    except MALFORMED as error:
        message = f"{prefix}The server's answer breaks its protocol (stage: {stage})"
        raise kind(ErrorCode.PROTOCOL_ERROR, message, {"stage": stage, "reason": type(error).__name__}) from error


def flooded(error: Flood, stage: str, kind: type[CheckError] = CheckError) -> CheckError:
    """The verdict on a server that sent too much."""
    details = {"stage": stage, "received_bytes": error.received}
    return kind(ErrorCode.PROTOCOL_ERROR, f"{error} (stage: {stage})", details)
