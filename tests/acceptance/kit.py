"""What acceptance tests do again and again, by HTTP only."""

import time
from collections.abc import Callable, Iterable
from itertools import count
from typing import Any

import httpx

from tests.fixtures.servers.database import PASSWORD, Server
from tests.fixtures.service import Service
from tests.wire.answers import valid

SOURCES = "/api/v1/data_sources"
IMMEDIATE = "/api/v1/data-sources"
STEPS = ["connection", "temp_schema", "schema_download", "lineage_download"]
ENDED = frozenset({"done", "failed", "cancelled"})
PATIENCE = 120.0
"""Seconds for a job to end: every run of a stock worker starts an interpreter of its own."""
RARELY = 30 * 86400
"""An interval for schedules whose own checks must not come while a test runs: Prefect's moments are on a fixed grid."""

_numbers = count(1)


def unique(name: str) -> str:
    """A name that no other test uses."""
    return f"{name} ({next(_numbers)})"


def options(server: Server, **changes: Any) -> dict[str, Any]:
    """Options of a source on this server, as its reader."""
    facts = {"host": "127.0.0.1", "port": server.port, "user": "reader", "password": PASSWORD, "dbname": "postgres"}
    return facts | changes


def register(client: httpx.Client, name: str, options: dict[str, Any], **fields: Any) -> int:
    """Register a source, and answer its id."""
    made = client.post(SOURCES, json={"name": name, "type": "pg", "options": options, **fields})
    return int(valid(made, "DataSource", made.status_code if made.status_code == 201 else 200)["id"])


def ask(client: httpx.Client, source: int, **body: Any) -> int:
    """Ask for a test, and answer the job's id."""
    answer = client.post(f"{SOURCES}/{source}/test", json=body)
    return int(valid(answer, "TestDataSourceAsyncResponse")["job_id"])


def read(client: httpx.Client, job: int, wait: float | None = None) -> dict[str, Any]:
    """Where a job stands."""
    query = {} if wait is None else {"wait": wait}
    answer: dict[str, Any] = valid(client.get(f"{SOURCES}/test/{job}", params=query), "AsyncDataSourceTestResults")
    assert answer["id"] == job
    return answer


def ended(client: httpx.Client, job: int) -> dict[str, Any]:
    """The answer of a job once it has ended."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        answer = read(client, job, wait=30)
        if answer["status"] in ENDED:
            return answer
        if answer["question"] is not None:  # the answer does not wait for one that is there
            time.sleep(0.5)
    raise AssertionError(f"job {job} has not ended within {PATIENCE} s: {answer}")


def finished(client: httpx.Client, source: int, **body: Any) -> dict[str, Any]:
    """Test a source, and answer the result once it has ended."""
    return ended(client, ask(client, source, **body))


def flow_runs(service: Service, job: int) -> list[dict[str, Any]]:
    """What Prefect has of the job, found by its tag; nothing until it was handed over, and never more than one."""
    wanted = {"flow_runs": {"tags": {"all_": [f"job:{job}"]}}}
    found: list[dict[str, Any]] = service.prefect_api.post("/flow_runs/filter", json=wanted).raise_for_status().json()
    return found


def results(answer: dict[str, Any]) -> dict[str, Any]:
    """What each step found."""
    return {step["step"]: step["result"] for step in answer["results"]}


def checks(answer: dict[str, Any]) -> dict[str, Any]:
    """What each step of ours found, beside the four published ones."""
    assert all(check.keys() == {"step", "status", "result"} for check in answer["checks"]), answer
    return {check["step"]: check["result"] for check in answer["checks"]}


def statuses(answer: dict[str, Any]) -> dict[str, str]:
    """Where each step stands."""
    return {step["step"]: step["status"] for step in answer["results"]}


def immediate(client: httpx.Client, source: int, **body: Any) -> dict[str, Any]:
    """An immediate test's `data`."""
    data: dict[str, Any] = valid(client.post(f"{IMMEDIATE}/{source}/test", json=body), "ConnectionTest")["data"]
    assert data["data_source_id"] == source
    return data


def locations(answer: httpx.Response) -> list[list[Any]]:
    """The `loc` of every complaint of a 422."""
    return [problem["loc"] for problem in valid(answer, "HTTPValidationError", 422)["detail"]]


def nothing_runs(server: Server, text: str) -> None:
    """No session of ours runs a query with this text over there, once the server had time to hear of it."""
    query = (
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'sourcecheck' AND state = 'active'"
        " AND query LIKE %s"
    )
    until = time.monotonic() + 20
    with server.connect() as session:
        while session.execute(query, [f"%{text}%"]).fetchone() != (0,):
            assert time.monotonic() < until
            time.sleep(0.1)


def absent(secrets: Iterable[str], text: str) -> None:
    """None of these is in the text."""
    assert [secret for secret in secrets if secret in text] == []


def eventually(what: Callable[[], Any], patience: float = 150.0) -> Any:
    """The first answer that is true; the default is for what takes less than a minute on an idle machine."""
    end = time.monotonic() + patience
    while not (found := what()):
        assert time.monotonic() < end, f"not within {patience} s"
        time.sleep(0.5)
    return found
