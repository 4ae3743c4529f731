"""Answers about jobs as bytes: a client that polls costs no query and no encoding."""

import time
from collections import OrderedDict
from collections.abc import Callable

import msgspec
from msgspec import Struct, structs

from api.wire.schemas import AsyncDataSourceTestResults

ENDED_SECONDS = 60.0
"""For how long an ended job is answered from here: its answer cannot change, but retention removes it one day."""
OPEN_SECONDS = 0.1
"""For how long an open job is: as long as two readings of its run are apart at least."""
RENEW_SECONDS = 0.5
"""For how long others are answered as before while one request makes the answer anew."""
MAX_BYTES = 32 * 1024 * 1024

_encode = msgspec.json.Encoder().encode


class Encoded(Struct, frozen=True):
    """One answer."""

    body: bytes
    ended: bool
    until: float
    """Of a monotonic clock."""


class EncodedAnswers:
    """The answers of one process, by organization and job; those that were kept first go first."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._answers: OrderedDict[tuple[int, int], Encoded] = OrderedDict()
        self._bytes = 0
        self.changes = 0
        """How often a request has changed an open job, whichever it was."""

    def find(self, organization_id: int, job_id: int, *, renews: bool = True) -> Encoded | None:
        """The answer, if it is still good.

        Of the requests about an open job that come just after, the first that `renews` it finds none, and the others
        the old one until then: a thousand clients that poll would all ask the catalogue at once.
        """
        place = organization_id, job_id
        found, now = self._answers.get(place), self._clock()
        if found is None or found.until >= now:
            return found
        if found.ended or found.until + RENEW_SECONDS < now:
            self._remove(place)
        elif renews:
            self._answers[place] = structs.replace(found, until=now + RENEW_SECONDS)
        return None

    def keep(self, organization_id: int, answer: AsyncDataSourceTestResults, changes: int | None = None) -> Encoded:
        """The answer as bytes, kept for as long as it is good; where another has ended the job already, that one.

        `changes` is what it was before the job was read: an open job that may have been changed since is not kept.
        """
        place, ended = (organization_id, answer.id), answer.status.ended
        body = _encode(answer)
        kept = Encoded(body, ended, self._clock() + (ENDED_SECONDS if ended else OPEN_SECONDS))
        known = self._answers.get(place)
        if known is not None and known.ended and not ended:  # read before the end, and slower: what has ended stays so
            return known
        if not ended and changes not in (None, self.changes):
            return kept
        if known is not None:
            self._remove(place)
        self._answers[place] = kept
        self._bytes += len(body)
        while self._bytes > MAX_BYTES:
            self._remove(next(iter(self._answers)))
        return kept

    def forget(self, organization_id: int, job_id: int) -> None:
        """A request has just changed this job: what was known of it while it was open is over."""
        self.changes += 1
        found = self._answers.get((organization_id, job_id))
        if found is not None and not found.ended:
            self._remove((organization_id, job_id))

    def _remove(self, place: tuple[int, int]) -> None:
        self._bytes -= len(self._answers.pop(place).body)
