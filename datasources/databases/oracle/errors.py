"""Oracle's errors as ours: by the numbers of the database (ORA) and of its driver (DPY)."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from msgspec import Struct

from datasources.databases.flood import Flood
from datasources.databases.refusal import Refusal
from datasources.databases.warehouse.errors import Refused
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode

GRANT_READ = "Check the name; if the table is there, let the user see it: GRANT SELECT ON … TO …."
SESSION = "Let the user log in: GRANT CREATE SESSION TO …."
QUOTA = "Give the user space in the tablespace: ALTER USER … QUOTA 10M ON USERS."
CREATE = "For a test in the user's own schema: GRANT CREATE TABLE TO …. For reading: GRANT SELECT ON … TO …."
NEW_PASSWORD = "Set a new password: ALTER USER … IDENTIFIED BY …; an expired one no longer lets the user log in."  # noqa: S105
UNLOCK = "Unlock the user: ALTER USER … ACCOUNT UNLOCK; its profile says when it locks (FAILED_LOGIN_ATTEMPTS)."
SERVICE = "Check database against the services of `lsnrctl status`, and database_type: a SID is not a service."
SID = "Check database against the instances of `lsnrctl status`; most databases are named by a service today."
NO_NAME = "Name the service in database: the listener has no default service."
VERIFIER = (
    "The user's password has only a verifier of Oracle 10g, or the server allows none that current drivers have: set "
    "the password again (ALTER USER … IDENTIFIED BY …), and SQLNET.ALLOWED_LOGON_VERSION_SERVER to 12 or 11."
)
NATIVE = (
    "The server requires Oracle's native network encryption, which the driver's thin mode does not have: use TLS (ssl "
    "and a TCPS port), or set SQLNET.ENCRYPTION_SERVER and SQLNET.CRYPTO_CHECKSUM_SERVER to ACCEPTED."
)
SESSIONS = "Close sessions of the user, or raise SESSIONS_PER_USER in its profile."
OPEN = "Open the database: ALTER PLUGGABLE DATABASE … OPEN, or STARTUP."
OLD = "Use Oracle Database 12.1 or later; SQLNET.ALLOWED_LOGON_VERSION_SERVER may be too low as well."
LONG_NAME = "temp_schema needs names of more than 30 bytes: Oracle Database 12.2 or later, with COMPATIBLE of 12.2."
BIND = "The test query has parameters (:name); they are not supported."

AUTHENTICATION, PERMISSION = ErrorCode.AUTHENTICATION_FAILED, ErrorCode.PERMISSION_DENIED
LOST, FULL = ErrorCode.CONNECTION_ERROR, ErrorCode.TOO_MANY_CONNECTIONS


def _each(numbers: str, code: ErrorCode, advice: str | None = None, *, transient: bool = False) -> dict[int, Refusal]:
    return dict.fromkeys(map(int, numbers.split()), Refusal(code, advice, transient))


ORA: dict[int, Refusal] = {
    **_each("1005 1017 28009 28030 28043", AUTHENTICATION),
    **_each("28000", AUTHENTICATION, UNLOCK),
    **_each("28001 28003", AUTHENTICATION, NEW_PASSWORD),
    **_each("28040", AUTHENTICATION, VERIFIER),
    **_each("1045", PERMISSION, SESSION),
    **_each("1031", PERMISSION, CREATE),
    **_each("1536 1950", PERMISSION, QUOTA),
    **_each("990 1924 1988 16000 41900", PERMISSION),
    **_each("12514 12521", ErrorCode.DATABASE_NOT_FOUND, SERVICE),
    **_each("12505", ErrorCode.DATABASE_NOT_FOUND, SID),
    **_each("12504", ErrorCode.DATABASE_NOT_FOUND, NO_NAME),
    **_each("12154 65011", ErrorCode.DATABASE_NOT_FOUND),
    **_each("1435 1918", ErrorCode.SCHEMA_NOT_FOUND),
    **_each("18 20 12516 12518 12519 12520", FULL),
    **_each("2391", FULL, SESSIONS),
    **_each("1033 1034 1089 1090 12526 12527 12528 12757 27101", LOST, transient=True),
    **_each("1035 1109 1219", LOST, OPEN),
    **_each("22 28 602 603 609 1012 1041 1043 1092 2396 3113 3114 3122 3135 12153 12203 12500 12537", LOST),
    **_each("12541 12547 12560 12564 12570 12571 12583 27146 28547", LOST),
    **_each("1013 12170 12535 12606 12609 30006", ErrorCode.TIMEOUT),
    **_each("12660 12650", ErrorCode.TLS_ERROR, NATIVE),
    **_each("28750 28759 28791 28860 28862 28864 29002 29003 29019 29024 29106", ErrorCode.TLS_ERROR),
    **_each("1456", ErrorCode.QUERY_NOT_READ_ONLY),
    **_each("942", ErrorCode.QUERY_ERROR, GRANT_READ),
    **_each("972", ErrorCode.QUERY_ERROR, LONG_NAME),
}
"""Every other number is a fault of the statement."""
DPY: dict[int, Refusal] = {
    **_each("1001 4011 4033 6000 6005", LOST),
    **_each("3001", ErrorCode.TLS_ERROR, NATIVE),
    **_each("3010", ErrorCode.PROTOCOL_ERROR, OLD),
    **_each("3015", AUTHENTICATION, VERIFIER),
    **_each("4001", AUTHENTICATION),
    **_each("4008 4009 4010", ErrorCode.QUERY_ERROR, BIND),
    **_each("4019 4021 4035", ErrorCode.PROTOCOL_ERROR),
    **_each("4024", ErrorCode.TIMEOUT),
    **_each("6001", ErrorCode.DATABASE_NOT_FOUND, SERVICE),
    **_each("6003", ErrorCode.DATABASE_NOT_FOUND, SID),
    **_each("6002 6006", ErrorCode.TLS_ERROR),
}
"""Of the driver's own; those from 5000 on are answers that it does not understand."""
RECURSIVE, APPLICATION = 604, range(20000, 21000)
TRIGGER = "A logon trigger of the server refuses this user, program or address: change it, or use another user."
NUMBER = re.compile(r"ORA-(\d{5})")
SENTENCES = {6001: "The listener knows no service of this name", 6003: "The listener knows no SID of this name"}
"""Instead of the driver's, which name the address."""


