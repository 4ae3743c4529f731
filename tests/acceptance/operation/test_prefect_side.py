"""What a person finds in Prefect after a test: names, tags, states, artifacts, and nothing but ids."""

import time
from collections import Counter
from typing import Any

import httpx
import pytest

from tasks._prefect import TOLD_AFTER_SECONDS
from tests.acceptance.kit import SOURCES, STEPS, finished, flow_runs, options, register, unique
from tests.fixtures.servers.database import Server
from tests.fixtures.service import Service

TASKS = {*STEPS, "version_probe"}
"""Of a test without a query."""
PATIENCE = 60.0
"""Seconds; task runs reach Prefect's database by events, after the flow run has ended."""


def flow_run(service: Service, answer: dict[str, Any]) -> dict[str, Any]:
    """The flow run of a job."""
    (run,) = flow_runs(service, answer["id"])
    return run


def task_states(service: Service, run: dict[str, Any], expected: set[str]) -> dict[str, tuple[str, str]]:
    """Type and name of the state of each ended task run, once the expected ones are there."""
    until = time.monotonic() + PATIENCE
    while True:
        chosen = {"flow_runs": {"id": {"any_": [run["id"]]}}}
        runs = service.prefect_api.post("/task_runs/filter", json=chosen).raise_for_status().json()
        found = {run["name"]: (run["state"]["type"], run["state"]["name"]) for run in runs}
        ended = {name for name, (kind, _) in found.items() if kind in ("COMPLETED", "FAILED")}
        if expected <= ended:
            return found
        assert time.monotonic() < until, found
        time.sleep(0.3)


def artifacts(service: Service, run: dict[str, Any], *kinds: str) -> list[dict[str, Any]]:
    """Everything the run left to read, once all of these kinds are there; its report is written when its state is known."""
    chosen = {"artifacts": {"flow_run_id": {"any_": [run["id"]]}}}
    until, found = time.monotonic() + PATIENCE, list[dict[str, Any]]()
    while time.monotonic() < until:
        known = found
        found = service.prefect_api.post("/artifacts/filter", json=chosen).raise_for_status().json()
        if len(known) == len(found) and {*kinds} <= {artifact["type"] for artifact in found}:
            break
        time.sleep(0.5)
    return found


def test_a_run_that_passed(service: Service, good_source: int, good_answer: dict[str, Any]) -> None:
    """A telling name, tags, only ids as parameters, green for everything."""
    run = flow_run(service, good_answer)
    job = good_answer["id"]
    assert run["name"] == f"Demo shop #{job} · asked by API"
    assert run["id"] == good_answer["flow_run_id"]
    assert {f"data-source:{good_source}", f"job:{job}", "organization:1"} <= set(run["tags"])
    assert job in run["parameters"].values()
    assert all(type(value) is int for value in run["parameters"].values())
    assert (run["state"]["type"], run["state"]["name"]) == ("COMPLETED", "Completed")
    states = task_states(service, run, set(STEPS))
    assert {states[step] for step in STEPS} == {("COMPLETED", "Completed")}


def test_a_quick_step_is_told_once(service: Service, good_answer: dict[str, Any]) -> None:
    """Its end says when it began: one event, not one for each state."""
    run = flow_run(service, good_answer)
    task_states(service, run, TASKS)
    wanted = {"event": {"prefix": ["prefect.task-run."]}, "related": {"id": [f"prefect.flow-run.{run['id']}"]}}
    until, told = time.monotonic() + PATIENCE, Counter[str]()
    while not told.keys() >= TASKS:
        assert time.monotonic() < until, told
        found = service.prefect_api.post("/events/filter", json={"filter": wanted, "limit": 50}).raise_for_status()
        told = Counter(event["resource"]["prefect.resource.name"] for event in found.json()["events"])
        time.sleep(0.3)
    chosen = {"flow_runs": {"id": {"any_": [run["id"]]}}}
    runs = service.prefect_api.post("/task_runs/filter", json=chosen).raise_for_status().json()
    quick = [each["name"] for each in runs if each["total_run_time"] < TOLD_AFTER_SECONDS / 2]
    assert {told[name] for name in quick} == {1}
    assert all(each["start_time"] < each["end_time"] and each["run_count"] == 1 for each in runs)


def test_a_run_that_did_not_pass(service: Service, dead_answer: dict[str, Any]) -> None:
    """FAILED as `Unhealthy`, with the reason; the step that said no is FAILED as `CheckFailed`."""
    run = flow_run(service, dead_answer)
    assert (run["state"]["type"], run["state"]["name"]) == ("FAILED", "Unhealthy")
    assert "connection" in run["state"]["message"].lower()
    assert task_states(service, run, {"connection"})["connection"] == ("FAILED", "CheckFailed")


def test_only_what_failed_is_red(service: Service, fault_answers: dict[str, dict[str, Any]]) -> None:
    """A missing temp_schema leaves the other steps green."""
    run = flow_run(service, fault_answers["SCHEMA_NOT_FOUND"])
    assert run["state"]["name"] == "Unhealthy"
    states = task_states(service, run, set(STEPS))
    assert states["temp_schema"] == ("FAILED", "CheckFailed")
    assert {states[step] for step in STEPS if step != "temp_schema"} == {("COMPLETED", "Completed")}


def test_results_are_in_the_run_metadata(service: Service, good_answer: dict[str, Any]) -> None:
    """Artifacts with the very results that were answered, and a report and a table for people."""
    found = artifacts(service, flow_run(service, good_answer), "result", "markdown", "table")
    results = [artifact["data"] for artifact in found if artifact["type"] == "result"]
    published = {item["task"]: item["result"] for together in results for item in together}
    for step in good_answer["results"]:
        assert published[step["step"]] == step["result"]
    (report,) = [artifact for artifact in found if artifact["type"] == "markdown"]
    assert all(step in report["data"] for step in STEPS)
    (table,) = [artifact for artifact in found if artifact["type"] == "table"]
    assert "orders" in str(table["data"])


