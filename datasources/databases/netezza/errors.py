"""Netezza's errors as ours: its protocol has no codes, so that they are told by the sentences of IBM's documents."""

import re

from datasources.databases.warehouse.errors import Refused
from datasources.model.vocabulary import ErrorCode

CLASSES: tuple[tuple[ErrorCode, str], ...] = (
    (ErrorCode.AUTHENTICATION_FAILED, r"authentication failed|password (?:has |is )?expired|account (?:is )?locked"),
    (ErrorCode.AUTHENTICATION_FAILED, r"user \S+ (?:is not|does not exist)|no such user|not authorized to connect"),
    (ErrorCode.TOO_MANY_CONNECTIONS, r"too many (?:clients|connections|sessions)|(?:session|connection) limit"),
    (ErrorCode.DATABASE_NOT_FOUND, r"database \S+ does not exist|database \S+ not found"),
    (ErrorCode.SCHEMA_NOT_FOUND, r"schema \S+ (?:does not exist|not found)"),
    (ErrorCode.QUERY_NOT_READ_ONLY, r"read-?\s?only session"),
    (ErrorCode.PERMISSION_DENIED, r"permission denied|access denied|not (?:authorized|privileged)|must (?:own|have)"),
    (ErrorCode.TIMEOUT, r"cancell?ed|timeout|timed out|deadlock|query (?:was )?aborted"),
    (ErrorCode.CONNECTION_ERROR, r"shutting down|system is (?:not online|paused|offline)|terminating connection"),
)
"""Of a sentence in small letters, in this order; every other one is a fault of the query."""
ADVICE: dict[ErrorCode, str] = {
    ErrorCode.PERMISSION_DENIED: (
        "Grant what is missing: GRANT LIST, SELECT ON TABLE TO …; for temp_schema, GRANT CREATE TABLE TO …."
    ),
    ErrorCode.DATABASE_NOT_FOUND: "Check the database's name, and: GRANT LIST ON … TO ….",
    ErrorCode.AUTHENTICATION_FAILED: "Check the user and the password; a locked account: ALTER USER … RESET ACCOUNT.",
}
_COMPILED = tuple((code, re.compile(pattern)) for code, pattern in CLASSES)
_LABEL = re.compile(r"^(?:FATAL \d+|FATAL|ERROR|NOTICE): *", re.IGNORECASE)
HANDSHAKE = "Error in handshake"
"""The driver's own sentence; why, it tells its log alone."""


def refusal_of(error: Exception, said: str = "") -> Refused | None:
    """What an error of nzpy means; None for one that comes from elsewhere. `said`: by the server, at the handshake."""
    import nzpy

    if not isinstance(error, nzpy.Error):
        return None
    text = str(error.args[0]) if error.args else ""
    if isinstance(error, nzpy.ConnectionClosedError):
        return Refused(ErrorCode.CONNECTION_ERROR, "The server ended the connection", {"transient": True})
    if isinstance(error, nzpy.InterfaceError):
        return Refused(ErrorCode.CONNECTION_ERROR, text)
    if text == HANDSHAKE:
        return by_words(said) if said else Refused(ErrorCode.CONNECTION_ERROR, "The server refused the handshake")
    return by_words(text)


def by_words(text: str) -> Refused:
    """What a sentence of the server means."""
    message = _LABEL.sub("", text.strip().strip("\0").strip())
    small = " ".join(message.lower().split())
    code = next((code for code, pattern in _COMPILED if pattern.search(small)), ErrorCode.QUERY_ERROR)
    return Refused(code, message, {"evidence": "text"}, ADVICE.get(code))