class Ended(Protocol):
    """A line, which may know better why it ended."""

    failure: CheckError | Flood | None


class Said(Struct, frozen=True):
    """What an error of the driver's says: the number of its own or of the database's, and a sentence."""

    full_code: str
    message: str

    @property
    def numbers(self) -> tuple[str, int]:
        """The component that reports the error, and its number; empty if there is none."""
        family, _, number = self.full_code.partition("-")
        return (family, int(number)) if number.isdecimal() else ("", 0)


@contextmanager
def refused(line: Ended, *, at_login: bool = False) -> Iterator[None]:
    """Raise `Refused`, or what the line knows better, for anything that the driver raises."""
    import oracledb

    try:
        yield
    except oracledb.Error as error:
        raise line.failure or refusal_of(*said_by(error), at_login=at_login) from error
    except (CheckError, TimeoutError):
        raise
    except Exception as error:  # its parser, on an answer that is none
        raise line.failure or ValueError("an answer of another form") from error


def said_by(error: BaseException) -> list[Said]:
    """What this error says and those behind it, the first of all at the end."""
    found: list[Said] = []
    at: BaseException | None = error
    while at is not None and len(found) < 10:
        for said in at.args[:1]:
            code, message = getattr(said, "full_code", ""), getattr(said, "message", "")
            if code:
                number = getattr(said, "code", 0)
                found.append(Said(f"ORA-{number:05}" if number else str(code), str(message)))
        at = at.__cause__ or at.__context__
    return found


def refusal_of(*said: Said, at_login: bool = False) -> Refused:
    """What an error of the driver's means, given with those behind it: the one that says most is behind."""
    last = next((one for one in reversed(said) if one.numbers != ("DPY", 6005)), None) or (said or [Said("", "")])[-1]
    family, number = last.numbers
    if family == "DPY" and number == 6000 and (similar := NUMBER.search(last.message)):
        family, number = "ORA", int(similar[1])  # the listener's own number
    elif number == RECURSIVE:
        number = next((int(one) for one in NUMBER.findall(last.message) if int(one) != RECURSIVE), number)
    meant = meaning(family, number, at_login=at_login)
    details: dict[str, Any] = {"oracle_error": last.full_code or None}
    if meant.transient:
        details["transient"] = True
    return Refused(meant.code, _sentence(last, family, number), details, meant.advice)


def meaning(family: str, number: int, *, at_login: bool = False) -> Refusal:
    """Our code for a number, and what the user does next; before the login there is no query that could be at fault."""
    if not family:
        return Refusal(LOST)
    if family == "DPY" and 5000 <= number < 6000:
        return Refusal(ErrorCode.PROTOCOL_ERROR)
    known = (DPY if family == "DPY" else ORA).get(number)
    if at_login and (known is None or known.code is ErrorCode.QUERY_ERROR):
        return Refusal(PERMISSION, TRIGGER) if number in APPLICATION else Refusal(LOST)
    return known or Refusal(ErrorCode.QUERY_ERROR)


def _sentence(said: Said, family: str, number: int) -> str:
    """The server's own sentence, where it is one; the driver puts its own before it, and an address behind it."""
    if family == "DPY" and number in SENTENCES:
        return f"{SENTENCES[number]} (ORA-{12514 if number == 6001 else 12505})"
    lines = [line.strip() for line in said.message.splitlines() if line.strip()]
    own = [line for line in lines if line.startswith(f"ORA-{number:05}: ")]
    return (own or lines or [said.full_code])[0]
