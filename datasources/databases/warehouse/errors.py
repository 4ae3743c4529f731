"""What goes wrong in a request, as ours: httpx's errors by their types, and a product's own as its table has them."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from datasources.databases.flood import Flood
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode
from datasources.network.dial import system_words

TEXT_LIMIT = 1000
STATUS: dict[int, ErrorCode] = {
    401: ErrorCode.AUTHENTICATION_FAILED,
    403: ErrorCode.PERMISSION_DENIED,
    408: ErrorCode.TIMEOUT,
    429: ErrorCode.TOO_MANY_CONNECTIONS,
    502: ErrorCode.CONNECTION_ERROR,
    503: ErrorCode.CONNECTION_ERROR,
    504: ErrorCode.TIMEOUT,
}
"""Of an answer without a code of the product's own: a proxy in between says so."""
TRANSIENT = frozenset({429, 502, 503, 504})
UNREADABLE = (ValueError, LookupError, TypeError, AttributeError)
"""What reading an answer raises that has another form than a product's documents say."""


class Refused(Exception):
    """The server's "no", with what it means by the product's own table."""

    def __init__(
        self, code: ErrorCode, message: str, details: dict[str, Any] | None = None, advice: str | None = None
    ) -> None:
        super().__init__(code, message, details, advice)
        self.code = code
        self.message = message.strip().partition("\n")[0][:TEXT_LIMIT] or "The server gave no reason"
        self.details = details or {}
        self.advice = advice

    @classmethod
    def by_status(cls, status: int, text: str = "") -> "Refused":
        """A refusal that only has an HTTP status."""
        code = STATUS.get(status, ErrorCode.PROTOCOL_ERROR)
        moved = (
            "The server redirects to another address, and sourcecheck does not follow redirects"
            if 300 <= status < 400
            else ""
        )
        transient = {"transient": True} if status in TRANSIENT else {}
        return cls(code, moved or text or f"HTTP status {status}", {"http_status": status} | transient)


@contextmanager
def translated(stage: str, prefix: str = "", *, kind: type[CheckError] = CheckError) -> Iterator[None]:
    """Raise `CheckError`, or the `kind` of it that is named, for anything that asking raises."""
    try:
        yield
    except (CheckError, TimeoutError):
        raise
    except Refused as error:
        raise kind(error.code, prefix + error.message, {"stage": stage} | error.details, error.advice) from error
    except Flood as error:
        raise kind(ErrorCode.PROTOCOL_ERROR, f"{prefix}{error} (stage: {stage})", {"stage": stage}) from error
    except (httpx.RemoteProtocolError, httpx.DecodingError, *UNREADABLE) as error:
        message = f"{prefix}The server's answer breaks the protocol ({type(error).__name__})"
        lost = isinstance(error, httpx.RemoteProtocolError) and "disconnected" in str(error)
        code = ErrorCode.CONNECTION_ERROR if lost else ErrorCode.PROTOCOL_ERROR
        raise kind(code, message, {"stage": stage, "reason": type(error).__name__}) from error
    except httpx.HTTPError as error:
        tls = cause_of(error, ssl.SSLError)
        reason = tls or cause_of(error, OSError) or error
        words = None if tls else system_words(error)
        message = words or getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
        code = ErrorCode.TLS_ERROR if tls is not None else ErrorCode.CONNECTION_ERROR
        raise kind(code, prefix + message, {"stage": "tls" if tls is not None else stage}) from error


def cause_of(error: BaseException | None, kind: type[BaseException]) -> BaseException | None:
    """The first error of this kind behind another."""
    while error is not None:
        if isinstance(error, kind):
            return error
        error = error.__cause__ or error.__context__
    return None
