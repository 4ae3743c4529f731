"""Malformed requests: 422 that names the place, in the dialect of the path, and never a 5xx (contract 1.4 and 1.5)."""

from typing import Any

import httpx
import pytest

from tests.acceptance.kit import IMMEDIATE, SOURCES, locations
from tests.wire.answers import valid

NOT_INTEGERS = [
    "abc",
    "1.5",
    "1e3",
    "1_0",
    "0x1",
    "%20",
    "1%20",
    "+1",
    "None",
    "true",
    "null",
    "1;",
    "%F0%9F%98%80",
    "-",
]
BROKEN_JSON = [b"{", b"}", b'{"a": }', b"{'a': 1}", b"nonsense", b"\xff\xfe{}", b'{"a": NaN}', b"{} {}"]
NOT_OBJECTS = [b"[]", b"5", b'"text"', b"true"]
TOO_DEEP = b"[" * 100_000


@pytest.mark.parametrize("number", NOT_INTEGERS)
def test_ids_are_integers(admin: httpx.Client, number: str) -> None:
    """422 names the parameter, for sources and for jobs."""
    for answer in (admin.get(f"{SOURCES}/{number}/summary"), admin.post(f"{SOURCES}/{number}/test")):
        (loc,) = locations(answer)
        assert loc[0] == "path"
        assert loc[1] in ("data_source_id", "source_id")
    assert locations(admin.get(f"{SOURCES}/test/{number}")) == [["path", "job_id"]]


@pytest.mark.parametrize("number", NOT_INTEGERS)
def test_ids_are_integers_in_the_other_dialect(admin: httpx.Client, number: str) -> None:
    """The same in the envelope, and the message names the parameter."""
    for answer in (admin.get(f"{IMMEDIATE}/{number}/health"), admin.post(f"{IMMEDIATE}/{number}/test")):
        error = valid(answer, "ErrorEnvelope", 422)
        assert error["error_code"] == "VALIDATION_ERROR"
        assert "source_id" in error["message"]


@pytest.mark.parametrize("body", [*BROKEN_JSON, *NOT_OBJECTS, TOO_DEEP], ids=lambda body: repr(body[:12]))
def test_bodies_are_objects(admin: httpx.Client, dead_source: int, body: bytes) -> None:
    """Broken JSON, and JSON that is no object, is 422 at `body`, wherever a body is taken."""
    as_json = {"Content-Type": "application/json"}
    for method, path in (
        ("POST", SOURCES),
        ("PATCH", f"{SOURCES}/{dead_source}"),
        ("POST", f"{SOURCES}/{dead_source}/test"),
        ("POST", "/api/v1/api_keys"),
    ):
        for loc in locations(admin.request(method, path, content=body, headers=as_json)):
            assert loc[0] == "body"
    answer = admin.post(f"{IMMEDIATE}/{dead_source}/test", content=body, headers=as_json)
    assert valid(answer, "ErrorEnvelope", 422)["error_code"] == "VALIDATION_ERROR"


WRONG_TESTS: list[tuple[dict[str, Any], str]] = [
    ({"timeout_seconds": 0}, "timeout_seconds"),
    ({"timeout_seconds": 301}, "timeout_seconds"),
    ({"timeout_seconds": -1}, "timeout_seconds"),
    ({"timeout_seconds": "30"}, "timeout_seconds"),
    ({"timeout_seconds": 1.5}, "timeout_seconds"),
    ({"timeout_seconds": True}, "timeout_seconds"),
    ({"timeout_seconds": 10**30}, "timeout_seconds"),
    ({"test_query": 1}, "test_query"),
    ({"test_query": ""}, "test_query"),
    ({"test_query": ["SELECT 1"]}, "test_query"),
    ({"test_query": "SELECT '\0'"}, "test_query"),
]


@pytest.mark.parametrize(("body", "field"), WRONG_TESTS)
def test_wrong_fields_of_a_test(admin: httpx.Client, dead_source: int, body: dict[str, Any], field: str) -> None:
    """Both dialects name the field."""
    assert locations(admin.post(f"{SOURCES}/{dead_source}/test", json=body)) == [["body", field]]
    error = valid(admin.post(f"{IMMEDIATE}/{dead_source}/test", json=body), "ErrorEnvelope", 422)
    assert error["error_code"] == "VALIDATION_ERROR"
    assert field in error["message"]


