"""One test of a source runs at a time: equal requests share it, different ones wait for it (security row 12)."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import pairwise
from typing import Any

import httpx
import pytest

from deployments.stack.home import Home
from deployments.stack.postgres import EmbeddedPostgres
from tests.acceptance.kit import IMMEDIATE, SOURCES, ask, ended, options, read, register, statuses, unique
from tests.acceptance.servers import locked_schema
from tests.fixtures.servers.database import Server
from tests.fixtures.service import Service, another_api
from tests.wire.answers import valid

JOINED = "sourcecheck-joined"


def asked(client: httpx.Client, source: int, **body: Any) -> tuple[int, bool]:
    """The job of a request, and whether it was somebody else's already."""
    answer = client.post(f"{SOURCES}/{source}/test", json=body)
    assert answer.headers.get(JOINED, "true") == "true"
    return int(valid(answer, "TestDataSourceAsyncResponse")["job_id"]), JOINED in answer.headers


def underway(client: httpx.Client, job: int) -> None:
    """Return when the job is being processed."""
    until = time.monotonic() + 60
    while read(client, job)["status"] != "processing":
        assert time.monotonic() < until
        time.sleep(0.05)


def spans(service: Service, source: int) -> list[tuple[datetime, datetime]]:
    """From when to when each run of a source was under way, by Prefect's own records."""
    chosen = {"flow_runs": {"tags": {"all_": [f"data-source:{source}"]}}}
    runs = service.prefect_api.post("/flow_runs/filter", json=chosen).raise_for_status().json()
    return sorted((datetime.fromisoformat(r["start_time"]), datetime.fromisoformat(r["end_time"])) for r in runs)


@pytest.fixture(scope="module")
def second_api(service: Service) -> Iterator[httpx.Client]:
    """Another process of the API beside the stack's own."""
    with another_api(service) as client:
        yield client


def test_equal_requests_share_a_job_and_others_wait(service: Service, admin: httpx.Client, embedded: Server) -> None:
    """Whatever makes a difference makes another job; all of them run, one after the other."""
    with locked_schema(embedded, "queued") as holder:
        source = register(admin, unique("Queued"), options(embedded), temp_schema="queued")
        first, joined = asked(admin, source)
        assert not joined
        underway(admin, first)
        assert asked(admin, source) == (first, True)
        others: list[dict[str, Any]] = [{"test_query": "SELECT 1"}, {"test_query": "SELECT 2"}, {"timeout_seconds": 77}]
        jobs = [asked(admin, source, **body) for body in others]
        assert [joined for _, joined in jobs] == [False] * 3
        assert [asked(admin, source, **body) for body in others] == [(job, True) for job, _ in jobs]
        assert [asked(admin, source), asked(admin, source, on_question="ask")] == [(first, True)] * 2
        waiting = [read(admin, job) for job, _ in jobs]
        assert {answer["status"] for answer in waiting} == {"waiting"}
        assert {word for answer in waiting for word in statuses(answer).values()} == {"waiting"}
        assert [answer["flow_run_id"] for answer in waiting] == [None] * 3
        holder.execute("ROLLBACK")
        holder.execute("BEGIN")
        assert {ended(admin, job)["status"] for job in (first, *(job for job, _ in jobs))} == {"done"}
    times = spans(service, source)
    assert len(times) == 4
    assert all(begun >= over for (_, over), (begun, _) in pairwise(times))


def test_a_changed_source_is_tested_anew(admin: httpx.Client, embedded: Server) -> None:
    """The open job is about the source as it was: nobody who asks after a change gets its answer."""
    with locked_schema(embedded, "changed") as holder:
        source = register(admin, unique("Changed"), options(embedded), temp_schema="changed")
        before, _ = asked(admin, source)
        underway(admin, before)
        valid(admin.patch(f"{SOURCES}/{source}", json={"temp_schema": "scratch"}), "DataSource")
        after, joined = asked(admin, source)
        assert (after > before, joined) == (True, False)
        assert asked(admin, source) == (after, True)
        holder.execute("ROLLBACK")
        holder.execute("BEGIN")
        assert '"changed"' in ended(admin, before)["results"][1]["result"]["message"]
        assert '"scratch"' in ended(admin, after)["results"][1]["result"]["message"]


