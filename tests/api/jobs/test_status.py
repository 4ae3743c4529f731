"""Where a job stands, as a table: what is written down, what its run says, and whether its question is open."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from prefect.client.schemas.objects import State, StateDetails, StateType
from prefect.states import Cancelled, Completed, Crashed, Failed, Pending, Running, Scheduled

from api.jobs.status import open_status, status_of
from api.prefect.client import Run
from datasources.catalogue.tables import Job
from datasources.model.losses import Loss
from datasources.model.vocabulary import JobStatus

NOW = datetime(2026, 5, 4, 12, 30, tzinfo=UTC)


def paused(key: str | None) -> State[Any]:
    """A state of a run that has suspended itself under this key."""
    return State(type=StateType.PAUSED, name="Suspended", state_details=StateDetails(pause_key=key))


@pytest.mark.parametrize(
    ("state", "asks", "status"),
    [
        (None, False, "waiting"),
        (Scheduled(), False, "waiting"),
        (Pending(), False, "waiting"),
        (Running(), False, "processing"),
        (State(type=StateType.CANCELLING), False, "processing"),
        (paused("needs-confirmation"), True, "needs_confirmation"),
        (paused("needs-authentication-2"), True, "needs_authentication"),
        (paused("needs-authentication"), False, "waiting"),
        (paused(None), False, "waiting"),
        (Completed(), False, "processing"),
        (Failed(), False, "processing"),
        (Crashed(), False, "processing"),
        (Cancelled(), False, "processing"),
    ],
)
def test_a_job_that_has_not_ended(state: State[Any] | None, asks: bool, status: str) -> None:
    """An ending of its run counts only once it is written down; an answered question is no question."""
    assert open_status(Run(state=state, started_at=None), asks=asks) == status


def test_what_is_written_down_counts() -> None:
    """Whatever was last read of the run."""
    ended = Job(status=JobStatus.failed, ended_at=NOW)
    assert status_of(ended, Run(state=Running(), started_at=NOW)) is JobStatus.failed
    assert status_of(Job(), None) is JobStatus.waiting


def test_a_lost_run_that_is_noted() -> None:
    """Its job waits for the next attempt, also before Prefect has heard of it; another state of the run counts."""
    lost, after = Crashed(), Crashed()
    loss = Loss(state_id=str(lost.id), stage="lost", steps=[], suspect=False, at=NOW)
    job = Job(losses=msgspec.to_builtins([loss]))
    assert status_of(job, Run(state=lost, started_at=NOW)) is JobStatus.waiting
    assert status_of(job, Run(state=after, started_at=NOW)) is JobStatus.processing
