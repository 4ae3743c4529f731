"""What is done about a job is a rule: a table of (job, run, now), and the action for each."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from prefect.client.schemas.objects import State, StateDetails, StateType

from api.jobs.following.decide import (
    CANCEL_SECONDS,
    LEAST_SECONDS,
    REPORT_SECONDS,
    Action,
    Cancel,
    End,
    GiveUp,
    Leave,
    Resume,
    RunAgain,
    StopRun,
    decide,
    decide_without_prefect,
    worth_reading,
)
from api.prefect.client import Run
from datasources.catalogue.tables import Job
from datasources.model.losses import LONGEST_PAUSE, MOST_ATTEMPTS, Loss, pause_seconds
from datasources.model.results import Published, StepResult
from datasources.model.vocabulary import Code, JobStatus, Outcome
from flows.states import PROCESS_LOST, REFUSED, SERVER_LOST, TIMED_OUT

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
A_MOMENT = timedelta(milliseconds=1)
RUN_ID = UUID(int=7)
STATE_ID = UUID(int=8)
STEPS = ["connection", "schema_download"]
QUESTION = {"kind": "query", "number": 1}


def job(**columns: Any) -> Job:
    """A job that was handed over and has a minute left, unless the columns say otherwise."""
    facts = {
        "id": 1,
        "flow_run_id": RUN_ID,
        "dispatched_at": NOW,
        "deadline": NOW + timedelta(minutes=1),
        "steps": STEPS,
    }
    return Job(**facts | columns)


def run(
    kind: StateType | None,
    pause_key: str | None = None,
    name: str | None = None,
    found: int = 2,
    since: datetime = NOW,
) -> Run:
    """A run in this state, since this time, that has published so many of its steps."""
    details = StateDetails(pause_key=pause_key)
    state = State[Any](id=STATE_ID, type=kind, name=name, state_details=details, timestamp=since) if kind else None
    passed = StepResult(code=Code.OK, message="Fine", outcome=Outcome.success)
    published = {step: Published(job_id=1, task=step, result=passed) for step in STEPS[:found]}
    return Run(state=state, started_at=NOW, published=published)


def ago(seconds: float) -> datetime:
    """So many seconds before now."""
    return NOW - timedelta(seconds=seconds)


ASKED_NOW, ASKED_LONG_AGO = {"cancel_requested_at": NOW}, {"cancel_requested_at": ago(CANCEL_SECONDS) - A_MOMENT}
TOLD_LONG_AGO = ago(CANCEL_SECONDS) - A_MOMENT
ANSWERED = {"question": None}
ASKING = {"question": QUESTION}
JUST_IN_TIME = {"deadline": ago(REPORT_SECONDS)}
OVERDUE = {"deadline": ago(REPORT_SECONDS) - A_MOMENT}
LITTLE_LEFT = {"deadline": NOW + timedelta(seconds=LEAST_SECONDS) - A_MOMENT}
LOST = run(StateType.CRASHED, name=PROCESS_LOST, found=1)
WORKER_GONE = run(StateType.CRASHED, found=1)
SERVER_AWAY = run(StateType.CRASHED, name=SERVER_LOST, found=1)
BROKEN = run(StateType.FAILED, found=1)


def loss(*steps: str, suspect: bool = True, state: UUID = STATE_ID) -> Loss:
    """An attempt that was lost while these steps, or the download, were under way."""
    under_way = list(steps or ["schema_download"])
    stage = f"lost while running {', '.join(under_way)}"
    return Loss(state_id=str(state), stage=stage, steps=under_way, suspect=suspect, at=NOW)


def lost_before(*losses: Loss) -> dict[str, Any]:
    """A job of which these attempts were lost."""
    return {"losses": msgspec.to_builtins(list(losses))}


OTHER = UUID(int=9)
TWICE_THE_SAME = lost_before(loss("schema_download", "temp_schema", state=OTHER))
ELSEWHERE = lost_before(loss("connection", state=OTHER))
NOTED = lost_before(loss())
MANY = lost_before(*(loss(suspect=False, state=UUID(int=100 + number)) for number in range(MOST_ATTEMPTS - 1)))
PAUSED_FOR_US = run(StateType.PAUSED, "needs-confirmation")

CASES: list[tuple[str, dict[str, Any], Run | None, Action]] = [
    ("Prefect does not know the run yet", {}, None, Leave()),
    ("it has no run yet", {"flow_run_id": None}, None, Leave()),
    ("a run without a state", {}, run(None), Leave()),
    ("it waits for a worker", {}, run(StateType.SCHEDULED), Leave()),
    ("a worker has it", {}, run(StateType.PENDING), Leave()),
    ("it runs", {}, run(StateType.RUNNING), Leave()),
    ("its run is being stopped by someone else", {}, run(StateType.CANCELLING), Leave()),
    ("its run has completed", {}, run(StateType.COMPLETED), End(JobStatus.done)),
    ("its run has failed", {}, run(StateType.FAILED), End(JobStatus.failed)),
    ("its process died", {}, LOST, RunAgain(loss())),
    ("its worker is gone", {}, WORKER_GONE, RunAgain(loss(suspect=False))),
    ("a server of ours was away", {}, SERVER_AWAY, RunAgain(loss(suspect=False))),
    ("a server of ours was away once more", TWICE_THE_SAME, SERVER_AWAY, RunAgain(loss(suspect=False))),
    ("it broke before it came to a verdict", {}, BROKEN, RunAgain(loss())),
    ("its process died, and it is noted, and not scheduled yet", NOTED, LOST, RunAgain(loss())),
    ("its process died at the same stage as before", TWICE_THE_SAME, LOST, End(JobStatus.failed)),
    ("it broke at the same stage as before", TWICE_THE_SAME, BROKEN, End(JobStatus.failed)),
    ("its process died at another stage than before", ELSEWHERE, LOST, RunAgain(loss())),
    ("its worker is gone after its process died", TWICE_THE_SAME, WORKER_GONE, RunAgain(loss(suspect=False))),
    ("its workers are lost again and again", MANY, WORKER_GONE, End(JobStatus.failed)),
    ("its process died as its time was over", LITTLE_LEFT, LOST, End(JobStatus.failed)),
    ("its process died, and it is to be cancelled", ASKED_NOW, LOST, End(JobStatus.failed)),
    ("its question has expired in Prefect", ASKING, BROKEN, End(JobStatus.failed)),
    ("it was ended at its deadline", {}, run(StateType.CRASHED, name=TIMED_OUT, found=1), End(JobStatus.failed)),
    ("its worker does not run it", {}, run(StateType.CRASHED, name=REFUSED, found=0), End(JobStatus.failed)),
    ("its run was cancelled in Prefect", {}, run(StateType.CANCELLED), End(JobStatus.cancelled)),
    ("it completed before the request to cancel was seen", ASKED_NOW, run(StateType.COMPLETED), End(JobStatus.done)),
    ("it completed as its time was over", OVERDUE, run(StateType.COMPLETED), End(JobStatus.done)),
    ("to be cancelled, and never handed over", ASKED_NOW | {"flow_run_id": None}, None, Cancel()),
    ("to be cancelled, and Prefect knows no run", ASKED_NOW, None, Cancel()),
    ("to be cancelled, and no worker has it", ASKED_NOW, run(StateType.SCHEDULED), Cancel()),
    ("to be cancelled, and it asks", ASKED_NOW | ASKING, PAUSED_FOR_US, Cancel()),
    ("to be cancelled, and a worker has it", ASKED_NOW, run(StateType.PENDING), StopRun()),
    ("to be cancelled, and it runs", ASKED_NOW, run(StateType.RUNNING), StopRun()),
    ("to be cancelled, and its worker knows", ASKED_NOW, run(StateType.CANCELLING), Leave()),
    ("its worker does not stop it", ASKED_LONG_AGO, run(StateType.CANCELLING, since=TOLD_LONG_AGO), Cancel()),
    ("Prefect was away, and its worker has just heard of it", ASKED_LONG_AGO, run(StateType.CANCELLING), Leave()),
    ("Prefect was away, and does not know of it", ASKED_LONG_AGO, run(StateType.RUNNING), StopRun()),
    ("Prefect never hears of it", ASKED_LONG_AGO | {"deadline": TOLD_LONG_AGO}, run(StateType.RUNNING), Cancel()),
    ("to be cancelled, and overdue as well", ASKED_NOW | OVERDUE, run(StateType.RUNNING), StopRun()),
    ("its worker may still report the end", JUST_IN_TIME, run(StateType.RUNNING), Leave()),
    ("its worker has not reported the end", OVERDUE, run(StateType.RUNNING), GiveUp()),
    ("no worker took it up in time", OVERDUE, run(StateType.SCHEDULED), GiveUp()),
    ("Prefect took no run in time", OVERDUE | {"flow_run_id": None}, None, GiveUp()),
    ("it asks", ASKING, PAUSED_FOR_US, Leave()),
    ("it asks a second question", ASKING, run(StateType.PAUSED, "needs-confirmation-2"), Leave()),
    ("its question has expired", ASKING | OVERDUE, PAUSED_FOR_US, GiveUp()),
    ("answered, and Prefect does not know", ANSWERED, PAUSED_FOR_US, Resume()),
    ("answered, and it waits for a slot", ANSWERED | {"dispatched_at": None}, PAUSED_FOR_US, Leave()),
    ("answered with a secret", ANSWERED, run(StateType.PAUSED, "needs-authentication-3"), Resume()),
    ("answered, and cancelled", ANSWERED | ASKED_NOW, PAUSED_FOR_US, Cancel()),
    ("an operator has paused it", {}, run(StateType.PAUSED), Leave()),
    ("an operator has paused it under a key of their own", {}, run(StateType.PAUSED, "lunch"), Leave()),
]


@pytest.mark.parametrize(("columns", "known", "action"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_is_to_be_done(columns: dict[str, Any], known: Run | None, action: Action) -> None:
    """One action for each case."""
    assert decide(job(**columns), known, NOW) == action


@pytest.mark.parametrize(
    ("columns", "action"),
    [
        ({}, Leave()),
        (JUST_IN_TIME, Leave()),
        (ASKED_NOW, Leave()),
        (ASKED_LONG_AGO, Leave()),
        (ASKED_NOW | {"flow_run_id": None}, End(JobStatus.cancelled)),
        (OVERDUE, End(JobStatus.failed)),
        (OVERDUE | ASKED_NOW, End(JobStatus.cancelled)),
        (OVERDUE | ASKED_NOW | {"flow_run_id": None}, End(JobStatus.cancelled)),
    ],
)
def test_while_prefect_is_away(columns: dict[str, Any], action: Action) -> None:
    """Deadlines hold, and a job without a run can be cancelled; a run that may be under way is waited for until then."""
    assert decide_without_prefect(job(**columns), NOW) == action


@pytest.mark.parametrize(
    ("columns", "known", "worth"),
    [
        ({}, None, False),
        ({}, run(StateType.RUNNING), False),
        (ASKING, PAUSED_FOR_US, False),
        ({}, run(StateType.COMPLETED), True),
        (ASKED_NOW, run(StateType.RUNNING), True),
        (OVERDUE, None, True),
    ],
)
def test_what_is_read_although_prefect_tells_nothing(columns: dict[str, Any], known: Run | None, worth: bool) -> None:
    """Many open jobs cost Prefect nothing: only those are read about which there is something to do by now."""
    assert worth_reading(job(**columns), known, NOW) is worth


def test_pauses_between_attempts() -> None:
    """The second one begins at once; a server that is away for a minute does not use up all of them."""
    pauses = [pause_seconds(lost) for lost in range(1, MOST_ATTEMPTS)]
    assert pauses[:5] == [0, 1, 2, 4, 8]
    assert max(pauses) == LONGEST_PAUSE
    assert sum(pauses) > 120
