"""Who may ask, and what they see of others: 401, 403 and 404 in both dialects (contract 1.2 to 1.5)."""

from typing import Any

import httpx
import pytest

from tests.acceptance.kit import IMMEDIATE, SOURCES, STEPS, finished, options, register, unique
from tests.fixtures.acceptance import Organization
from tests.fixtures.servers.database import Server
from tests.fixtures.service import KEY, Service
from tests.wire.answers import valid

EVERYTHING = [
    ("GET", SOURCES),
    ("POST", SOURCES),
    ("GET", f"{SOURCES}/types"),
    ("GET", f"{SOURCES}/1"),
    ("PATCH", f"{SOURCES}/1"),
    ("DELETE", f"{SOURCES}/1"),
    ("GET", f"{SOURCES}/1/summary"),
    ("POST", f"{SOURCES}/1/test"),
    ("GET", f"{SOURCES}/test/1"),
    ("GET", f"{SOURCES}/abc"),
    ("GET", "/api/v1/organization/meta"),
    ("GET", IMMEDIATE),
    ("GET", f"{IMMEDIATE}/1"),
    ("GET", f"{IMMEDIATE}/abc"),
    ("GET", f"{IMMEDIATE}/1/health"),
    ("POST", f"{IMMEDIATE}/1/test"),
]


def refused(answer: httpx.Response, status: int, word: str) -> None:
    """An error in the dialect of its path."""
    if answer.url.path.startswith(IMMEDIATE):
        assert valid(answer, "ErrorEnvelope", status)["error_code"] == word
    else:
        valid(answer, "Sentence", status)


@pytest.mark.parametrize(("method", "path"), EVERYTHING)
def test_no_key(nobody: httpx.Client, method: str, path: str) -> None:
    """401 without a key, before anything else is looked at."""
    refused(nobody.request(method, path, content=b"{broken"), 401, "UNAUTHORIZED")


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Key",
        "Bearer wrong-key-of-nobody",
        "Key wrong-key-of-nobody",
        f"Basic {KEY}",
        KEY,
        f"Key {KEY}x",
        f"Key {KEY[:-1]}",
        f"Key {KEY.upper()}",
    ],
)
@pytest.mark.parametrize("path", [SOURCES, IMMEDIATE])
def test_a_wrong_key(nobody: httpx.Client, header: str, path: str) -> None:
    """401 for a key that is unknown, malformed, or given by another scheme."""
    refused(nobody.get(path, headers={"Authorization": header}), 401, "UNAUTHORIZED")


@pytest.mark.parametrize("scheme", ["Key", "Bearer"])
@pytest.mark.parametrize("path", [SOURCES, IMMEDIATE, "/api/v1/organization/meta", f"{SOURCES}/types"])
def test_both_schemes(nobody: httpx.Client, scheme: str, path: str) -> None:
    """`Key` and `Bearer` are accepted everywhere."""
    assert nobody.get(path, headers={"Authorization": f"{scheme} {KEY}"}).status_code == 200


@pytest.mark.parametrize(("method", "path"), EVERYTHING)
def test_a_user_in_no_organization(service: Service, loner_key: str, method: str, path: str) -> None:
    """403 for a good key of a user who is a member of nothing."""
    with service.client(loner_key) as loner:
        refused(loner.request(method, path, content=b"{}"), 403, "FORBIDDEN")


@pytest.mark.parametrize("number", [2**31 - 1, 2**63 - 1, 2**63, 10**30, 0, -1])
def test_unknown_ids(admin: httpx.Client, number: int) -> None:
    """404 for an integer that nobody has, whatever its size."""
    for path in (f"{SOURCES}/{number}", f"{SOURCES}/{number}/summary", f"{SOURCES}/test/{number}"):
        refused(admin.get(path), 404, "NOT_FOUND")
    for path in (f"{IMMEDIATE}/{number}", f"{IMMEDIATE}/{number}/health"):
        refused(admin.get(path), 404, "NOT_FOUND")
    for path in (f"{SOURCES}/{number}/test", f"{IMMEDIATE}/{number}/test"):
        refused(admin.post(path), 404, "NOT_FOUND")


