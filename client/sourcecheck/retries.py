"""When a request is sent again: a pure rule, for both clients."""

import re

import httpx
from msgspec import Struct

from sourcecheck.errors import ServiceUnreachable

FIRST_PAUSE = 0.25
"""Seconds; each further pause is twice as long."""
LONGEST_PAUSE = 30.0
BUSY = frozenset({429, 502, 503, 504})
"""Statuses by which a service, or a proxy in front of it, says that it did not take the request."""


class Retries(Struct, frozen=True):
    """How often a request is tried, the first time included."""

    attempts: int = 4

    def pause_after_error(self, attempt: int, error: Exception, *, repeatable: bool) -> float | None:
        """Seconds to wait after an error of the network, or None to give up.

        What may have reached the service is sent again only when that does no harm.
        """
        unsent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
        lost = isinstance(error, httpx.TransportError) and repeatable
        return _backoff(attempt) if attempt < self.attempts and (unsent or lost) else None

    def pause_after_status(self, attempt: int, status: int, retry_after: str | None) -> float | None:
        """Seconds to wait after this status, or None to take it as the answer."""
        if attempt >= self.attempts or status not in BUSY:
            return None
        try:
            wanted = float(retry_after) if retry_after else _backoff(attempt)
        except ValueError:
            wanted = _backoff(attempt)
        return wanted if wanted <= LONGEST_PAUSE else None


def _backoff(attempt: int) -> float:
    return min(FIRST_PAUSE * 2.0 ** (attempt - 1), LONGEST_PAUSE)


def unreachable(url: str, error: httpx.HTTPError | httpx.InvalidURL) -> ServiceUnreachable:
    """The error that tells the user which address did not answer, and how."""
    reason = re.sub(r"^\[Errno -?\d+\] ", "", str(error)) or type(error).__name__
    return ServiceUnreachable(
        f"the sourcecheck service at {url} did not answer: {reason}. "
        "Check that it is running and that this is its address"
    )