@pytest.mark.parametrize(
    "query",
    [
        {"page": 0},
        {"page": "x"},
        {"page_size": 0},
        {"page_size": 100_000},
        {"sort_order": "sideways"},
        {"sort_by": "password"},
        {"sort_by": "name; DROP TABLE jobs"},
        {"status_filter": "sleepy"},
    ],
)
def test_wrong_parameters_of_the_list(admin: httpx.Client, query: dict[str, Any]) -> None:
    """The message names the parameter."""
    error = valid(admin.get(IMMEDIATE, params=query), "ErrorEnvelope", 422)
    assert error["error_code"] == "VALIDATION_ERROR"
    assert next(iter(query)) in error["message"]


@pytest.mark.parametrize("limit", ["0", "-1", "x", "1.5", "1000000"])
def test_wrong_limits_of_health(admin: httpx.Client, dead_source: int, limit: str) -> None:
    """The message names `limit`."""
    error = valid(admin.get(f"{IMMEDIATE}/{dead_source}/health?limit={limit}"), "ErrorEnvelope", 422)
    assert "limit" in error["message"]


def test_a_body_too_large(admin: httpx.Client) -> None:
    """A body of megabytes is refused in the dialect of the path, and nothing breaks."""
    body = b'{"name": "' + b"x" * (3 * 1024 * 1024) + b'"}'
    answer = admin.post(SOURCES, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (413, 422)
    assert "detail" in answer.json()


@pytest.mark.parametrize(("method", "path"), [("PUT", SOURCES), ("DELETE", IMMEDIATE), ("GET", "/api/v1/nothing")])
def test_unknown_ways(admin: httpx.Client, method: str, path: str) -> None:
    """An unknown path is 404 and a wrong method 405, as JSON of the dialect."""
    answer = admin.request(method, path)
    assert answer.status_code == (404 if path.endswith("nothing") else 405)
    assert set(answer.json()) == ({"success", "data", "message", "error_code"} if path == IMMEDIATE else {"detail"})


@pytest.mark.parametrize(
    ("path", "given", "nearest"),
    [
        (SOURCES, {"serach": "x"}, ""),
        (f"{SOURCES}/types", {"al": "true"}, " (did you mean all?)"),
        (f"{SOURCES}/test/1", {"waits": "1"}, " (did you mean wait?)"),
    ],
)
def test_unknown_parameters(admin: httpx.Client, path: str, given: dict[str, str], nearest: str) -> None:
    """A mistyped query is refused with the nearest known name."""
    (name,) = given
    answer = admin.get(path, params=given)
    assert locations(answer) == [["query", name]]
    assert answer.json()["detail"][0]["msg"] == f"Unknown parameter `{name}`{nearest}"


def test_unknown_parameters_in_the_other_dialect(admin: httpx.Client) -> None:
    """The same in the envelope; a published parameter that says nothing to us is taken."""
    error = valid(admin.get(IMMEDIATE, params={"pagesize": 5}), "ErrorEnvelope", 422)
    assert "`pagesize` (did you mean page_size?)" in error["message"]
    assert admin.get(IMMEDIATE, params={"workspace_id": 1}).status_code == 200


def test_unknown_fields(admin: httpx.Client, dead_source: int) -> None:
    """In the body of a test and of a source, in both dialects."""
    stranger = ["body", "no_such_field"]
    assert locations(admin.post(f"{SOURCES}/{dead_source}/test", json={"no_such_field": 1})) == [stranger]
    assert locations(admin.post(SOURCES, json={"no_such_field": 1})) == [stranger, ["body", "type"], ["body", "name"]]
    assert locations(admin.patch(f"{SOURCES}/{dead_source}", json={"nmae": "x"})) == [["body", "nmae"]]
    error = valid(admin.post(f"{IMMEDIATE}/{dead_source}/test", json={"timeout": 1}), "ErrorEnvelope", 422)
    assert "`timeout` (did you mean timeout_seconds?)" in error["message"]


def test_the_address_alone_leads_a_person_somewhere(nobody: httpx.Client) -> None:
    """With a browser, and without a key: to the page that asks for one."""
    answer = nobody.get("/", follow_redirects=True)
    assert answer.status_code == 200
    assert answer.url.path == "/sign-in"
