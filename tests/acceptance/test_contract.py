"""The wire contract, over HTTP, on the real stack and a real PostgreSQL."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.fix_database import PASSWORD, Server, free_port
from tests.fix_service import KEY, Service, valid

SOURCES = "/api/v1/data_sources"
IMMEDIATE = "/api/v1/data-sources"
STEPS = ["connection", "temp_schema", "schema_download", "lineage_download"]


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[httpx.Client]:
    """The first user."""
    with service.client() as client:
        yield client


def options(server: Server, **changes: Any) -> dict[str, Any]:
    """Options of a source on this server."""
    facts = {"host": "127.0.0.1", "port": server.port, "user": "reader", "password": PASSWORD, "dbname": "postgres"}
    return facts | changes


def register(client: httpx.Client, name: str, options: dict[str, Any], **fields: Any) -> int:
    """Register a source, and answer its id."""
    made = client.post(SOURCES, json={"name": name, "type": "pg", "options": options, **fields})
    assert made.status_code == 200, made.text
    return int(made.json()["id"])


def finished(client: httpx.Client, source: int, **body: Any) -> dict[str, Any]:
    """Test a source, and answer the result once it has ended."""
    job = valid(client.post(f"{SOURCES}/{source}/test", json=body), "TestDataSourceAsyncResponse")["job_id"]
    answer: dict[str, Any] = {}
    for _ in range(4):
        answer = valid(client.get(f"{SOURCES}/test/{job}?wait=30"), "AsyncDataSourceTestResults")
        if answer["status"] in ("done", "failed", "cancelled"):
            break
    return answer


@pytest.fixture(scope="module")
def good(client: httpx.Client, embedded: Server) -> int:
    """A source that passes."""
    return register(client, "Good", options(embedded), temp_schema="postgres.scratch")


def test_whole_test_of_a_good_source(client: httpx.Client, good: int, service: Service) -> None:
    """Four steps pass with the captured messages; the answer stays; the source remembers; Prefect shows it."""
    answer = finished(client, good)
    assert answer["status"] == "done"
    assert [step["step"] for step in answer["results"]] == STEPS
    assert {step["status"] for step in answer["results"]} == {"done"}
    messages = [step["result"]["message"] for step in answer["results"]]
    assert messages == [
        "Connected to the database",
        'Schema "postgres"."scratch" is writeable',
        "Discovered 4 tables",
        "Lineage fetched",
    ]
    assert answer["version"].startswith("PostgreSQL 18")
    assert client.get(f"{SOURCES}/test/{answer['id']}").json() == answer
    last = client.get(f"{SOURCES}/{good}").json()["last_test"]
    assert last["results"] == [{k: step[k] for k in ("step", "status", "result")} for step in answer["results"]]
    run = httpx.get(f"{service.prefect}/flow_runs/{answer['flow_run_id']}").json()
    assert run["name"] == f"Good #{answer['id']}"
    assert {f"data-source:{good}", f"job:{answer['id']}", "organization:1"} <= set(run["tags"])
    assert run["parameters"] == {"job_id": answer["id"]}
    assert run["state"]["type"] == "COMPLETED"


@pytest.mark.parametrize("body", [None, b"", b"{}"])
def test_body_may_be_absent(client: httpx.Client, good: int, body: bytes | None) -> None:
    """Absent, empty and `{}` are the same, with and without a content type."""
    for headers in ({}, {"Content-Type": "application/json"}):
        answer = client.post(f"{SOURCES}/{good}/test", content=body, headers=headers)
        valid(answer, "TestDataSourceAsyncResponse")


def test_a_no_is_done_and_error(client: httpx.Client, service: Service) -> None:
    """A negative verdict: step `done` with ERROR, later steps SKIP, the job `failed`, red in Prefect."""
    answer = finished(
        client, register(client, "Dead", {"host": "127.0.0.1", "port": free_port(), "user": "u", "dbname": "d"})
    )
    assert answer["status"] == "failed"
    first, *others = answer["results"]
    assert (first["status"], first["result"]["code"], first["result"]["outcome"]) == ("done", "ERROR", "failed")
    assert first["result"]["error_code"] == "CONNECTION_ERROR"
    assert first["result"]["remediation"]
    assert {(step["status"], step["result"]["code"], step["result"]["outcome"]) for step in others} == {
        ("done", "SKIP", "skipped")
    }
    state = httpx.get(f"{service.prefect}/flow_runs/{answer['flow_run_id']}").json()["state"]
    assert (state["type"], state["name"]) == ("FAILED", "Unhealthy")
    assert task_state(service, answer["flow_run_id"], "connection") == ("FAILED", "CheckFailed")


def task_state(service: Service, flow_run_id: str, name: str) -> tuple[str, str]:
    """The state of a task run; it reaches Prefect's database late."""
    for _ in range(50):
        runs = httpx.post(f"{service.prefect}/task_runs/filter", json={"flow_runs": {"id": {"any_": [flow_run_id]}}})
        states = {run["name"]: run["state"] for run in runs.json()}
        if name in states and states[name]["type"] not in ("PENDING", "RUNNING"):
            return states[name]["type"], states[name]["name"]
        time.sleep(0.2)
    raise AssertionError(f"no ended task run {name}")


