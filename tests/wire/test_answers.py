"""The schemas themselves: what they let through, and what they catch."""

import copy
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from tests.wire.answers import DOCUMENT, problems, valid

STEPS = ["connection", "temp_schema", "schema_download", "lineage_download"]
OK = {"code": "OK", "message": "Connected to the database", "outcome": "success"}
NO = {
    "code": "ERROR",
    "message": "Connection refused",
    "outcome": "failed",
    "error_code": "CONNECTION_ERROR",
    "remediation": "Check host and port.",
}
SKIPPED = {"code": "SKIP", "message": "Not run", "outcome": "skipped", "extra": 1}


def job(status: str, *steps: tuple[str, Any]) -> dict[str, Any]:
    """An answer with these steps in their order."""
    results = [{"step": step, "status": s, "result": r} for step, (s, r) in zip(STEPS, steps, strict=True)]
    return {"id": 7, "status": status, "results": results, "welcome": True}


WAITING = job("waiting", *[("waiting", None)] * 4)
RUNNING = job("processing", ("done", OK), ("processing", None), ("waiting", None), ("done", OK))
DONE = job("done", ("done", OK), ("done", {**OK, "outcome": "skipped"}), ("done", OK), ("done", OK))
UNHEALTHY = job("failed", ("done", NO), *[("done", SKIPPED)] * 3)
LOST = job("failed", ("done", OK), ("failed", {**NO, "error_code": "WORKER_LOST"}), ("done", OK), ("done", OK))


def test_schemas_are_schemas() -> None:
    """Every definition is valid Draft 2020-12."""
    Draft202012Validator.check_schema(DOCUMENT)
    for schema in DOCUMENT["$defs"].values():
        Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("answer", [WAITING, RUNNING, DONE, UNHEALTHY, LOST])
def test_good_answers_pass(answer: dict[str, Any]) -> None:
    """Each kind of answer of docs/contract.md, with keys beyond the published ones."""
    assert problems(answer, "AsyncDataSourceTestResults") == []


@pytest.mark.parametrize(
    ("answer", "path", "value"),
    [
        (DONE, ["status"], "success"),
        (DONE, ["id"], "7"),
        (DONE, ["results", 0, "step"], "temp_schema"),
        (DONE, ["results", 0, "status"], "completed"),
        (DONE, ["results", 0, "result"], None),
        (DONE, ["results", 0, "result", "message"], None),
        (DONE, ["results", 0, "result", "code"], "ok"),
        (DONE, ["results", 0, "result", "outcome"], "failed"),
        (DONE, ["results", 1], {"step": "temp_schema", "status": "done", "result": NO}),
        (DONE, ["results", 3], {"step": "lineage_download", "status": "waiting", "result": None}),
        (RUNNING, ["results", 1, "result"], OK),
        (UNHEALTHY, ["results", 0, "result", "error_code"], "EVIL"),
        (UNHEALTHY, ["results", 0, "result", "remediation"], ""),
        (LOST, ["results", 1, "result"], OK),
    ],
)
def test_broken_answers_are_caught(answer: dict[str, Any], path: list[Any], value: Any) -> None:
    """One change that breaks docs/contract.md is one problem or more."""
    broken = copy.deepcopy(answer)
    place = broken
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    assert problems(broken, "AsyncDataSourceTestResults")


@pytest.mark.parametrize("key", ["step", "status", "result"])
def test_every_key_of_a_step_is_there(key: str) -> None:
    """A step without `result` breaks a client, so the key is asked for although it was not published as required."""
    broken = copy.deepcopy(WAITING)
    del broken["results"][2][key]
    assert problems(broken, "AsyncDataSourceTestResults")


@pytest.mark.parametrize("results", [WAITING["results"][:3], [*WAITING["results"], WAITING["results"][0]]])
def test_exactly_four_steps(results: list[Any]) -> None:
    """Neither three nor five."""
    assert problems({**WAITING, "results": results}, "AsyncDataSourceTestResults")


def envelope(**changes: Any) -> dict[str, Any]:
    """A good immediate test, with changes."""
    data = {
        "data_source_id": 1,
        "status": "active",
        "connection_successful": True,
        "response_time_ms": 45,
        "test_query_result": "1",
        "tested_at": "2024-12-01T11:00:00Z",
        "ssh_tunnel_established": False,
        "database_version": "PostgreSQL 14.5",
        "error_message": None,
        "error_code": None,
    }
    return {"success": True, "data": data | changes, "message": "Connection test completed"}


FAILED = {
    "status": "failed",
    "connection_successful": False,
    "response_time_ms": None,
    "test_query_result": None,
    "database_version": None,
    "error_message": "Connection refused",
    "error_code": "CONNECTION_ERROR",
}


@pytest.mark.parametrize("changes", [{}, FAILED, {"tested_at": "2024-12-01T11:00:00.5+01:00"}])
def test_published_envelopes_pass(changes: dict[str, Any]) -> None:
    """The facts of the published examples."""
    assert problems(envelope(**changes), "ConnectionTest") == []


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "ok"},
        {"tested_at": "2024-12-01T11:00:00"},
        {"error_code": "CONNECTION_ERROR"},
        {**FAILED, "error_code": None},
        {**FAILED, "error_message": None},
        {**FAILED, "response_time_ms": 3},
        {"test_query_result": 1},
    ],
)
def test_broken_envelopes_are_caught(changes: dict[str, Any]) -> None:
    """Wrong words, times without a zone, half an error."""
    assert problems(envelope(**changes), "ConnectionTest")


def test_a_password_in_a_source_is_caught() -> None:
    """Absent or null, nothing else."""
    source: dict[str, Any] = {"id": 1, "name": "x", "type": "pg", "options": {"host": "h", "user": "u", "dbname": "d"}}
    assert problems(source, "DataSource") == []
    source["options"]["password"] = None
    assert problems(source, "DataSource") == []
    source["options"]["password"] = "***"
    assert problems(source, "DataSource")


def test_status_and_content_type_are_checked() -> None:
    """A good body with another status, or that does not say what it is, is no valid answer."""
    request = httpx.Request("GET", "http://test.invalid/")
    assert valid(httpx.Response(200, json=WAITING, request=request), "AsyncDataSourceTestResults") == WAITING
    with pytest.raises(AssertionError):
        valid(httpx.Response(201, json=WAITING, request=request), "AsyncDataSourceTestResults")
    with pytest.raises(AssertionError):
        html = httpx.Response(200, text='{"job_id": 1}', headers={"content-type": "text/html"}, request=request)
        valid(html, "TestDataSourceAsyncResponse")
