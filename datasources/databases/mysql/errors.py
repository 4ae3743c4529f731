"""PyMySQL's errors as ours, once: by the server's and the client's own numbers."""

import os
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from datasources.databases.flood import Flood
from datasources.databases.refusal import Refusal
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode

AUTHENTICATION = (1045, 1130, 1251, 1524, 1698, 1820, 1862, 2059, 2061, 3118, 3955, 4151)
"""Denied, from this host, by this method; an expired password; a locked account."""
PERMISSION = (1044, 1095, 1142, 1143, 1227, 1345, 1370, 1410, 1419, 3530)
FULL = (1040, 1041, 1203, 1226)
"""Of the server, of the user, of the account's resources."""
LATE = (1205, 1317, 1969, 3024, 4032)
"""Waited for a lock; interrupted or beyond its time, at MariaDB and at MySQL."""
READ_ONLY = (1290, 1792, 1836)
LOST = (1053, 1077, 1079, 1129, 1152, 1153, 1158, 1159, 1160, 1161, 1184, 1927, 2002, 2003, 2006, 2013, 2055)
"""Shutting down, blocked, cut off; and what the client says of a broken connection."""
TLS = (2026, 3159, 3160)
PROTOCOL = (1047, 1835, 2014, 2027)

CODES: dict[int, ErrorCode] = {
    **dict.fromkeys(AUTHENTICATION, ErrorCode.AUTHENTICATION_FAILED),
    **dict.fromkeys(PERMISSION, ErrorCode.PERMISSION_DENIED),
    **dict.fromkeys(FULL, ErrorCode.TOO_MANY_CONNECTIONS),
    **dict.fromkeys(LATE, ErrorCode.TIMEOUT),
    **dict.fromkeys(READ_ONLY, ErrorCode.QUERY_NOT_READ_ONLY),
    **dict.fromkeys(LOST, ErrorCode.CONNECTION_ERROR),
    **dict.fromkeys(TLS, ErrorCode.TLS_ERROR),
    **dict.fromkeys(PROTOCOL, ErrorCode.PROTOCOL_ERROR),
    1049: ErrorCode.DATABASE_NOT_FOUND,
    1008: ErrorCode.DATABASE_NOT_FOUND,
    1102: ErrorCode.DATABASE_NOT_FOUND,  # no database can have this name
}
"""Of the server below 2000 and from 3000 on, of the client between."""
ADVICE: dict[int, str] = {
    1184: "The server ended the session at the login, and its log says why: often a statement of init_connect fails.",
}
"""By the same numbers, where more is known than the code's own sentence."""
CLEARTEXT = (
    "The server asks for the password in a way that others could read, and the connection is not encrypted: have the "
    "server use TLS, or set allow_cleartext_password if you trust the network in between"
)


class KeptPassword(Exception):
    """The server asked for the password in clear, and there is no TLS."""


@contextmanager
def translated(
    stage: str,
    prefix: str = "",
    *,
    special: Mapping[ErrorCode, Refusal] | None = None,
    kind: type[CheckError] = CheckError,
) -> Iterator[None]:
    """Raise `CheckError`, or the `kind` of it that is named, for anything that PyMySQL raises.

    `special` is for codes that mean something else here. What is neither its own error nor ours comes from an answer
    that it could not read: PROTOCOL_ERROR.
    """
    import pymysql

    try:
        yield
    except (CheckError, TimeoutError):
        raise
    except KeptPassword as error:
        raise kind(ErrorCode.AUTHENTICATION_FAILED, CLEARTEXT, {"stage": stage, "cleartext": True}) from error
    except Flood as error:
        raise kind(ErrorCode.PROTOCOL_ERROR, f"{error} (stage: {stage})", {"stage": stage}) from error
    except pymysql.Error as error:
        number, message = said(error)
        code = code_of(error, number)
        meaning = (special or {}).get(code) or Refusal(code, ADVICE.get(number or 0))
        raise meaning.error(prefix + message, {"stage": stage, "mysql_error": number}, kind) from error
    except Exception as error:
        message = f"{prefix}The server's answer breaks the protocol ({type(error).__name__})"
        raise kind(ErrorCode.PROTOCOL_ERROR, message, {"stage": stage, "reason": type(error).__name__}) from error


def said(error: Exception) -> tuple[int | None, str]:
    """The number and the sentence; of a broken connection, what the system says of it."""
    number = error.args[0] if error.args and isinstance(error.args[0], int) else None
    cause = _cause(error)
    if isinstance(cause, OSError):
        return number, (cause.strerror or str(cause) or type(cause).__name__).strip()
    text = str(error.args[-1]) if error.args else type(error).__name__
    return number, text.partition("\n")[0]


def code_of(error: Exception, number: int | None) -> ErrorCode:
    """The code for an error of PyMySQL."""
    cause = _cause(error)
    if isinstance(cause, ssl.SSLError):
        return ErrorCode.TLS_ERROR
    if isinstance(cause, TimeoutError):
        return ErrorCode.TIMEOUT
    if number is None:
        return ErrorCode.PROTOCOL_ERROR
    return CODES.get(number, ErrorCode.QUERY_ERROR)


def _cause(error: Any) -> BaseException | None:
    """What PyMySQL hides behind its own error."""
    found: BaseException | None = getattr(error, "original_exception", None) or error.__cause__ or error.__context__
    return found


def reason_of(error: OSError) -> str:
    """The system's sentence."""
    return os.strerror(error.errno) if error.errno else type(error).__name__
