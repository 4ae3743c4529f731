"""The state table (contract 4), row by row, by real requests: ours, and those of an operator in the Prefect UI."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from flows.states import TIMED_OUT
from tests.acceptance.kit import ENDED, SOURCES, ask, ended, options, read, register, statuses, unique
from tests.acceptance.questions import said, say, source_behind, tunnel, until
from tests.acceptance.servers import locked_schema
from tests.fixtures.servers.database import PASSWORD, Server
from tests.fixtures.servers.ssh import running_bastion
from tests.fixtures.service import Service

OPEN = [
    ("SCHEDULED", "Scheduled", "waiting"),
    ("SCHEDULED", "Late", "waiting"),
    ("SCHEDULED", "AwaitingRetry", "waiting"),
    ("SCHEDULED", "AwaitingConcurrencySlot", "waiting"),
    ("PENDING", "Pending", "waiting"),
    ("RUNNING", "Running", "processing"),
    ("RUNNING", "Retrying", "processing"),
    ("CANCELLING", "Cancelling", "processing"),
    ("PAUSED", "Paused", "waiting"),
    ("PAUSED", "Suspended", "waiting"),
]
"""Type and name of Prefect's state, and the status of the job, for states that are not the last."""
ENDINGS = [
    ("FAILED", "Failed", "failed"),
    ("CRASHED", TIMED_OUT, "failed"),
    ("CANCELLED", "Cancelled", "cancelled"),
]
"""The same for those that are, and that an operator can bring about."""


class Stage:
    """The running stack, and who asks."""

    def __init__(self, admin: httpx.Client, embedded: Server) -> None:
        self.admin = admin
        self.embedded = embedded

    def source(self, **changes: Any) -> int:
        """A source of its own."""
        return register(self.admin, unique("State"), options(self.embedded, **changes))


def needs_confirmation(stage: Stage) -> None:
    """A gateway that nobody knows; approved, it is `done`."""
    with running_bastion() as gate:
        job = ask(stage.admin, source_behind(stage.admin, tunnel(gate.tunnel()), stage.embedded))
        question = until(stage.admin, job, "needs_confirmation")["question"]
        said(stage.admin, job, "confirm", {"fingerprint": question["fingerprint"]})
        assert ended(stage.admin, job)["status"] == "done"


def needs_authentication(stage: Stage) -> None:
    """A source without its password; given, it is `done`."""
    job = ask(stage.admin, stage.source(password=None))
    until(stage.admin, job, "needs_authentication")
    said(stage.admin, job, "authenticate", {"password": PASSWORD})
    assert ended(stage.admin, job)["status"] == "done"


def waiting(stage: Stage) -> None:
    """A test that stands behind another one of the same source."""
    with locked_schema(stage.embedded, "in_front"):
        slow = register(stage.admin, unique("Slow"), options(stage.embedded), temp_schema="in_front")
        first, second = ask(stage.admin, slow), ask(stage.admin, slow, timeout_seconds=200)
        until(stage.admin, first, "processing")
        assert read(stage.admin, second)["status"] == "waiting"
    for job in (first, second):
        assert ended(stage.admin, job)["status"] in ("done", "failed")


def processing(stage: Stage) -> None:
    """A test whose schema is locked for a while."""
    with locked_schema(stage.embedded, "under_way"):
        job = ask(stage.admin, register(stage.admin, unique("Slow"), options(stage.embedded), temp_schema="under_way"))
        while "processing" not in statuses(until(stage.admin, job, "processing")).values():
            time.sleep(0.1)
    ended(stage.admin, job)


def done(stage: Stage) -> None:
    """A source that passes."""
    assert ended(stage.admin, ask(stage.admin, stage.source()))["status"] == "done"


def failed(stage: Stage) -> None:
    """A wrong password."""
    assert ended(stage.admin, ask(stage.admin, stage.source(password="wrong")))["status"] == "failed"


def cancelled(stage: Stage) -> None:
    """A test that asks, and is cancelled instead."""
    job = ask(stage.admin, stage.source(password=None))
    until(stage.admin, job, "needs_authentication")
    assert say(stage.admin, job, "cancel").json()["status"] == "cancelled"
    assert read(stage.admin, job)["status"] == "cancelled"


