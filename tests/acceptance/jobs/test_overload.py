"""Too much is refused with a sentence and a time to come back, in both dialects (security row 12)."""

from collections.abc import Iterator

import httpx
import pytest

from tests.acceptance.kit import IMMEDIATE, SOURCES, ask, ended, options, read, register, unique
from tests.acceptance.servers import locked_schema
from tests.fixtures.acceptance import Organization
from tests.fixtures.servers.database import Server
from tests.fixtures.service import Service, another_api
from tests.wire.answers import valid

PER_MINUTE = 8
WAITING = 2


@pytest.fixture(scope="module")
def strict(service: Service) -> Iterator[httpx.Client]:
    """An API process with low limits on the same stack."""
    limits = {"tests_per_minute": str(PER_MINUTE), "max_waiting_jobs": str(WAITING)}
    with another_api(service, **limits) as client:
        yield client


def test_a_limit_per_organization(strict: httpx.Client, stranger: Organization) -> None:
    """429 with Retry-After from the ninth request on, whichever of its keys asks; nothing else is held up."""
    as_stranger = {"Authorization": f"Key {stranger.key}"}
    made = strict.post("/api/v1/api_keys", json={"name": "another"}, headers=as_stranger).json()["key"]
    keys = [as_stranger, {"Authorization": f"Key {made}"}]
    for number in range(PER_MINUTE):
        path = f"{(SOURCES, IMMEDIATE)[number % 2]}/{2**40}/test"
        assert strict.post(path, headers=keys[number // 2 % 2]).status_code == 404
    refused = strict.post(f"{SOURCES}/{2**40}/test", headers=as_stranger)
    assert f"At most {PER_MINUTE} requests" in valid(refused, "Sentence", 429)["detail"]
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    refused = strict.post(f"{IMMEDIATE}/{2**40}/test", headers=as_stranger)
    assert valid(refused, "ErrorEnvelope", 429)["error_code"] == "TOO_MANY_REQUESTS"
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert strict.get(SOURCES, headers=as_stranger).status_code == 200
    assert strict.post(f"{SOURCES}/{2**40}/test").status_code == 404


def test_a_cap_on_waiting_jobs(
    service: Service, admin: httpx.Client, strict: httpx.Client, embedded: Server, stranger: Organization
) -> None:
    """503 with Retry-After for what would wait as well; joining what waits already is no burden."""
    with locked_schema(embedded, "full_house") as holder:
        source = register(admin, unique("Full"), options(embedded), temp_schema="full_house")
        jobs = [ask(admin, source, timeout_seconds=100 + number) for number in range(1 + WAITING)]
        while read(admin, jobs[0])["status"] != "processing":
            read(admin, jobs[0], wait=1)
        refused = strict.post(f"{SOURCES}/{source}/test", json={"timeout_seconds": 99})
        assert f"the limit is {WAITING}" in valid(refused, "Sentence", 503)["detail"]
        assert int(refused.headers["retry-after"]) > 0
        refused = strict.post(f"{IMMEDIATE}/{source}/test", json={"timeout_seconds": 99})
        assert valid(refused, "ErrorEnvelope", 503)["error_code"] == "SERVICE_UNAVAILABLE"
        assert int(refused.headers["retry-after"]) > 0
        joined = strict.post(f"{SOURCES}/{source}/test", json={"timeout_seconds": 100 + WAITING})
        assert valid(joined, "TestDataSourceAsyncResponse")["job_id"] == jobs[-1]
        holder.execute("ROLLBACK")
        holder.execute("BEGIN")
        assert {ended(admin, job)["status"] for job in jobs} == {"done"}
    assert strict.post(f"{SOURCES}/{source}/test", json={"timeout_seconds": 99}).status_code == 200