@pytest.mark.parametrize(
    ("changes", "temp_schema", "step", "code"),
    [
        ({"password": "wrong"}, None, "connection", "AUTHENTICATION_FAILED"),
        ({"dbname": "nothing"}, None, "connection", "DATABASE_NOT_FOUND"),
        ({"host": "no-such-host.invalid"}, None, "connection", "HOST_NOT_FOUND"),
        ({"host": "169.254.169.254"}, None, "connection", "DESTINATION_FORBIDDEN"),
        ({"sslmode": "require"}, None, "connection", "TLS_ERROR"),
        ({}, "locked", "temp_schema", "PERMISSION_DENIED"),
        ({}, "missing", "temp_schema", "SCHEMA_NOT_FOUND"),
    ],
)
def test_error_codes(
    client: httpx.Client, embedded: Server, changes: dict[str, Any], temp_schema: str | None, step: str, code: str
) -> None:
    """Each fault is told by its code, in the step where it happened."""
    source = register(client, f"Fault {code}", options(embedded, **changes), temp_schema=temp_schema)
    answer = finished(client, source)
    results = {found["step"]: found["result"] for found in answer["results"]}
    assert (answer["status"], results[step]["error_code"]) == ("failed", code)
    assert PASSWORD not in str(answer)


def test_secrets_do_not_leave(client: httpx.Client, good: int) -> None:
    """No answer has the password; a mask is refused; absence keeps it; a new destination needs it again."""
    for path in (SOURCES, f"{SOURCES}/{good}", f"{IMMEDIATE}/{good}"):
        assert PASSWORD not in client.get(path).text
    assert client.get(f"{SOURCES}/{good}").json()["options"]["password"] is None
    for change, field in (
        ({"password": "***"}, "password"),
        ({"host": "other"}, "password"),
        ({"port": 1}, "password"),
    ):
        refused = valid(client.patch(f"{SOURCES}/{good}", json={"options": change}), "HTTPValidationError", 422)
        assert refused["detail"][0]["loc"] == ["body", "options", field]
    assert client.patch(f"{SOURCES}/{good}", json={"description": "kept"}).status_code == 200
    assert finished(client, good)["status"] == "done"


def test_fields_are_kept(client: httpx.Client, embedded: Server) -> None:
    """Published fields that we do not use, and ones that we do not know, come back as they were given."""
    given = {"float_tolerance": 0.5, "lineage_schedule": "0 3 * * *", "is_paused": True, "queue_name": "blue"}
    made = client.post(
        SOURCES, json={"name": "Kept", "type": "postgresql", "options": options(embedded), **given}
    ).json()
    assert made["type"] == "pg"
    assert {name: made[name] for name in given} == given
    again = client.patch(f"{SOURCES}/{made['id']}", json=made)
    assert {name: again.json()[name] for name in given} == given
    assert client.delete(f"{SOURCES}/{made['id']}").status_code == 204
    valid(client.get(f"{SOURCES}/{made['id']}"), "Sentence", 404)


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        ({"type": "pg", "options": {"host": "h", "user": "u", "dbname": "d"}}, ["body", "name"]),
        ({"name": "x", "options": {}}, ["body", "type"]),
        ({"name": "x", "type": "nosuch", "options": {}}, ["body", "type"]),
        ({"name": "x", "type": "pg", "options": {"user": "u", "dbname": "d"}}, ["body", "options", "host"]),
        (
            {"name": "x", "type": "pg", "options": {"host": "a/b", "user": "u", "dbname": "d"}},
            ["body", "options", "host"],
        ),
        (
            {"name": "x", "type": "pg", "options": {"host": "h", "user": "u", "dbname": "d", "sslkey": "k"}},
            ["body", "options", "sslkey"],
        ),
        (
            {"name": "x", "type": "pg", "options": {"host": "h", "user": "u", "dbname": "d", "port": "no"}},
            ["body", "options", "port"],
        ),
    ],
)
def test_bad_sources_name_the_field(client: httpx.Client, body: dict[str, Any], loc: list[str]) -> None:
    """422 says where."""
    assert valid(client.post(SOURCES, json=body), "HTTPValidationError", 422)["detail"][0]["loc"] == loc


