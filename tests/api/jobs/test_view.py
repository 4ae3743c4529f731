"""A job as it is answered: four published steps in `results`, every other step of it in `checks`."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from prefect.states import Completed, Pending, Running

from api.jobs.view import view
from api.prefect.client import Run
from datasources.catalogue.tables import Job
from datasources.model.errors import REMEDIATIONS
from datasources.model.results import Published, StepResult
from datasources.model.steps import KindOfTest, steps_of
from datasources.model.vocabulary import Code, ErrorCode, JobStatus, Outcome
from tests.wire.answers import problems

NOW = datetime(2026, 5, 4, 12, 30, tzinfo=UTC)
WITH_QUERY = steps_of(KindOfTest.asynchronous, query=True)
OK = StepResult(code=Code.OK, message="Fine", outcome=Outcome.success)
NO = StepResult(
    code=Code.ERROR,
    message='column "nope" does not exist',
    outcome=Outcome.failed,
    error_code=ErrorCode.QUERY_ERROR,
    remediation=REMEDIATIONS[ErrorCode.QUERY_ERROR],
)


def published(**results: StepResult) -> dict[str, Published]:
    """What these steps found, by step."""
    return {task: Published(job_id=7, task=task, result=result) for task, result in results.items()}


def answer(job: Job, run: Run | None) -> dict[str, Any]:
    """What the client reads, valid by the published schema."""
    body = msgspec.json.decode(msgspec.json.encode(view(job, run)))
    assert problems(body, "AsyncDataSourceTestResults") == []
    found: dict[str, Any] = body
    return found


def ended(status: JobStatus, found: dict[str, Published]) -> Job:
    """A job that has ended so."""
    return Job(id=7, steps=WITH_QUERY, status=status, ended_at=NOW, results=msgspec.to_builtins(list(found.values())))


def test_four_green_steps_and_a_query_that_failed() -> None:
    """The check that failed says so, with its error code and what to do."""
    found = published(**dict.fromkeys(WITH_QUERY, OK) | {"test_query": NO})
    body = answer(ended(JobStatus.failed, found), None)
    assert {step["result"]["code"] for step in body["results"]} == {"OK"}
    assert [check["step"] for check in body["checks"]] == ["version_probe", "test_query"]
    query = body["checks"][1]
    assert (query["status"], query["result"]["code"], query["result"]["error_code"]) == ("done", "ERROR", "QUERY_ERROR")
    assert query["result"]["message"] == 'column "nope" does not exist'
    assert query["result"]["remediation"] == REMEDIATIONS[ErrorCode.QUERY_ERROR]


def test_a_job_that_waits_shows_what_it_will_check() -> None:
    """Before anything is known of its run, every check waits and has no result."""
    body = answer(Job(id=7, steps=WITH_QUERY), None)
    assert body["checks"] == [
        {"step": step, "status": "waiting", "result": None} for step in ("version_probe", "test_query")
    ]


@pytest.mark.parametrize(
    ("state", "status"), [(Pending(), "processing"), (Running(), "processing"), (Completed(), "processing")]
)
def test_a_check_that_runs(state: Any, status: str) -> None:
    """A task that has begun is processing until it has published its result."""
    run = Run(state=Running(), started_at=NOW, published=published(connection=OK), tasks={"test_query": state})
    body = answer(Job(id=7, steps=WITH_QUERY), run)
    assert [(check["step"], check["status"]) for check in body["checks"]] == [
        ("version_probe", "waiting"),
        ("test_query", status),
    ]


def test_a_job_of_an_earlier_version() -> None:
    """An ended job shows the checks that it has results of, also those that this version no longer knows."""
    found = published(**dict.fromkeys(steps_of(KindOfTest.quick), OK)) | published(gone=NO)
    found |= published(temp_schema=OK, schema_download=OK, lineage_download=OK)
    body = answer(ended(JobStatus.failed, found), None)
    assert [check["step"] for check in body["checks"]] == ["version_probe", "gone"]
