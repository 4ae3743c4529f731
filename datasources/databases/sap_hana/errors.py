"""SAP HANA's errors as ours: by the server's numbers (`M_ERROR_CODES`), and by the client's own below zero."""

import re

from datasources.databases.warehouse.errors import Refused
from datasources.model.vocabulary import ErrorCode

AUTHENTICATION = (10, 332, 414, 415, 416)
"""Invalid user or password, a password that has to be changed, a user who is deactivated or locked."""
PERMISSION = (258, 663)
"""Of a statement; of a connection from this client."""
FULL = (4, 142)
"""Of memory, of transactions."""
LATE = (131, 133, 138, 139, 143, 146, 613)
"""Waited for a lock, deadlocked, cancelled, beyond the statement's time."""
LOST = (18, 129, 145, 1888, -10807, -10709)
"""Shutting down, rolled back by an internal error, an instance that is not running; the client's broken connection."""
READ_ONLY = (7,)
"""Feature not supported: among others a statement that writes, in a transaction or on a replica that only reads."""

CODES: dict[int, ErrorCode] = {
    **dict.fromkeys(AUTHENTICATION, ErrorCode.AUTHENTICATION_FAILED),
    **dict.fromkeys(PERMISSION, ErrorCode.PERMISSION_DENIED),
    **dict.fromkeys(FULL, ErrorCode.TOO_MANY_CONNECTIONS),
    **dict.fromkeys(LATE, ErrorCode.TIMEOUT),
    **dict.fromkeys(LOST, ErrorCode.CONNECTION_ERROR),
    362: ErrorCode.SCHEMA_NOT_FOUND,
    1033: ErrorCode.PROTOCOL_ERROR,
}
"""Every other number is a fault of the query."""
ADVICE: dict[int, str] = {
    10: "Check the user and the password. An administrator finds the reason in SYS.INVALID_CONNECT_ATTEMPTS.",
    258: "Grant what is missing: GRANT SELECT ON SCHEMA … TO …; for temp_schema, GRANT CREATE ANY ON SCHEMA … TO ….",
    362: "Create the schema: CREATE SCHEMA …; a name that was made in quotes is case sensitive.",
    414: "Set another password: ALTER USER … PASSWORD … NO FORCE_FIRST_PASSWORD_CHANGE.",
    415: "Activate the user: ALTER USER … ACTIVATE USER NOW.",
    416: "Wait until the lock ends, or: ALTER USER … RESET CONNECT ATTEMPTS.",
    663: "Allow the worker's address to connect: the list of allowed connections in HANA Cloud Central.",
}
_REASON = re.compile(r" ?\(RTE:\[\d+\] ")
_RELAYED = re.compile(r"\{[^{}]*\}|\((?:(?!->)[^()])*+->[^()]*\)\)?")
"""What the client says of its connection, which leads to our relay."""
WRITES = ("read only", "read-only", "readonly", "read-enabled")


def refusal_of(error: Exception) -> Refused | None:
    """What an error of hdbcli means; None for one that comes from elsewhere."""
    from hdbcli import dbapi

    if not isinstance(error, dbapi.Error):
        return None
    number = getattr(error, "errorcode", None)
    text = str(getattr(error, "errortext", "") or error)
    return by_number(number if isinstance(number, int) else 0, text)


def by_number(number: int, text: str) -> Refused:
    """What a number means. Number 7 has many reasons, and a transaction that only reads is one of them."""
    if number in READ_ONLY and any(word in text.lower() for word in WRITES):
        return Refused(ErrorCode.QUERY_NOT_READ_ONLY, text, {"hana_error": number})
    code = CODES.get(number, ErrorCode.QUERY_ERROR if number > 0 else ErrorCode.CONNECTION_ERROR)
    details: dict[str, object] = {"hana_error": number}
    if number < 0:
        text = " ".join(_RELAYED.sub(" ", _REASON.sub(": ", text)).split())
    if number in LOST:
        details["transient"] = True
    return Refused(code, text, details, ADVICE.get(number))