def test_types_and_meta(client: httpx.Client, good: int) -> None:
    """What can be tested, who is asking, and a source in three words."""
    kinds = valid(client.get(f"{SOURCES}/types"), "Types")
    assert [kind["type"] for kind in kinds] == ["pg"]
    assert kinds[0]["configuration_schema"]["required"] == ["host", "user", "dbname"]
    assert kinds[0]["configuration_schema"]["secret"] == ["password"]
    valid(client.get(f"{SOURCES}/types?all=true"), "Types")
    assert valid(client.get("/api/v1/organization/meta"), "OrganizationMeta")["org_name"] == "default"
    assert client.get(f"{SOURCES}/{good}/summary").json() == {"id": good, "name": "Good", "type": "pg"}


@pytest.mark.parametrize("key", [None, "wrong-key-of-nobody"])
def test_unauthorized_in_both_dialects(service: Service, key: str | None) -> None:
    """401 without a good key, each in its dialect."""
    with service.client(key) as stranger:
        valid(stranger.get(SOURCES), "Sentence", 401)
        assert valid(stranger.get(IMMEDIATE), "ErrorEnvelope", 401)["error_code"] == "UNAUTHORIZED"


@pytest.mark.parametrize("scheme", ["Key", "Bearer"])
def test_both_schemes_everywhere(service: Service, scheme: str) -> None:
    """`Key` and `Bearer` are the same."""
    with service.client(KEY, scheme) as client:
        assert client.get(SOURCES).status_code == 200
        assert client.get(IMMEDIATE).status_code == 200


def test_not_integers(client: httpx.Client) -> None:
    """An id that is no integer is 422, one that nobody has is 404."""
    valid(client.get(f"{SOURCES}/test/abc"), "HTTPValidationError", 422)
    valid(client.post(f"{SOURCES}/abc/test"), "HTTPValidationError", 422)
    assert valid(client.get(f"{IMMEDIATE}/abc"), "ErrorEnvelope", 422)["error_code"] == "VALIDATION_ERROR"
    for path in (f"{SOURCES}/999999", f"{SOURCES}/{10**30}", f"{SOURCES}/test/999999", f"{SOURCES}/0"):
        valid(client.get(path), "Sentence", 404)
    assert valid(client.get(f"{IMMEDIATE}/999999"), "ErrorEnvelope", 404)["error_code"] == "NOT_FOUND"


def test_other_organizations_see_nothing(service: Service, client: httpx.Client, good: int) -> None:
    """Foreign sources and jobs look like unknown ones; a user in no organization is 403."""
    job = client.post(f"{SOURCES}/{good}/test").json()["job_id"]
    organization = service.command("organization", "add", "Other").split()[-1]
    member = service.command("user", "add", "other", "--organization", organization).split()[-1]
    key = service.command("key", "add", member, "--name", "k").split()[-1]
    with service.client(key) as other:
        assert other.get(SOURCES).json() == []
        for path in (f"{SOURCES}/{good}", f"{SOURCES}/test/{job}"):
            valid(other.get(path), "Sentence", 404)
        valid(other.post(f"{SOURCES}/{good}/test"), "Sentence", 404)
        valid(other.post(f"{IMMEDIATE}/{good}/test"), "ErrorEnvelope", 404)
        valid(other.delete(f"{SOURCES}/{good}"), "Sentence", 404)
    loner = service.command("user", "add", "loner").split()[-1]
    key = service.command("key", "add", loner, "--name", "k").split()[-1]
    with service.client(key) as alone:
        assert valid(alone.get(IMMEDIATE), "ErrorEnvelope", 403)["error_code"] == "FORBIDDEN"


