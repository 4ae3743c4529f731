"""Errors of drivers of stores as ours, once: what the service said, and what broke on the way, by its types."""

import json
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from xml.etree.ElementTree import ParseError

from datasources.databases.objects.store import Said
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode

TEXT_LIMIT = 1000
PROTOCOL = (json.JSONDecodeError, ParseError, UnicodeError, KeyError, TypeError, AttributeError)
PROTOCOL_NAMES = frozenset(
    {"ResponseParserError", "DecodeError", "DataCorruption", "IncompleteReadError", "TooManyRedirects"}
)
"""Of drivers that are imported where they are needed only."""


@contextmanager
def translated(
    said: Callable[[Exception], Said | None], stage: str, prefix: str = "", *, kind: type[CheckError] = CheckError
) -> Iterator[None]:
    """Raise `CheckError`, or the `kind` of it that is named, for anything that a driver raises."""
    try:
        yield
    except (CheckError, TimeoutError) as error:
        if isinstance(error, CheckError):
            raise
        raise kind(ErrorCode.TIMEOUT, f"{prefix}No answer in time (stage: {stage})", {"stage": stage}) from error
    except Exception as error:
        found = said(error)
        if found is None:
            code, message, where = _broken(error, stage)
            raise kind(code, prefix + message, {"stage": where, "reason": type(error).__name__}) from error
        message = prefix + found.message.strip().partition("\n")[0][:TEXT_LIMIT]
        raise found.refusal.error(
            message, {"stage": stage, "service_error": found.code} | found.details, kind
        ) from error


def _broken(error: Exception, stage: str) -> tuple[ErrorCode, str, str]:
    """What an error means that the service has not said."""
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLError):
            return ErrorCode.TLS_ERROR, f"TLS failed: {getattr(cause, 'verify_message', '') or cause.reason}", "tls"
    if any("Timeout" in type(cause).__name__ for cause in causes):
        return ErrorCode.TIMEOUT, f"No answer in time (stage: {stage})", stage
    if any(isinstance(cause, PROTOCOL) or type(cause).__name__ in PROTOCOL_NAMES for cause in causes):
        return ErrorCode.PROTOCOL_ERROR, f"The service's answer breaks the protocol ({type(error).__name__})", stage
    if any(isinstance(cause, OSError) or type(cause).__module__.startswith("urllib3") for cause in causes):
        return ErrorCode.CONNECTION_ERROR, "The service ended the connection", stage
    return ErrorCode.PROTOCOL_ERROR, f"The service's answer breaks the protocol ({type(error).__name__})", stage


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and everything behind it, as drivers keep it."""
    seen: set[int] = set()
    left = [error]
    while left:
        found = left.pop(0)
        if not isinstance(found, BaseException) or id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        more = [
            found.__cause__,
            found.__context__,
            getattr(found, "reason", None),
            getattr(found, "inner_exception", None),
        ]
        left += [*more, *(found.args[:2] if found.args else ())]
