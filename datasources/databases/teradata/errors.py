"""Teradata's errors as ours: by the database's numbers (the manual Messages), and by words for the driver's own."""

import re

from datasources.databases.warehouse.errors import Refused
from datasources.model.vocabulary import ErrorCode

AUTHENTICATION = (3002, 3003, 3004, 3032, 8017)
"""An invalid user, password or account; an expired password."""
PERMISSION = (3149, 3523, 3524, 5315)
"""Of an object, of a database, of the owner of a view; a filter of the workload management."""
FULL = (3151, 8024)
"""A throttle of the workload management; no circuit of the gateway is free."""
LATE = (2631, 3110, 3111, 3134, 3156)
"""Deadlocked, aborted by a user, by the dispatcher or by the workload management."""
LOST = (2825, 3055, 3056, 3120, 3897, 8055)
"""Restarting, logons disabled, an AMP that is down, a session that was forced off."""

CODES: dict[int, ErrorCode] = {
    **dict.fromkeys(AUTHENTICATION, ErrorCode.AUTHENTICATION_FAILED),
    **dict.fromkeys(PERMISSION, ErrorCode.PERMISSION_DENIED),
    **dict.fromkeys(FULL, ErrorCode.TOO_MANY_CONNECTIONS),
    **dict.fromkeys(LATE, ErrorCode.TIMEOUT),
    **dict.fromkeys(LOST, ErrorCode.CONNECTION_ERROR),
    3802: ErrorCode.DATABASE_NOT_FOUND,
}
"""Of the database; every other number is a fault of the query."""
ADVICE: dict[int, str] = {
    8017: "Check the user and the password. LDAP, Kerberos and OAuth are not supported: the user needs a password.",
    3032: "Set another password: MODIFY USER … AS PASSWORD = ….",
    3523: "Grant what is missing: GRANT SELECT ON … TO …; for temp_schema, GRANT CREATE TABLE, DROP TABLE ON … TO ….",
    3524: "Grant what is missing: GRANT SELECT ON … TO …; for temp_schema, GRANT CREATE TABLE, DROP TABLE ON … TO ….",
    2644: "The database has no room: MODIFY DATABASE … AS PERM = ….",
    2646: "The user has no spool space left: MODIFY USER … AS SPOOL = ….",
    3156: "The workload management ended the request: have its rules let this user's queries through.",
    3151: "The workload management admits no further request of this user: raise the throttle, or run fewer tests at "
    "once.",
}
NUMBER = re.compile(r"\[(Teradata Database|Teradata SQL Driver)\](?: \[[^\]]*\])* \[Error (\d+)\](?: \[[^\]]*\])* ?")
TAGS = re.compile(r"^(?:\[[^\]]*\] ?)+")
CAUSED = "Caused by "
TRACE = " at "
"""How a line begins that says where in the driver's source it was."""
ATTEMPT = "connection attempt"
"""A line of the driver's with its settings in it."""
WORDS: tuple[tuple[ErrorCode, tuple[str, ...]], ...] = (
    (ErrorCode.TLS_ERROR, ("x509", "certificate", "tls:", "handshake failure")),
    (ErrorCode.HOST_NOT_FOUND, ("hostname lookup failed",)),
    (ErrorCode.TIMEOUT, ("timeout", "timed out", "deadline")),
)
"""Of the driver's own errors, in this order; every other one is a connection that failed."""
ENDED = "The server ended the connection, or does not speak Teradata's protocol"
OURS = "Failed to connect to"
"""How the driver's sentence begins that names our relay."""


def refusal_of(error: Exception) -> Refused | None:
    """What an error of teradatasql means; None for one that comes from elsewhere."""
    import teradatasql

    return by_text(str(error)) if isinstance(error, teradatasql.Error) else None


def by_text(text: str) -> Refused:
    """What an error means by its first number, which the driver has in the text alone."""
    lines = [line.removeprefix(CAUSED) for line in text.split("\n") if line.strip() and not line.startswith(TRACE)]
    found = NUMBER.search(lines[0]) if lines else None
    number = int(found[2]) if found else 0
    details: dict[str, object] = {"teradata_error": number or None}
    if found is None or found[1] != "Teradata Database":
        return _of_driver([TAGS.sub("", line) for line in lines], details)
    code = CODES.get(number, ErrorCode.QUERY_ERROR)
    if number in LOST:
        details["transient"] = True
    return Refused(code, lines[0][found.end() :], details, ADVICE.get(number))


def _of_driver(sentences: list[str], details: dict[str, object]) -> Refused:
    """One of the driver's own errors: the sentence that says most, with what it is by its words."""
    causes = [sentence for sentence in sentences if ATTEMPT not in sentence]
    for code, words in WORDS:
        for sentence in reversed(causes):
            if any(word in sentence.lower() for word in words):
                return Refused(code, sentence, details)
    first = causes[0] if causes else ""
    return Refused(ErrorCode.CONNECTION_ERROR, first if first and not first.startswith(OURS) else ENDED, details)
