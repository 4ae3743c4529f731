"""Answers about jobs that are kept as bytes."""

import msgspec

from api.jobs.encoded import ENDED_SECONDS, MAX_BYTES, OPEN_SECONDS, RENEW_SECONDS, EncodedAnswers
from api.wire.schemas import AsyncDataSourceTestResults
from datasources.model.vocabulary import JobStatus


class Clock:
    """Seconds that pass when the test says so."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def answer(status: JobStatus, job_id: int = 7, reason: str | None = None) -> AsyncDataSourceTestResults:
    """An answer about a job."""
    return AsyncDataSourceTestResults(id=job_id, status=status, results=[], checks=[], reason=reason)


def test_an_ended_job_is_answered_from_memory_for_a_while() -> None:
    """The bytes are the answer; after a minute the catalogue is asked again, for retention may have removed the job."""
    clock = Clock()
    answers = EncodedAnswers(clock)
    body = answers.keep(1, answer(JobStatus.done)).body
    assert msgspec.json.decode(body, type=AsyncDataSourceTestResults) == answer(JobStatus.done)
    found = answers.find(1, 7)
    assert found is not None
    assert (found.body, found.ended) == (body, True)
    clock.now += ENDED_SECONDS + 0.1
    assert answers.find(1, 7) is None
    assert answers.find(1, 7) is None


def test_an_open_job_is_answered_from_memory_for_a_moment() -> None:
    """As long as two readings of its run are apart."""
    clock = Clock()
    answers = EncodedAnswers(clock)
    answers.keep(1, answer(JobStatus.processing))
    found = answers.find(1, 7)
    assert found is not None
    assert not found.ended
    clock.now += OPEN_SECONDS + 0.01
    assert answers.find(1, 7) is None


def test_one_request_makes_an_answer_anew() -> None:
    """The others are answered as before until it has, or until it has taken too long; one that waits leaves it to them."""
    clock = Clock()
    answers = EncodedAnswers(clock)
    before = answers.keep(1, answer(JobStatus.processing)).body
    clock.now += OPEN_SECONDS + 0.01
    assert answers.find(1, 7, renews=False) is None
    assert answers.find(1, 7) is None
    found = answers.find(1, 7)
    assert found is not None
    assert found.body == before
    clock.now += RENEW_SECONDS + 0.01
    assert answers.find(1, 7) is None
    answers.keep(1, answer(JobStatus.done))
    found = answers.find(1, 7)
    assert found is not None
    assert found.ended


def test_another_organization_finds_nothing() -> None:
    """An answer is kept for the organization that may see it."""
    answers = EncodedAnswers(Clock())
    answers.keep(1, answer(JobStatus.done))
    assert answers.find(2, 7) is None


def test_what_has_ended_stays_so() -> None:
    """A request that has read the job before its end, and is slower, changes nothing, and answers the end itself."""
    answers = EncodedAnswers(Clock())
    ended = answers.keep(1, answer(JobStatus.done))
    assert answers.keep(1, answer(JobStatus.processing)) == ended
    found = answers.find(1, 7)
    assert found is not None
    assert found.ended


def test_a_job_that_a_request_has_changed_is_read_anew() -> None:
    """What was known while it was open is over; an answer that is final stays."""
    answers = EncodedAnswers(Clock())
    answers.keep(1, answer(JobStatus.waiting))
    answers.forget(1, 7)
    assert answers.find(1, 7) is None
    answers.keep(1, answer(JobStatus.cancelled))
    answers.forget(1, 7)
    assert answers.find(1, 7) is not None


def test_what_was_read_before_a_change_is_not_kept() -> None:
    """A slow request answers what it has read to its own client; the one that has changed the job never sees that."""
    answers = EncodedAnswers(Clock())
    before = answers.changes
    answers.forget(1, 7)
    assert b"needs_confirmation" in answers.keep(1, answer(JobStatus.needs_confirmation), before).body
    assert answers.find(1, 7) is None
    answers.keep(1, answer(JobStatus.processing), answers.changes)
    assert answers.find(1, 7) is not None
    assert answers.keep(1, answer(JobStatus.done), before).ended
    found = answers.find(1, 7)
    assert found is not None
    assert found.ended


def test_an_old_answer_is_no_answer() -> None:
    """Two requests after a while, at once: neither is answered as it was then."""
    clock = Clock()
    answers = EncodedAnswers(clock)
    answers.keep(1, answer(JobStatus.waiting))
    clock.now += OPEN_SECONDS + RENEW_SECONDS + 0.01
    assert answers.find(1, 7) is None
    assert answers.find(1, 7) is None


def test_memory_has_an_end() -> None:
    """The oldest answers go when there are too many bytes, and what is gone is not counted."""
    answers = EncodedAnswers(Clock())
    long = "x" * (MAX_BYTES // 4)
    for job_id in range(1, 11):
        answers.keep(1, answer(JobStatus.failed, job_id, long))
    assert [job_id for job_id in range(1, 11) if answers.find(1, job_id)] == [8, 9, 10]
    assert answers._bytes == sum(len(kept.body) for kept in answers._answers.values())
