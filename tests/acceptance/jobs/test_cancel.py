"""Cancelling a job (contract 2.6)."""

import time
from typing import Any

import httpx

from tests.acceptance.kit import SOURCES, ask, ended, flow_runs, nothing_runs, options, read, register, statuses, unique
from tests.acceptance.questions import until as once
from tests.acceptance.servers import locked_schema
from tests.fixtures.servers.database import Server
from tests.fixtures.service import Service
from tests.wire.answers import valid


def cancel(admin: httpx.Client, job: int) -> httpx.Response:
    """Ask for it."""
    return admin.post(f"{SOURCES}/test/{job}/cancel")


def task_states(service: Service, job: int) -> dict[str, str]:
    """How Prefect calls the state of each task run of a job."""
    (run,) = flow_runs(service, job)
    chosen = {"flow_runs": {"id": {"any_": [run["id"]]}}}
    found = service.prefect_api.post("/task_runs/filter", json=chosen).raise_for_status().json()
    return {each["name"]: each["state_name"] for each in found}


def test_a_job_that_waits(admin: httpx.Client, embedded: Server) -> None:
    """It is `cancelled`, and stays so; the one it waited for goes on."""
    with locked_schema(embedded, "waited_for"):
        source = register(admin, unique("Waited for"), options(embedded), temp_schema="waited_for")
        first = ask(admin, source)
        job = ask(admin, source, timeout_seconds=200)
        assert read(admin, job)["status"] == "waiting"
        assert valid(cancel(admin, job), "AsyncDataSourceTestResults")["status"] == "cancelled"
        answer = read(admin, job)
        assert set(statuses(answer).values()) == {"cancelled"}
        once(admin, first, "processing")  # it may just be about to begin
    assert ended(admin, first)["results"][0]["result"]["code"] == "OK"
    assert read(admin, job) == answer


def test_a_job_that_is_about_to_begin(admin: httpx.Client, dead_source: int) -> None:
    """Whichever is quicker, the answer to the request is what becomes of the job."""
    job = ask(admin, dead_source)
    asked = cancel(admin, job)
    answer = ended(admin, job)
    assert (asked.status_code, answer["status"]) in {(200, "cancelled"), (409, "failed")}
    assert read(admin, job) == answer


def test_a_job_that_runs(service: Service, admin: httpx.Client, embedded: Server) -> None:
    """It is `cancelled` soon, and what had been found by then is kept. A step that takes a while runs in Prefect, too."""
    with locked_schema(embedded, "cancelled_there"):
        source = register(admin, unique("Cancelled"), options(embedded), temp_schema="cancelled_there")
        job = ask(admin, source)
        until = time.monotonic() + 60
        while list(statuses(read(admin, job)).values()) != ["done", "processing", "done", "done"]:
            assert time.monotonic() < until
            time.sleep(0.1)
        states = task_states(service, job)
        while states.get("temp_schema") != "Running":
            assert time.monotonic() < until, states
            time.sleep(0.1)
            states = task_states(service, job)
        assert cancel(admin, job).status_code == 200
        answer = read(admin, job, wait=5)
        nothing_runs(embedded, "cancelled_there")
    assert answer["status"] == "cancelled"
    assert answer["results"][0]["result"]["code"] == "OK"


def test_a_job_that_has_ended(admin: httpx.Client, good_answer: dict[str, Any]) -> None:
    """409, and the answer stays."""
    valid(cancel(admin, good_answer["id"]), "Sentence", 409)
    assert read(admin, good_answer["id"]) == good_answer


def test_jobs_that_are_not_there(admin: httpx.Client) -> None:
    """404 and 422, as for reading."""
    valid(cancel(admin, 2**40), "Sentence", 404)
    valid(admin.post(f"{SOURCES}/test/abc/cancel"), "HTTPValidationError", 422)


def test_a_job_that_asks(admin: httpx.Client, embedded: Server) -> None:
    """Nobody has to answer any more."""
    source = register(admin, unique("Asks"), options(embedded, password=None))
    job = ask(admin, source, on_question="ask")
    until = time.monotonic() + 60
    while read(admin, job)["status"] != "needs_authentication":
        assert time.monotonic() < until
        time.sleep(0.1)
    assert valid(cancel(admin, job), "AsyncDataSourceTestResults")["status"] == "cancelled"
    assert read(admin, job)["status"] == "cancelled"
    valid(admin.post(f"{SOURCES}/test/{job}/authenticate", json={"password": "late"}), "Sentence", 409)
