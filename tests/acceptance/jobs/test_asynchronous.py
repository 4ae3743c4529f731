"""The asynchronous test (contract 2.1 to 2.4), from the request to the answer that stays."""

import re
import time
from itertools import pairwise
from typing import Any

import httpx
import pytest

from datasources.model.errors import REMEDIATIONS
from datasources.model.vocabulary import ErrorCode
from tests.acceptance.kit import (
    SOURCES,
    STEPS,
    ask,
    checks,
    ended,
    finished,
    options,
    read,
    register,
    results,
    statuses,
    unique,
)
from tests.acceptance.servers import locked_schema
from tests.fixtures.acceptance import FAULTS
from tests.fixtures.servers.database import PASSWORD, Server
from tests.wire.answers import valid


def test_a_good_source(good_answer: dict[str, Any]) -> None:
    """Four steps pass, in their order, with the messages that were captured."""
    assert good_answer["status"] == "done"
    assert [step["step"] for step in good_answer["results"]] == STEPS
    assert set(statuses(good_answer).values()) == {"done"}
    found = results(good_answer)
    assert found["connection"]["message"] == "Connected to the database"
    assert found["temp_schema"]["message"] == 'Schema "postgres"."scratch" is writeable'
    assert re.fullmatch(r"Discovered \d+ tables", found["schema_download"]["message"])
    assert found["lineage_download"]["message"] == "Lineage fetched"
    assert {(result["code"], result["outcome"]) for result in found.values()} == {("OK", "success")}
    assert good_answer["version"].startswith("PostgreSQL 18")
    assert checks(good_answer)["version_probe"]["message"] == good_answer["version"]


def test_a_query_that_fails(admin: httpx.Client, good_source: int) -> None:
    """Four green steps, and a check that says why the test failed and what to do."""
    answer = finished(admin, good_source, test_query="SELECT nope FROM shop.orders")
    assert (answer["status"], answer["reason"][:22]) == ("failed", 'column "nope" does not')
    assert {result["code"] for result in results(answer).values()} == {"OK"}
    query = checks(answer)["test_query"]
    assert (query["code"], query["error_code"], query["message"]) == ("ERROR", "QUERY_ERROR", answer["reason"])
    assert query["remediation"] == REMEDIATIONS[ErrorCode.QUERY_ERROR]


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (None, {}),
        (b"", {"Content-Type": "application/json"}),
        (b"", {"Content-Type": "application/x-www-form-urlencoded"}),
        (b"{}", {}),
        (b"{}", {"Content-Type": "application/json"}),
        (b" {} \n", {"Content-Type": "application/json; charset=utf-8"}),
    ],
)
def test_the_body_may_be_absent(
    admin: httpx.Client, dead_source: int, content: bytes | None, headers: dict[str, str]
) -> None:
    """Absent, empty and `{}` ask for the same test, with and without a content type."""
    answer = admin.post(f"{SOURCES}/{dead_source}/test", content=content, headers=headers)
    valid(answer, "TestDataSourceAsyncResponse")


def test_job_ids_ascend(admin: httpx.Client, good_source: int, good_answer: dict[str, Any]) -> None:
    """Later jobs have greater ids."""
    job = ask(admin, good_source)
    assert job > good_answer["id"]
    assert set(statuses(read(admin, job)).values()) <= {"waiting", "processing", "done"}
    ended(admin, job)


def test_a_step_is_readable_as_soon_as_it_ends(admin: httpx.Client, embedded: Server) -> None:
    """While one step hangs, the others are answered with their results; nothing that has ended changes any more."""
    with locked_schema(embedded, "held") as holder:
        source = register(admin, unique("Held"), options(embedded), temp_schema="postgres.held")
        job = ask(admin, source)
        seen = [read(admin, job)]
        until = time.monotonic() + 60
        while list(statuses(seen[-1]).values()) != ["done", "processing", "done", "done"]:
            assert time.monotonic() < until, seen[-1]
            assert seen[-1]["status"] in ("waiting", "processing"), seen[-1]
            time.sleep(0.1)
            seen.append(read(admin, job))
        assert seen[-1]["status"] == "processing"
        began = time.monotonic()
        assert read(admin, job, wait=1)["status"] == "processing"
        assert 0.9 <= time.monotonic() - began < 30
        holder.execute("ROLLBACK")
        holder.execute("BEGIN")
        seen.append(ended(admin, job))
    assert seen[-1]["status"] == "done"
    order = ["waiting", "processing", "done"]
    for before, after in pairwise(seen):
        for old, new in zip([before, *before["results"]], [after, *after["results"]], strict=True):
            assert order.index(old["status"]) <= order.index(new["status"])
            if old["status"] == "done":
                assert old == new