def test_another_organization_sees_nothing(
    service: Service,
    admin: httpx.Client,
    stranger: Organization,
    good_source: int,
    good_answer: dict[str, Any],
) -> None:
    """Its sources and jobs answer exactly what unknown ids answer."""
    with service.client(stranger.key) as client:
        meta = valid(client.get("/api/v1/organization/meta"), "OrganizationMeta")
        assert meta == {"org_id": stranger.id, "org_name": "Strangers", "user_id": stranger.user}
        assert good_source not in [found["id"] for found in valid(client.get(SOURCES), "DataSources")]
        items = valid(client.get(f"{IMMEDIATE}?page_size=100"), "SourcePageEnvelope")["data"]["items"]
        assert good_source not in [item["id"] for item in items]
        foreign, unknown = good_source, 2**40
        requests: list[tuple[str, str, Any]] = [
            ("GET", SOURCES + "/{}", None),
            ("PATCH", SOURCES + "/{}", {"name": "mine now"}),
            ("DELETE", SOURCES + "/{}", None),
            ("GET", SOURCES + "/{}/summary", None),
            ("POST", SOURCES + "/{}/test", {}),
            ("GET", IMMEDIATE + "/{}", None),
            ("GET", IMMEDIATE + "/{}/health", None),
            ("POST", IMMEDIATE + "/{}/test", {}),
        ]
        for method, path, body in requests:
            answers = [client.request(method, path.format(number), json=body) for number in (foreign, unknown)]
            for answer in answers:
                refused(answer, 404, "NOT_FOUND")
            assert answers[0].text == answers[1].text
        answers = [client.get(f"{SOURCES}/test/{number}") for number in (good_answer["id"], unknown)]
        for answer in answers:
            refused(answer, 404, "NOT_FOUND")
        assert answers[0].text == answers[1].text
    assert valid(admin.get(f"{SOURCES}/{good_source}"), "DataSource")["name"] == "Demo shop"


def test_another_organization_tests_its_own(service: Service, stranger: Organization, embedded: Server) -> None:
    """It has sources of its own, of the same name if it likes, and tests them."""
    with service.client(stranger.key) as client:
        source = register(client, "Demo shop", options(embedded))
        assert finished(client, source)["status"] == "done"


def test_a_key_is_shown_once_and_revocable(service: Service, admin: httpx.Client) -> None:
    """A new key works, is listed without itself, and is unknown once revoked."""
    made = admin.post("/api/v1/api_keys", json={"name": unique("ci")}).json()
    with service.client(made["key"]) as client:
        assert client.get(SOURCES).status_code == 200
        assert made["key"] not in client.get("/api/v1/api_keys").text
        assert admin.delete(f"/api/v1/api_keys/{made['id']}").status_code == 204
        refused(client.get(SOURCES), 401, "UNAUTHORIZED")
        refused(client.get(IMMEDIATE), 401, "UNAUTHORIZED")


def test_a_key_gives_no_more_than_it_has(service: Service, admin: httpx.Client) -> None:
    """One that may not ask makes none that may, and revokes none that may; others like itself it does (row 21)."""
    robot = admin.post("/api/v1/api_keys", json={"name": unique("robot"), "on_question": "fail"}).json()
    mine = admin.post("/api/v1/api_keys", json={"name": unique("mine")}).json()
    with service.client(robot["key"]) as client:
        for body in ({"name": "more"}, {"name": "more", "on_question": "ask"}):
            valid(client.post("/api/v1/api_keys", json=body), "Sentence", 403)
        valid(client.delete(f"/api/v1/api_keys/{mine['id']}"), "Sentence", 403)
        made = client.post("/api/v1/api_keys", json={"name": unique("robot"), "on_question": "fail"})
        assert made.status_code == 201
        assert client.delete(f"/api/v1/api_keys/{made.json()['id']}").status_code == 204
    assert admin.delete(f"/api/v1/api_keys/{robot['id']}").status_code == 204


def test_strangers_cannot_revoke_our_keys(service: Service, admin: httpx.Client, stranger: Organization) -> None:
    """Another user's key looks like an unknown one."""
    made = admin.post("/api/v1/api_keys", json={"name": unique("mine")}).json()
    with service.client(stranger.key) as client:
        valid(client.delete(f"/api/v1/api_keys/{made['id']}"), "Sentence", 404)
    with service.client(made["key"]) as mine:
        assert mine.get(SOURCES).status_code == 200


@pytest.mark.parametrize("path", ["/health/ready", "/health/live", "/docs", "/docs/openapi.json"])
def test_open_paths(nobody: httpx.Client, path: str) -> None:
    """Readiness and the documentation need no key."""
    assert nobody.get(path).status_code == 200


def test_the_documentation_is_a_page(nobody: httpx.Client) -> None:
    """For people."""
    answer = nobody.get("/docs")
    assert answer.headers["content-type"].startswith("text/html")
    assert "<html" in answer.text.lower()


def test_the_documentation_has_the_published_names(nobody: httpx.Client) -> None:
    """Operation ids, titles and words as they were published, for clients that were generated from them."""
    document = nobody.get("/docs/openapi.json").json()
    operation = document["paths"]["/api/v1/data_sources/test/{job_id}"]["get"]
    assert operation["operationId"] == "get_data_source_test_result_api_v1_data_sources_test__job_id__get"
    assert operation["parameters"][0]["schema"]["type"] == "integer"
    schemas = document["components"]["schemas"]
    for name in ("AsyncDataSourceTestResults", "TestResultStep", "TestDataSourceAsyncResponse", "HTTPValidationError"):
        assert schemas[name]["title"] == name
    assert schemas["JobStatus"]["enum"][0] == "needs_confirmation"
    assert schemas["ConfigurationCheckStep"]["enum"] == STEPS
    assert document["components"]["securitySchemes"]["ApiKeyAuth"]["in"] == "header"