def test_the_report_says_what_to_do(service: Service, dead_answer: dict[str, Any]) -> None:
    """The report of a failed test has the code and the remediation."""
    (report,) = [a for a in artifacts(service, flow_run(service, dead_answer), "markdown") if a["type"] == "markdown"]
    result = dead_answer["results"][0]["result"]
    assert result["error_code"] in report["data"]
    assert result["remediation"] in report["data"]


def test_ended_answers_do_not_need_prefect(service: Service, admin: httpx.Client, dead_answer: dict[str, Any]) -> None:
    """The answer outlives Prefect's retention: it stays when the flow run is deleted."""
    run = flow_run(service, dead_answer)
    try:
        service.prefect_api.delete(f"/flow_runs/{run['id']}").raise_for_status()
        assert admin.get(f"/api/v1/data_sources/test/{dead_answer['id']}").json() == dead_answer
    finally:
        assert service.prefect_api.get(f"/flow_runs/{run['id']}").status_code == 404


def test_the_report_lists_the_steps_in_order(service: Service, good_answer: dict[str, Any]) -> None:
    """The published steps as the table has them, below a line with the host and the port of the source."""
    (report,) = [a for a in artifacts(service, flow_run(service, good_answer), "markdown") if a["type"] == "markdown"]
    rows = [line.split(" | ")[0].removeprefix("| ") for line in report["data"].splitlines() if line.startswith("| ")]
    assert [row for row in rows if row in STEPS] == list(STEPS)
    assert "127.0.0.1:" in report["data"].splitlines()[2]


def test_a_run_that_passed_says_so_in_its_log(service: Service, good_answer: dict[str, Any]) -> None:
    """One line with the source's name and the verdict."""
    run = flow_run(service, good_answer)
    chosen = {"logs": {"flow_run_id": {"any_": [run["id"]]}}}
    until, lines = time.monotonic() + PATIENCE, list[str]()
    while not lines and time.monotonic() < until:
        found = service.prefect_api.post("/logs/filter", json=chosen).raise_for_status().json()
        lines = [line["message"] for line in found if "Every step passed" in line["message"]]
        time.sleep(0.3)
    assert lines[0] == "Demo shop: Every step passed or was skipped"


def ended_run(service: Service, run_id: str) -> dict[str, Any]:
    """The run of this id, once it has ended."""
    until = time.monotonic() + 2 * PATIENCE
    while True:
        run: dict[str, Any] = service.prefect_api.get(f"/flow_runs/{run_id}").raise_for_status().json()
        if run["state"]["type"] in ("COMPLETED", "FAILED", "CANCELLED", "CRASHED"):
            return run
        assert time.monotonic() < until, run["state"]
        time.sleep(0.3)


def run_by_hand(service: Service, **parameters: Any) -> dict[str, Any]:
    """What becomes of a run that an operator starts in Prefect's UI."""
    deployment = service.prefect_api.get("/deployments/name/check-source/check").raise_for_status().json()
    asked = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
    made = service.prefect_api.post(f"/deployments/{deployment['id']}/create_flow_run", json=asked)
    return ended_run(service, made.raise_for_status().json()["id"])


def test_retry_declines_in_words(service: Service, admin: httpx.Client, embedded: Server) -> None:
    """A job has one result: a run that is retried after its end says so, and how to test again."""
    source = register(admin, unique("Retried"), options(embedded))
    answer = finished(admin, source)
    run = flow_run(service, answer)
    again = {"state": {"type": "SCHEDULED", "name": "AwaitingRetry"}, "force": True}
    service.prefect_api.post(f"/flow_runs/{run['id']}/set_state", json=again).raise_for_status()
    state = ended_run(service, run["id"])["state"]
    assert (state["type"], state["name"]) == ("CANCELLED", "Declined")
    assert f"Job {answer['id']} has already ended as done" in state["message"]
    assert admin.get(f"{SOURCES}/test/{answer['id']}").json() == answer


def test_a_run_by_hand_tests_the_source(service: Service, admin: httpx.Client, embedded: Server) -> None:
    """With the id of a source it makes a job; its name says that it was started in Prefect."""
    source = register(admin, unique("By hand"), options(embedded))
    run = run_by_hand(service, source_id=source)
    assert (run["state"]["type"], run["name"].endswith(" · run in Prefect")) == ("COMPLETED", True)
    (tag,) = (tag for tag in run["tags"] if tag.startswith("job:"))
    assert admin.get(f"{SOURCES}/test/{tag.removeprefix('job:')}").json()["status"] == "done"


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({}, "give the id of a data source as the parameter source_id"),
        ({"source_id": 2**40}, "no longer exists"),
        ({"job_id": 2**40}, "There is no job"),
    ],
    ids=str,
)
def test_a_run_by_hand_that_has_nothing_to_test(service: Service, parameters: dict[str, Any], words: str) -> None:
    """Its state says why, and is neither a pass nor a failure."""
    state = run_by_hand(service, **parameters)["state"]
    assert state["name"] in ("Declined", "Dropped")
    assert words in state["message"]


def test_a_run_by_hand_of_the_job_of_another_run(service: Service, good_answer: dict[str, Any]) -> None:
    """The id of a job that another run has carried out is declined, too."""
    state = run_by_hand(service, job_id=good_answer["id"])["state"]
    assert (state["type"], state["name"]) == ("CANCELLED", "Declined")
