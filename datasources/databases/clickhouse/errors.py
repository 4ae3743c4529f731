"""ClickHouse's errors as ours, once: by the number in the header of its answer, and httpx's by their types."""

import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from datasources.databases.flood import Flood
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode
from datasources.network.dial import system_words

CODES: dict[int, ErrorCode] = {
    **dict.fromkeys((192, 193, 194, 516), ErrorCode.AUTHENTICATION_FAILED),
    **dict.fromkeys((195, 291, 497), ErrorCode.PERMISSION_DENIED),
    **dict.fromkeys((159, 160, 209, 394, 473), ErrorCode.TIMEOUT),
    **dict.fromkeys((202, 203), ErrorCode.TOO_MANY_CONNECTIONS),
    164: ErrorCode.QUERY_NOT_READ_ONLY,
    81: ErrorCode.DATABASE_NOT_FOUND,
}
"""By ErrorCodes.cpp; every other number is a fault of the query."""
STATUS: dict[int, ErrorCode] = {
    401: ErrorCode.AUTHENTICATION_FAILED,
    403: ErrorCode.PERMISSION_DENIED,
    429: ErrorCode.TOO_MANY_CONNECTIONS,
    502: ErrorCode.CONNECTION_ERROR,
    503: ErrorCode.CONNECTION_ERROR,
    504: ErrorCode.TIMEOUT,
}
"""Of an answer without ClickHouse's header: a proxy in between says so."""
TEXT_LIMIT = 1000


class Refused(Exception):
    """The server answered an error: its number (None if it has none), the HTTP status, and the text."""

    def __init__(self, number: int | None, status: int, text: str) -> None:
        super().__init__(number, status, text)
        self.number = number
        self.status = status
        self.text = text


@contextmanager
def translated(stage: str, prefix: str = "", *, kind: type[CheckError] = CheckError) -> Iterator[None]:
    """Raise `CheckError`, or the `kind` of it that is named, for anything that asking raises."""
    try:
        yield
    except Refused as error:
        details = {"stage": stage, "clickhouse_error": error.number, "http_status": error.status}
        raise kind(code_of(error), prefix + _sentence(error.text), details) from error
    except Flood as error:
        raise kind(ErrorCode.PROTOCOL_ERROR, f"{prefix}{error} (stage: {stage})", {"stage": stage}) from error
    except (httpx.RemoteProtocolError, httpx.DecodingError, ValueError, LookupError, TypeError) as error:
        message = f"{prefix}The server's answer breaks the protocol ({type(error).__name__})"
        code = ErrorCode.CONNECTION_ERROR if "disconnected" in str(error) else ErrorCode.PROTOCOL_ERROR
        raise kind(code, message, {"stage": stage, "reason": type(error).__name__}) from error
    except httpx.HTTPError as error:
        tls = _cause(error, ssl.SSLError)
        reason = tls or error
        words = None if tls else system_words(error)
        message = words or getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
        code = ErrorCode.TLS_ERROR if tls is not None else ErrorCode.CONNECTION_ERROR
        raise kind(code, prefix + message, {"stage": stage}) from error


def code_of(error: Refused) -> ErrorCode:
    """The code for an answer that is an error."""
    if error.number is None:
        return STATUS.get(error.status, ErrorCode.PROTOCOL_ERROR)
    return CODES.get(error.number, ErrorCode.QUERY_ERROR)


def _sentence(text: str) -> str:
    """Without the class that it was thrown as, and the query, which the server repeats."""
    line = re.split(r"\(in query: |: In scope |\. In scope ", text.strip().partition("\n")[0])[0].rstrip(" :")
    return line.partition("DB::Exception: ")[2][:TEXT_LIMIT] or line[:TEXT_LIMIT] or "The server gave no reason"


def _cause(error: BaseException | None, kind: type[BaseException]) -> BaseException | None:
    while error is not None:
        if isinstance(error, kind):
            return error
        error = error.__cause__ or error.__context__
    return None
