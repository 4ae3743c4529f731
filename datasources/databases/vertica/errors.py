"""Vertica's errors as ours: by SQLSTATE, of which it has PostgreSQL's and some of its own (with a V)."""

import re

from datasources.databases.warehouse.errors import Refused
from datasources.model.vocabulary import ErrorCode

AUTHENTICATION = ("28000", "28001", "28002", "28P01", "V2000")
"""Wrong names and passwords, locked accounts, expired passwords, a failed login by Kerberos."""
PERMISSION = ("42501", "42V13", "0LV01", "0P000")
"""Of a statement; a role that is not there, or not granted."""
FULL = ("53000", "53200", "53300", "53400", "V1003")
"""Of sessions, memory, resource pools."""
LATE = ("57014", "57V01", "55V03", "55P03", "40001", "40P01")
"""Cancelled or beyond RUNTIMECAP, waited for a lock, deadlocked."""
LOST = ("08000", "08001", "08003", "08004", "08006", "57P01", "57P02", "57P03", "58V01", "V1001", "V1002")
"""Shutting down, starting, a node that is gone."""
READ_ONLY = ("25006",)

CODES: dict[str, ErrorCode] = {
    **dict.fromkeys(AUTHENTICATION, ErrorCode.AUTHENTICATION_FAILED),
    **dict.fromkeys(PERMISSION, ErrorCode.PERMISSION_DENIED),
    **dict.fromkeys(FULL, ErrorCode.TOO_MANY_CONNECTIONS),
    **dict.fromkeys(LATE, ErrorCode.TIMEOUT),
    **dict.fromkeys(LOST, ErrorCode.CONNECTION_ERROR),
    **dict.fromkeys(READ_ONLY, ErrorCode.QUERY_NOT_READ_ONLY),
    "3D000": ErrorCode.DATABASE_NOT_FOUND,
    "3F000": ErrorCode.SCHEMA_NOT_FOUND,
    "08P01": ErrorCode.PROTOCOL_ERROR,
}
"""Every other SQLSTATE is a fault of the query."""
ADVICE: dict[str, str] = {
    "28000": "Check the user's name and password, and the records of CREATE AUTHENTICATION for this user and address.",
    "53300": "Close sessions, or raise MaxClientSessions: ALTER DATABASE … SET MaxClientSessions = ….",
    "0P000": "Grant the role to the user, and name it as it is written: GRANT … TO ….",
    "3F000": "Create the schema: CREATE SCHEMA …; names are case insensitive.",
    "42501": "Grant what is missing: GRANT USAGE ON SCHEMA … TO …; GRANT SELECT ON ALL TABLES IN SCHEMA … TO ….",
}
FIELD = re.compile(r"(?:^|, )(Severity|Message|Sqlstate|Detail|Hint|Routine|File|Line|Error Code|Position|Where): ")
"""How the driver writes what the server said into one line, where it keeps nothing else of it."""
EXPIRED = "has expired"
"""The driver's own sentence, with the user's name in it, about a password that has to be changed."""


def refusal_of(error: Exception) -> Refused | None:
    """What an error of vertica-python means; None for one that comes from elsewhere."""
    import vertica_python.errors as theirs

    if isinstance(error, theirs.QueryError):
        return _by_state(str(error.sqlstate or ""), str(error.message or ""), error.error_code)
    if not isinstance(error, theirs.Error):
        return None
    text = str(error)
    said = _fields(text)
    if "Sqlstate" in said:
        return _by_state(said["Sqlstate"], said.get("Message", ""), said.get("Error Code"))
    if isinstance(error, theirs.MessageError | theirs.EmptyQueryError | theirs.InterfaceError):
        return Refused(ErrorCode.PROTOCOL_ERROR, text)
    if EXPIRED in text:
        return Refused(ErrorCode.AUTHENTICATION_FAILED, "The password has expired", advice="Set another password.")
    return Refused(ErrorCode.CONNECTION_ERROR, text)


def _by_state(state: str, message: str, number: object) -> Refused:
    code = CODES.get(state, ErrorCode.QUERY_ERROR)
    details = {"sqlstate": state, "vertica_error": str(number) if number else None}
    if state in LOST:
        details["transient"] = True  # type: ignore[assignment]
    return Refused(code, message, details, ADVICE.get(state))


def _fields(text: str) -> dict[str, str]:
    """What stands behind each label; the text of a message may have commas and colons in it."""
    parts = FIELD.split(text)
    return dict(zip(parts[1::2], parts[2::2], strict=False))
