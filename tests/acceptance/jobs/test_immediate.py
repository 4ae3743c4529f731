"""The immediate test, details, list and health (contract 3)."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.acceptance.kit import IMMEDIATE, SOURCES, immediate, options, register, unique
from tests.fixtures.servers.database import PASSWORD, Server, free_port
from tests.fixtures.service import KEY, Service
from tests.wire.answers import valid


def parsed(text: str) -> datetime:
    """A time with its zone."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def test_a_good_source_and_a_query(service: Service, good_source: int, good_answer: dict[str, Any]) -> None:
    """The published envelope, with the first value as text, the version, and the time of the query."""
    assert good_answer["status"] == "done"
    asked = datetime.now(UTC)
    with service.client(KEY, "Bearer") as client:
        data = immediate(client, good_source, test_query="SELECT 41+1", timeout_seconds=60)
        details = valid(client.get(f"{IMMEDIATE}/{good_source}"), "SourceEnvelope")["data"]
    assert (data["status"], data["connection_successful"], data["test_query_result"]) == ("active", True, "42")
    assert re.fullmatch(r"PostgreSQL \d+(\.\d+)?", data["database_version"])
    assert (data["ssh_tunnel_established"], data["error_message"], data["error_code"]) == (False, None, None)
    assert 0 <= data["response_time_ms"] < 60_000
    assert asked - timedelta(seconds=1) <= parsed(data["tested_at"]) <= datetime.now(UTC) + timedelta(seconds=1)
    assert (details["status"], details["failure_count"], details["failure_reason"]) == ("active", 0, None)
    assert parsed(details["last_tested_at"]) >= asked - timedelta(seconds=1)
    assert parsed(details["last_successful_connection_at"]) >= asked - timedelta(seconds=1)
    assert details["last_failed_connection_at"] is None
    assert details["schema_discovered_at"] is not None


@pytest.mark.parametrize("content", [None, b"", b"{}"])
def test_without_a_body_the_default_query_is_used(admin: httpx.Client, good_source: int, content: bytes | None) -> None:
    """`SELECT 1`, as published."""
    answer = valid(admin.post(f"{IMMEDIATE}/{good_source}/test", content=content), "ConnectionTest")
    assert answer["data"]["test_query_result"] == "1"


WRITES = [
    "CREATE TABLE scratch.written (id integer)",
    "INSERT INTO scratch.kept VALUES (2)",
    "WITH gone AS (DELETE FROM scratch.kept RETURNING id) SELECT id FROM gone",
    "SELECT 1; DROP TABLE scratch.kept",
    "SET TRANSACTION READ WRITE; INSERT INTO scratch.kept VALUES (3)",
]


def test_queries_that_write(admin: httpx.Client, embedded: Server, good_source: int) -> None:
    """Refused with a code, connection or not; nothing is written, whatever the text looks like."""
    with embedded.connect() as session:
        session.execute("CREATE TABLE scratch.kept AS SELECT 1 AS id; GRANT ALL ON scratch.kept TO reader")
    for query in WRITES:
        data = immediate(admin, good_source, test_query=query)
        assert (data["status"], data["connection_successful"], data["test_query_result"]) == ("failed", True, None)
        several = ";" in query
        assert data["error_code"] in (("QUERY_NOT_READ_ONLY", "QUERY_ERROR") if several else ("QUERY_NOT_READ_ONLY",))
    with embedded.connect() as session:
        assert session.execute("SELECT array_agg(id) FROM scratch.kept").fetchone() == ([1],)
        assert session.execute("SELECT to_regclass('scratch.written')").fetchone() == (None,)


def test_a_query_with_a_mistake(admin: httpx.Client, good_source: int) -> None:
    """QUERY_ERROR with the server's words; the connection was fine, and the version is known."""
    data = immediate(admin, good_source, test_query="SELECT 1/0")
    assert (data["status"], data["connection_successful"], data["error_code"]) == ("failed", True, "QUERY_ERROR")
    assert "division by zero" in data["error_message"]
    assert data["database_version"].startswith("PostgreSQL 18")


@pytest.mark.parametrize(
    ("query", "value"), [("SELECT NULL", None), ("SELECT 'ä'", "ä"), ("SELECT 1 WHERE false", None)]
)
def test_values_are_text_or_null(admin: httpx.Client, good_source: int, query: str, value: str | None) -> None:
    """The first value as the server writes it; null for NULL and for no row."""
    data = immediate(admin, good_source, test_query=query)
    assert (data["status"], data["test_query_result"]) == ("active", value)


@pytest.fixture(scope="module")
def fallen(admin: httpx.Client, embedded: Server) -> int:
    """A dead source after three immediate tests."""
    source = register(admin, unique("Fallen"), options(embedded, port=free_port()), description="down", tags=["a", "b"])
    fresh = valid(admin.get(f"{IMMEDIATE}/{source}"), "SourceEnvelope")["data"]
    assert (fresh["status"], fresh["last_tested_at"], fresh["failure_count"]) == ("inactive", None, 0)
    for _ in range(3):
        data = immediate(admin, source)
        assert (data["status"], data["connection_successful"]) == ("failed", False)
        assert (data["error_code"], data["database_version"]) == ("CONNECTION_ERROR", None)
    return source


