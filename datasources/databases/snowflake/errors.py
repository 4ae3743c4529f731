"""Snowflake's errors as ours: by the server's numbers, and by the connector's own."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from datasources.databases.flood import Flood
from datasources.databases.snowflake.library import connector
from datasources.databases.warehouse.errors import Refused
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode
from datasources.network.outlet import Outlet

AUTHENTICATION = (390100, 390101, 390102, 390103, 390104, 390108, 390110, 390111, 390114, 390115, 390120, 390127,
                  390129, 390135, 390138, 390144, 390195, 390197, 390198, 390303, 390318, 394300, 394304, 394400,
                  251005, 251006)  # fmt: skip
"""Wrong or expired passwords, keys and tokens; locked and disabled users; another factor is needed."""
PERMISSION = (3001, 390186, 390187, 390189, 390201, 390422, 390432, 1063)
"""Of a statement; a role that is not granted; an address that the network policy refuses."""
DATABASE = (390191, 2043)
FULL = (604001, 625, 100357)
LATE = (604, 630, 626, 57014)
LOST = (250001, 250002, 250003, 390500, 390503)

CODES: dict[int, ErrorCode] = {
    **dict.fromkeys(AUTHENTICATION, ErrorCode.AUTHENTICATION_FAILED),
    **dict.fromkeys(PERMISSION, ErrorCode.PERMISSION_DENIED),
    **dict.fromkeys(DATABASE, ErrorCode.DATABASE_NOT_FOUND),
    **dict.fromkeys(FULL, ErrorCode.TOO_MANY_CONNECTIONS),
    **dict.fromkeys(LATE, ErrorCode.TIMEOUT),
    **dict.fromkeys(LOST, ErrorCode.CONNECTION_ERROR),
    606: ErrorCode.PERMISSION_DENIED,
}
"""Every other number is a fault of the query."""
STATES: dict[str, ErrorCode] = {"28000": ErrorCode.AUTHENTICATION_FAILED, "42501": ErrorCode.PERMISSION_DENIED}
NO_WAREHOUSE = "Name a warehouse in the source, or: ALTER USER … SET DEFAULT_WAREHOUSE = …; GRANT USAGE ON WAREHOUSE …"
ADVICE: dict[int, str] = {
    606: NO_WAREHOUSE,
    390422: "Add the worker's address to the network policy of the user or of the account.",
    390144: "Set the public key of this key pair: ALTER USER … SET RSA_PUBLIC_KEY = '…'.",
    390189: "Grant the role to the user: GRANT ROLE … TO USER ….",
}
OWN = 100
"""Numbers below are the connector's own kinds of errors."""
NUMBER = re.compile(r"^(\d{6}) \(([0-9A-Z]{5})\): ?(?:[0-9a-f-]{36}: ?)?")
BROKEN = ("deserialize", "decode", "parse", "invalid response", "missing response field")
LATE_WORDS = ("timed out", "timeout")
ON_THE_WAY = frozenset({ErrorCode.CONNECTION_ERROR, ErrorCode.TLS_ERROR, ErrorCode.TIMEOUT, ErrorCode.PROTOCOL_ERROR})
"""Codes of what the connector makes of a connection that failed: there, the outlet's own evidence comes first."""
TLS_WORDS = ("certificate", "tls", "handshake")


@contextmanager
def refused(outlet: Outlet) -> Iterator[None]:
    """Raise `Refused`, or what the outlet knows better, for any error of the connector."""
    theirs = connector().Error
    try:
        yield
    except theirs as error:
        if outlet.flooded:
            raise Flood(outlet.flooded + 1, outlet.flooded) from error
        found = refusal_of(error)
        raise (outlet.failure if outlet.failure and found.code in ON_THE_WAY else found) from error


def refusal_of(error: object) -> CheckError | Refused:
    """What an error of the connector means."""
    number = getattr(error, "errno", -1)
    state = getattr(error, "sqlstate", None)
    text = str(getattr(error, "raw_msg", None) or getattr(error, "msg", None) or error)
    message = NUMBER.sub("", NUMBER.sub("", text.strip())).partition(" (request_id=")[0].replace("\n", " ")
    if not isinstance(number, int) or number < 0:
        number = int(found[1]) if (found := NUMBER.match(text.strip())) else -1
    details = {"snowflake_error": number if number >= 0 else None, "sqlstate": state}
    own = number < OWN or (number >= 250000 and number < 260000)
    code = STATES.get(state or "") if number < OWN else CODES.get(number) or STATES.get(state or "")
    if own and code is not ErrorCode.AUTHENTICATION_FAILED:
        code = ErrorCode.CONNECTION_ERROR
    if code is None or (code is ErrorCode.CONNECTION_ERROR and own):
        code = _by_words(message.lower(), number, code)
    return Refused(code, message, details, ADVICE.get(number))


def _by_words(message: str, number: int, code: ErrorCode | None) -> ErrorCode:
    """Of the connector's own errors, which have one number for all ways not to get there."""
    if any(word in message for word in TLS_WORDS):
        return ErrorCode.TLS_ERROR
    if any(word in message for word in LATE_WORDS):
        return ErrorCode.TIMEOUT
    if any(word in message for word in BROKEN):
        return ErrorCode.PROTOCOL_ERROR
    return code or (ErrorCode.QUERY_ERROR if 0 < number < 200000 or number > 300000 else ErrorCode.CONNECTION_ERROR)