def test_keys_are_shown_once_and_revocable(service: Service, client: httpx.Client) -> None:
    """A new key works, is listed without itself, and stops to work."""
    made = client.post("/api/v1/api_keys", json={"name": "ci"}).json()
    with service.client(made["key"]) as other:
        assert other.get(SOURCES).status_code == 200
        assert made["key"] not in other.get("/api/v1/api_keys").text
        assert client.delete(f"/api/v1/api_keys/{made['id']}").status_code == 204
        assert other.get(SOURCES).status_code == 401


def test_immediate(client: httpx.Client, good: int) -> None:
    """The published envelope of a good test, with the caller's own query."""
    answer = client.post(f"{IMMEDIATE}/{good}/test", json={"test_query": "SELECT 41+1", "timeout_seconds": 60})
    data = valid(answer, "ConnectionTest")["data"]
    assert (data["status"], data["connection_successful"], data["test_query_result"]) == ("active", True, "42")
    assert data["database_version"].startswith("PostgreSQL 18")
    assert (data["error_code"], data["error_message"]) == (None, None)
    assert data["response_time_ms"] >= 0


def test_immediate_failures(client: httpx.Client, good: int, embedded: Server) -> None:
    """A dead port, and a query that writes: 200 with the reason."""
    dead = register(client, "Dead now", options(embedded, port=free_port()))
    data = valid(client.post(f"{IMMEDIATE}/{dead}/test"), "ConnectionTest")["data"]
    assert (data["status"], data["connection_successful"], data["error_code"]) == ("failed", False, "CONNECTION_ERROR")
    written = client.post(f"{IMMEDIATE}/{good}/test", json={"test_query": "CREATE TABLE scratch.x ()"})
    data = valid(written, "ConnectionTest")["data"]
    assert (data["connection_successful"], data["error_code"]) == (True, "QUERY_NOT_READ_ONLY")
    health = valid(client.get(f"{IMMEDIATE}/{dead}/health"), "HealthEnvelope")["data"]
    assert (health["uptime_percentage"], health["failure_count_24h"]) == (0, 1)
    assert valid(client.get(f"{IMMEDIATE}/{dead}"), "SourceEnvelope")["data"]["status"] == "failed"


@pytest.mark.parametrize("seconds", [0, 301, "soon"])
def test_immediate_limits(client: httpx.Client, good: int, seconds: Any) -> None:
    """`timeout_seconds` is 1 to 300."""
    refused = client.post(f"{IMMEDIATE}/{good}/test", json={"timeout_seconds": seconds})
    assert "timeout_seconds" in valid(refused, "ErrorEnvelope", 422)["message"]


def test_list(client: httpx.Client, good: int) -> None:
    """Pages, search, filters and order."""
    page = client.get(IMMEDIATE, params={"page_size": 2, "sort_by": "name", "sort_order": "desc"}).json()["data"]
    names = [item["name"] for item in page["items"]]
    assert names == sorted(names, reverse=True)
    assert len(names) == 2
    assert page["pagination"]["total_items"] > 2
    found = client.get(IMMEDIATE, params={"search": "goo", "type": "postgresql"}).json()["data"]["items"]
    assert [item["id"] for item in found] == [good]
    assert client.get(IMMEDIATE, params={"search": "%"}).json()["data"]["items"] == []
    valid(client.get(IMMEDIATE, params={"page": 0}), "ErrorEnvelope", 422)


def test_documentation(service: Service) -> None:
    """The published operation ids, names and titles; pages that need no key."""
    with service.client(None) as anybody:
        assert "html" in anybody.get("/docs").headers["content-type"]
        document = anybody.get("/docs/openapi.json").json()
    operation = document["paths"]["/api/v1/data_sources/test/{job_id}"]["get"]
    assert operation["operationId"] == "get_data_source_test_result_api_v1_data_sources_test__job_id__get"
    assert operation["parameters"][0]["schema"]["type"] == "integer"
    schemas = document["components"]["schemas"]
    for name in ("AsyncDataSourceTestResults", "TestResultStep", "TestDataSourceAsyncResponse", "HTTPValidationError"):
        assert schemas[name]["title"] == name
    assert schemas["JobStatus"]["enum"][0] == "needs_confirmation"
    assert schemas["ConfigurationCheckStep"]["enum"] == STEPS
    assert document["components"]["securitySchemes"]["ApiKeyAuth"]["in"] == "header"