def test_details_after_three_failures(admin: httpx.Client, fallen: int) -> None:
    """State, times, count and reason; no secret."""
    answer = admin.get(f"{IMMEDIATE}/{fallen}")
    data = valid(answer, "SourceEnvelope")["data"]
    assert (data["status"], data["failure_count"]) == ("failed", 3)
    assert data["failure_reason"]
    assert data["last_tested_at"] == data["last_failed_connection_at"]
    assert data["last_successful_connection_at"] is None
    assert (data["host"], data["database_name"], data["use_ssh_tunnel"]) == ("127.0.0.1", "postgres", False)
    assert (data["description"], data["tags"]) == ("down", ["a", "b"])
    assert PASSWORD not in answer.text


def test_health_after_three_failures(admin: httpx.Client, fallen: int) -> None:
    """Three failures, no response time, and no uptime as it is not set up; `limit` bounds the history."""
    data = valid(admin.get(f"{IMMEDIATE}/{fallen}/health"), "HealthEnvelope")["data"]
    assert (data["data_source_id"], data["current_status"]) == (fallen, "failed")
    assert (data["uptime_percentage"], data["failure_count_24h"]) == (None, 3)
    assert len(data["health_history"]) == 3
    assert data["last_health_check"] in data["health_history"]
    assert {check["response_time_ms"] for check in data["health_history"]} == {None}
    assert data["avg_response_time_ms"] is None
    assert data["last_failure_at"] is not None
    short = valid(admin.get(f"{IMMEDIATE}/{fallen}/health?limit=2"), "HealthEnvelope")["data"]
    assert len(short["health_history"]) == 2


def test_health_of_a_source_that_passes(admin: httpx.Client, embedded: Server) -> None:
    """Nothing before the first test; 100 % and times after it."""
    source = register(admin, unique("Healthy"), options(embedded))
    unknown = valid(admin.get(f"{IMMEDIATE}/{source}/health"), "HealthEnvelope")["data"]
    assert (unknown["health_history"], unknown["last_health_check"], unknown["uptime_percentage"]) == ([], None, None)
    immediate(admin, source)
    data = valid(admin.get(f"{IMMEDIATE}/{source}/health"), "HealthEnvelope")["data"]
    assert (data["current_status"], data["uptime_percentage"], data["failure_count_24h"]) == ("active", 100, 0)
    times = [check["response_time_ms"] for check in data["health_history"]]
    assert [data["min_response_time_ms"], data["max_response_time_ms"]] == [min(times), max(times)]
    assert data["min_response_time_ms"] <= data["avg_response_time_ms"] <= data["max_response_time_ms"]
    assert data["last_failure_at"] is None


@pytest.fixture(scope="module")
def shelf(admin: httpx.Client) -> str:
    """Five sources whose names have a word in common, which is answered."""
    word = unique("Shelf 100%")
    basic = {"host": "db.test", "user": "u", "dbname": "d"}
    for letter in "ceadb":
        register(admin, f"{word} {letter}", basic)
    return word


def listed(admin: httpx.Client, **query: Any) -> dict[str, Any]:
    """A page of the list."""
    data: dict[str, Any] = valid(admin.get(IMMEDIATE, params=query), "SourcePageEnvelope")["data"]
    return data


def letters(page: dict[str, Any]) -> str:
    """The last letters of the names of a page."""
    return "".join(item["name"][-1] for item in page["items"])


def test_pages(admin: httpx.Client, shelf: str) -> None:
    """Every source on exactly one page, and the figures of the pages."""
    pages = [
        listed(admin, search=shelf, page=page, page_size=2, sort_by="name", sort_order="asc") for page in (1, 2, 3, 4)
    ]
    assert [letters(page) for page in pages] == ["ab", "cd", "e", ""]
    figures = {"page_size": 2, "total_items": 5, "total_pages": 3}
    for number, page in enumerate(pages, start=1):
        assert page["pagination"] | figures | {"page": number} == page["pagination"]


def test_order_search_and_filters(admin: httpx.Client, shelf: str, fallen: int) -> None:
    """By name or age, up or down; search is for text, not for patterns; type and status narrow it."""
    assert letters(listed(admin, search=shelf, sort_by="name", sort_order="desc")) == "edcba"
    assert letters(listed(admin, search=shelf, sort_by="created_at", sort_order="asc")) == "ceadb"
    assert letters(listed(admin, search=shelf.upper(), sort_by="name", sort_order="asc")) == "abcde"
    assert letters(listed(admin, search=shelf.replace("100%", "1%"))) == ""
    for word in ("pg", "postgresql"):
        assert letters(listed(admin, search=shelf, type=word, sort_by="name", sort_order="asc")) == "abcde"
    assert letters(listed(admin, search=shelf, type="mysql")) == ""
    assert letters(listed(admin, search=shelf, status_filter="inactive", sort_by="name", sort_order="asc")) == "abcde"
    assert letters(listed(admin, search=shelf, status_filter="failed")) == ""
    failed = listed(admin, status_filter="failed", page_size=100)["items"]
    assert fallen in [item["id"] for item in failed]
    assert {item["status"] for item in failed} == {"failed"}


def test_removed_sources_are_not_listed(admin: httpx.Client) -> None:
    """Neither listed nor found."""
    word = unique("Removed")
    source = register(admin, word, {"host": "db.test", "user": "u", "dbname": "d"})
    assert admin.delete(f"{SOURCES}/{source}").status_code in (200, 204)
    assert listed(admin, search=word)["items"] == []
    assert valid(admin.get(f"{IMMEDIATE}/{source}"), "ErrorEnvelope", 404)["error_code"] == "NOT_FOUND"