def test_nobody_joins_a_job_that_is_cancelled(admin: httpx.Client, embedded: Server) -> None:
    """Cancelling ends it for everybody who shares it; who asks again gets a job of their own."""
    with locked_schema(embedded, "cancelled") as holder:
        source = register(admin, unique("Cancelled"), options(embedded), temp_schema="cancelled")
        job, _ = asked(admin, source)
        underway(admin, job)
        assert asked(admin, source) == (job, True)
        assert admin.post(f"{SOURCES}/test/{job}/cancel").status_code == 200
        again, joined = asked(admin, source)
        assert (again > job, joined) == (True, False)
        holder.execute("ROLLBACK")
        holder.execute("BEGIN")
        assert ended(admin, job)["status"] == "cancelled"
        assert ended(admin, again)["status"] == "done"


def test_a_job_that_waits_for_its_turn_is_cancelled_at_once(admin: httpx.Client, embedded: Server) -> None:
    """It never becomes a run, and the one behind it moves up."""
    with locked_schema(embedded, "moved_up") as holder:
        source = register(admin, unique("Moved up"), options(embedded), temp_schema="moved_up")
        first, second, third = (ask(admin, source, timeout_seconds=seconds) for seconds in (100, 101, 102))
        underway(admin, first)
        assert admin.post(f"{SOURCES}/test/{second}/cancel").json()["status"] == "cancelled"
        assert read(admin, second)["flow_run_id"] is None
        holder.execute("ROLLBACK")
        holder.execute("BEGIN")
        assert [ended(admin, job)["status"] for job in (first, second, third)] == ["done", "cancelled", "done"]


def test_immediate_tests_share_as_well(admin: httpx.Client, embedded: Server) -> None:
    """Both get the answer of one run, and one of them is told."""
    source = register(admin, unique("Shared"), options(embedded))
    body = {"test_query": "SELECT pg_sleep(1)", "timeout_seconds": 60}

    def test(_: int) -> httpx.Response:
        return admin.post(f"{IMMEDIATE}/{source}/test", json=body)

    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(test, range(2)))
    found = [valid(answer, "ConnectionTest")["data"] for answer in answers]
    assert found[0] == found[1]
    assert found[0]["status"] == "active"
    assert sorted(JOINED in answer.headers for answer in answers) == [False, True]


def test_an_immediate_test_whose_turn_does_not_come(service: Service, admin: httpx.Client, embedded: Server) -> None:
    """503 at its limit; it is cancelled and does not run later."""
    with locked_schema(embedded, "no_turn") as holder:
        source = register(admin, unique("No turn"), options(embedded), temp_schema="no_turn")
        first = ask(admin, source)
        underway(admin, first)
        answer = admin.post(f"{IMMEDIATE}/{source}/test", json={"timeout_seconds": 1})
        assert valid(answer, "ErrorEnvelope", 503)["error_code"] == "SERVICE_UNAVAILABLE"
        after = ask(admin, source, timeout_seconds=99)
        holder.execute("ROLLBACK")
        holder.execute("BEGIN")
        assert ended(admin, after)["status"] == "done"
    immediate = "SELECT id FROM jobs WHERE source_id = %s AND trigger = 'immediate'"
    with EmbeddedPostgres(Home(service.home)).conninfo("catalogue").connect() as catalogue:
        ((job,),) = catalogue.execute(immediate, [source])
    assert ended(admin, int(job))["status"] == "cancelled"
    assert read(admin, int(job))["flow_run_id"] is None


def test_many_at_once_on_two_processes(
    service: Service, admin: httpx.Client, second_api: httpx.Client, embedded: Server
) -> None:
    """Of equal requests at the same moment, on whichever process of the API, one makes the job; none runs twice."""
    source = register(admin, unique("Many at once"), options(embedded), temp_schema="scratch")

    def request(number: int) -> tuple[int, int, bool]:
        limit = 100 + number % 3
        return limit, *asked((admin, second_api)[number % 2], source, timeout_seconds=limit)

    with ThreadPoolExecutor(24) as threads:
        made = list(threads.map(request, range(24)))
    jobs = {job for _, job, _ in made}
    assert sorted(job for _, job, joined in made if not joined) == sorted(jobs)
    assert {ended(admin, job)["status"] for job in jobs} == {"done"}
    assert {second_api.get(f"{SOURCES}/test/{job}").json()["status"] for job in jobs} == {"done"}
    times = spans(service, source)
    assert len(times) == len(jobs)
    assert all(begun >= over for (_, over), (begun, _) in pairwise(times))
