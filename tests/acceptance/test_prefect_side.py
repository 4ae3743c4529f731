"""What a person finds in Prefect after a test: names, tags, states, artifacts, and nothing but ids."""

import time
from typing import Any

import httpx

from tests.acceptance.kit import STEPS, flow_runs
from tests.fix_service import Service

PATIENCE = 30.0
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


def artifacts(service: Service, run: dict[str, Any]) -> list[dict[str, Any]]:
    """Everything the run left to read; its report is written when its state is known, with the table beside it."""
    chosen = {"artifacts": {"flow_run_id": {"any_": [run["id"]]}}}
    until, found = time.monotonic() + PATIENCE, list[dict[str, Any]]()
    while time.monotonic() < until:
        known = found
        found = service.prefect_api.post("/artifacts/filter", json=chosen).raise_for_status().json()
        if len(known) == len(found) and any(artifact["type"] == "markdown" for artifact in found):
            break
        time.sleep(0.5)
    return found


def test_a_run_that_passed(service: Service, good_source: int, good_answer: dict[str, Any]) -> None:
    """A telling name, tags, only ids as parameters, green for everything."""
    run = flow_run(service, good_answer)
    job = good_answer["id"]
    assert run["name"] == f"Demo shop #{job}"
    assert run["id"] == good_answer["flow_run_id"]
    assert {f"data-source:{good_source}", f"job:{job}", "organization:1"} <= set(run["tags"])
    assert job in run["parameters"].values()
    assert all(type(value) is int for value in run["parameters"].values())
    assert (run["state"]["type"], run["state"]["name"]) == ("COMPLETED", "Completed")
    states = task_states(service, run, set(STEPS))
    assert {states[step] for step in STEPS} == {("COMPLETED", "Completed")}


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
    found = artifacts(service, flow_run(service, good_answer))
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
    (report,) = [a for a in artifacts(service, flow_run(service, dead_answer)) if a["type"] == "markdown"]
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
