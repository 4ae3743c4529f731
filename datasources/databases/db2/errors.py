"""Db2's errors as ours: by SQLCODE, else by SQLSTATE, which the driver puts at the end of every message."""

import re
from typing import Any

from datasources.databases.refusal import Refusal
from datasources.databases.warehouse.errors import Refused
from datasources.model.vocabulary import ErrorCode

EVIDENCE = re.compile(r"(?<!\s)\s*+SQLSTATE=(\w{5})(?:\s++SQLCODE=(-?\d+))?\s*+$")
PREFIX = re.compile(r"^(?:ibm_db_dbi::\w+: )?(?:Statement \w+ Failed: )?(?:\[[^\]]*\]\s*)*")
REASON = re.compile(r'^SQL30082N .*?"(\d+)"')

CONNECT = "Allow the user to connect: GRANT CONNECT ON DATABASE TO USER …."
ROOM = "Give the user space for a table: GRANT USE OF TABLESPACE … TO USER …."
READ = "Let the user read it: GRANT SELECT ON … TO USER …; for temp_schema: GRANT CREATEIN ON SCHEMA … TO USER …."
LICENCE = "The server is Db2 for z/OS or for i, which the driver reaches only with a licence of Db2 Connect."
USABLE = "Make the database usable: back it up, roll it forward or restore it, or name the primary server of HADR."
START = "Start the instance (db2start), and activate the database."
CLEAR = (
    "The server does not take an encrypted password: use ssl, set AUTHENTICATION to SERVER_ENCRYPT on the server "
    "(UPDATE DBM CFG), or set allow_cleartext_password if you trust the network in between."
)
REASONS: dict[int, str] = {
    1: "The password has expired: set a new one in the server's operating system or directory.",
    15: "The server could not check the password: see its db2diag.log.",
    17: CLEAR,
    19: "The user is disabled or restricted: enable it in the server's operating system or directory.",
    24: "Check the user and the password in the server's operating system or directory: Db2 keeps none itself.",
    25: "The server does not let the user connect: check its security plugin and its trusted contexts.",
}
"""What to do about a refused login, by the reason that the message gives as a number."""


def _each(codes: str, code: ErrorCode, advice: str | None = None, *, transient: bool = False) -> dict[int, Refusal]:
    return {-int(number): Refusal(code, advice, transient) for number in codes.split()}


CODES: dict[int, Refusal] = {
    **_each("1403 1404 30082", ErrorCode.AUTHENTICATION_FAILED),
    **_each("1060", ErrorCode.PERMISSION_DENIED, CONNECT),
    **_each("286", ErrorCode.PERMISSION_DENIED, ROOM),
    **_each("551 552", ErrorCode.PERMISSION_DENIED, READ),
    **_each("567 1092", ErrorCode.PERMISSION_DENIED),
    **_each("1013 1031 30061", ErrorCode.DATABASE_NOT_FOUND),
    **_each("1040 1226 30040 30041", ErrorCode.TOO_MANY_CONNECTIONS),
    **_each("911 913 952", ErrorCode.TIMEOUT),
    **_each("1035 20157", ErrorCode.CONNECTION_ERROR, transient=True),
    **_each("1116 1117 1119 1776", ErrorCode.CONNECTION_ERROR, USABLE),
    **_each("1032", ErrorCode.CONNECTION_ERROR, START),
    **_each("1598 8001", ErrorCode.CONNECTION_ERROR, LICENCE),
    **_each("900 1024 1224 1229 30080 30081 30108", ErrorCode.CONNECTION_ERROR),
    **_each("30000 30020 30021 30050 30051 30053 30070 30071 30072 30073 30074", ErrorCode.PROTOCOL_ERROR),
}
"""Every other code counts by its state."""
STATES: dict[str, ErrorCode] = {
    "08001": ErrorCode.CONNECTION_ERROR,
    "08003": ErrorCode.CONNECTION_ERROR,
    "08004": ErrorCode.CONNECTION_ERROR,
    "08007": ErrorCode.CONNECTION_ERROR,
    "08506": ErrorCode.CONNECTION_ERROR,
    "28000": ErrorCode.AUTHENTICATION_FAILED,
    "42501": ErrorCode.PERMISSION_DENIED,
    "42502": ErrorCode.PERMISSION_DENIED,
    "42519": ErrorCode.PERMISSION_DENIED,
    "42705": ErrorCode.DATABASE_NOT_FOUND,
    "42727": ErrorCode.PERMISSION_DENIED,
    "25006": ErrorCode.QUERY_NOT_READ_ONLY,
    "57014": ErrorCode.TIMEOUT,
    "57030": ErrorCode.TOO_MANY_CONNECTIONS,
    "57033": ErrorCode.TIMEOUT,
    "HYT00": ErrorCode.TIMEOUT,
    "HYT01": ErrorCode.TIMEOUT,
}
"""Every other state is a fault of the statement."""


def refusal_of(text: str) -> Refused:
    """What a message of the driver's means."""
    found = EVIDENCE.search(text)
    state, number = (found[1], int(found[2]) if found[2] else None) if found else ("", None)
    message = PREFIX.sub("", EVIDENCE.sub("", text)).replace("\n", " ").strip()
    meant = CODES.get(number or 0) or Refusal(STATES.get(state, ErrorCode.QUERY_ERROR if found else _LOST))
    details: dict[str, Any] = {"sqlcode": number, "sqlstate": state or None}
    if meant.transient:
        details["transient"] = True
    reason = REASON.match(message)
    if reason is not None:
        details["reason"] = int(reason[1])
    advice = REASONS.get(int(reason[1])) if reason else meant.advice
    return Refused(meant.code, message, details, advice)


_LOST = ErrorCode.CONNECTION_ERROR