WORDS: dict[str, Callable[[Stage], None]] = {
    play.__name__: play
    for play in (needs_confirmation, needs_authentication, waiting, processing, done, failed, cancelled)
}
"""How each word of the published enumeration is reached."""


ATTEMPTS = {"FAILED": 2}
"""How often a test is tried that ends in this state each time, before it has begun."""
LOST_TIMES = 3
"""As often as a test is lost here that is not to blame; how often it may be is a rule (`tests/api/jobs/following/test_decide.py`)."""


@pytest.mark.parametrize("word", WORDS)
def test_every_word_is_reached(admin: httpx.Client, embedded: Server, word: str) -> None:
    """The seven words of JobStatus, by ordinary requests."""
    WORDS[word](Stage(admin, embedded))


@pytest.fixture(scope="module")
def held(service: Service) -> Iterator[None]:
    """Nothing is taken up: an operator has paused the work pool."""
    pool = "/work_pools/sourcecheck"
    service.prefect_api.patch(pool, json={"is_paused": True}).raise_for_status()
    yield
    service.prefect_api.patch(pool, json={"is_paused": False}).raise_for_status()


@pytest.mark.usefixtures("held")
def test_states_of_a_run_that_has_not_ended(service: Service, admin: httpx.Client, embedded: Server) -> None:
    """Every open state by its type and name, as an operator brings it about; no step has ended meanwhile."""
    job = ask(admin, register(admin, unique("Held"), options(embedded)))
    for kind, name, status in OPEN:
        set_state(service, run_of(admin, job), kind, name)
        answer = until(admin, job, status)
        assert set(statuses(answer).values()) <= {"waiting", "processing"}, (kind, name)
    assert admin.post(f"{SOURCES}/test/{job}/cancel").json()["status"] == "cancelled"


@pytest.mark.usefixtures("held")
@pytest.mark.parametrize(("kind", "name", "status"), ENDINGS)
def test_states_of_a_run_that_has_ended(
    service: Service, admin: httpx.Client, embedded: Server, kind: str, name: str, status: str
) -> None:
    """Every last state that is not the flow's own verdict; a run that breaks each time does so twice."""
    job = ask(admin, register(admin, unique("Ended"), options(embedded)))
    for attempt in range(1, ATTEMPTS.get(kind, 1) + 1):
        set_state(service, run_of(admin, job), kind, name)
        answer = settled(admin, job, attempt)
        if answer["status"] == status:
            break
    assert (answer["status"], answer["attempts"]) == (status, ATTEMPTS.get(kind, 1))
    assert statuses(answer) == statuses(read(admin, job))


@pytest.mark.usefixtures("held")
def test_a_run_that_is_lost_again_and_again(service: Service, admin: httpx.Client, embedded: Server) -> None:
    """It is run again as long as there is time, for its test is not to blame; a client may still cancel it."""
    job = ask(admin, register(admin, unique("Lost"), options(embedded)))
    for attempt in range(1, LOST_TIMES + 1):
        set_state(service, run_of(admin, job), "CRASHED", "Crashed")
        answer = settled(admin, job, attempt)
        assert (answer["status"] in ENDED, answer["attempts"]) == (False, attempt + 1)
    assert say(admin, job, "cancel").json()["status"] == "cancelled"


def settled(admin: httpx.Client, job: int, attempt: int) -> dict[str, Any]:
    """The answer once this attempt is over: the job has ended, or the next one begins."""
    limit = time.monotonic() + 60
    while (answer := read(admin, job))["status"] not in ENDED and answer["attempts"] == attempt:
        assert time.monotonic() < limit, answer
        time.sleep(0.1)
    return answer


def run_of(admin: httpx.Client, job: int) -> str:
    """The job's flow run, once Prefect has accepted it."""
    until = time.monotonic() + 60
    while not (run := read(admin, job)["flow_run_id"]):
        assert time.monotonic() < until
        time.sleep(0.1)
    return str(run)


def set_state(service: Service, run: str, kind: str, name: str) -> None:
    """What an operator does in the Prefect UI."""
    body = {"state": {"type": kind, "name": name}, "force": True}
    service.prefect_api.post(f"/flow_runs/{run}/set_state", json=body, timeout=30).raise_for_status()