def test_an_ended_answer_stays(admin: httpx.Client, embedded: Server, good_answer: dict[str, Any]) -> None:
    """It reads the same on every read, with `wait` or without, and after the source was changed."""
    source = register(admin, unique("Stays"), options(embedded), temp_schema="scratch")
    first = ended(admin, ask(admin, source))
    assert first["status"] == "done"
    valid(admin.patch(f"{SOURCES}/{source}", json={"temp_schema": "missing"}), "DataSource")
    assert [read(admin, first["id"]) for _ in range(3)] == [first] * 3
    began = time.monotonic()
    assert read(admin, first["id"], wait=60) == first
    assert time.monotonic() - began < 30
    assert read(admin, good_answer["id"]) == good_answer


@pytest.mark.parametrize("wait", ["-1", "61", "soon", "", "nan"])
def test_wait_is_0_to_60_seconds(admin: httpx.Client, good_answer: dict[str, Any], wait: str) -> None:
    """Anything else is 422 and names it."""
    answer = admin.get(f"{SOURCES}/test/{good_answer['id']}?wait={wait}")
    assert [problem["loc"] for problem in valid(answer, "HTTPValidationError", 422)["detail"]] == [["query", "wait"]]


def test_what_does_not_apply_is_skipped(admin: httpx.Client, embedded: Server) -> None:
    """Without a temp_schema that step is OK and skipped; schemas are read although indexing is disabled; globs count."""
    source = register(
        admin,
        unique("No temp schema"),
        options(embedded),
        disable_schema_indexing=True,
        catalog_include_list="shop.*\nnothing.*",
        catalog_exclude_list="shop.t*",
    )
    answer = ended(admin, ask(admin, source))
    found = results(answer)
    assert answer["status"] == "done"
    assert (found["temp_schema"]["code"], found["temp_schema"]["outcome"]) == ("OK", "skipped")
    assert found["schema_download"]["outcome"] == "success"
    assert found["schema_download"]["message"] == "Discovered 3 tables"


def test_a_refused_port(dead_answer: dict[str, Any]) -> None:
    """A negative verdict is `done` and ERROR; later steps are `done` and SKIP and say why; the job is `failed`."""
    assert dead_answer["status"] == "failed"
    assert set(statuses(dead_answer).values()) == {"done"}
    connection, *later = results(dead_answer).values()
    assert (connection["code"], connection["error_code"]) == ("ERROR", "CONNECTION_ERROR")
    for skipped in later:
        assert (skipped["code"], skipped["outcome"]) == ("SKIP", "skipped")
        assert "connection" in skipped["message"].lower()


@pytest.mark.parametrize("code", FAULTS)
def test_each_fault_by_its_code(fault_answers: dict[str, dict[str, Any]], code: str) -> None:
    """The step that says no has the code and a remediation; the job is `failed`; every step has ended."""
    answer, faulty = fault_answers[code], FAULTS[code][2]
    assert answer["status"] == "failed"
    assert set(statuses(answer).values()) == {"done"}
    found = results(answer)
    assert (found[faulty]["code"], found[faulty]["error_code"]) == ("ERROR", code)
    assert found[faulty]["remediation"].startswith(REMEDIATIONS[ErrorCode(code)])
    others = {result["code"] for step, result in found.items() if step != faulty}
    assert others == ({"SKIP"} if faulty == "connection" else {"OK"})
    assert PASSWORD not in str(answer)


def test_a_silent_server_is_told_in_time(admin: httpx.Client, embedded: Server, silent_port: int) -> None:
    """TIMEOUT, with the stage, by the source's own limit."""
    source = register(admin, unique("Silent"), options(embedded, port=silent_port), connection_timeout=2)
    found = results(ended(admin, ask(admin, source)))["connection"]
    assert found["error_code"] == "TIMEOUT"
    assert found["duration_ms"] < 20_000


def test_the_source_remembers_its_last_test(admin: httpx.Client, embedded: Server) -> None:
    """`last_test` is null before the first test, and then the steps as they were answered."""
    fresh = register(admin, unique("Fresh"), options(embedded))
    assert valid(admin.get(f"{SOURCES}/{fresh}"), "DataSource")["last_test"] is None
    answer = ended(admin, ask(admin, fresh))
    last = valid(admin.get(f"{SOURCES}/{fresh}"), "DataSource")["last_test"]
    assert last["results"] == [{key: step[key] for key in ("step", "status", "result")} for step in answer["results"]]
