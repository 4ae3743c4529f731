"""Whatever a server does, a test ends in time, and says at which stage it was."""

import time
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from tests.acceptance.kit import IMMEDIATE, ask, ended, finished, nothing_runs, options, register, results, unique
from tests.fixtures.servers.database import Server
from tests.fixtures.servers.faults import (
    Fault,
    close_after_login,
    drip,
    faulty,
    silent,
    stop_in_a_result,
    unfinished_tls,
)
from tests.wire.answers import valid

LIMIT = 20
GENEROUS = 60.0
"""Seconds beyond the limit that a busy machine may need; `benchmarks` has what an idle one needs."""
FAULTS: dict[str, tuple[Fault, str, set[str]]] = {
    "silent": (silent, "TIMEOUT", {"tls"}),
    "drip": (drip, "TIMEOUT", {"tls", "login", "database"}),
    "unfinished TLS": (unfinished_tls, "TIMEOUT", {"tls"}),
    "stops in a result": (stop_in_a_result, "TIMEOUT", {"identity"}),
    "closes after login": (close_after_login, "CONNECTION_ERROR", {"identity"}),
}
"""By name: the fault, the code it ends in, and the stages at which it may be noticed."""


@pytest.fixture(scope="module")
def answers(
    admin: httpx.Client, embedded: Server, good_answer: dict[str, Any]
) -> dict[str, tuple[float, dict[str, Any]]]:
    """A test of each faulty server, side by side, by a worker that is warm: how long it took, and its answer."""
    assert good_answer["status"] == "done"
    with ExitStack() as servers:
        sources = {
            name: register(
                admin,
                unique(name),
                options(embedded, port=servers.enter_context(faulty(embedded.port, fault))),
                temp_schema="scratch",
            )
            for name, (fault, _, _) in FAULTS.items()
        }
        began = time.monotonic()
        jobs = {name: ask(admin, source, timeout_seconds=LIMIT) for name, source in sources.items()}
        found = {}
        for name, job in jobs.items():
            answer = ended(admin, job)
            found[name] = (time.monotonic() - began, answer)
        return found


@pytest.mark.parametrize("name", FAULTS)
def test_a_faulty_server(answers: dict[str, tuple[float, dict[str, Any]]], name: str) -> None:
    """The connection says no with its code and stage, within the limit; the other steps are skipped."""
    took, answer = answers[name]
    _, code, stages = FAULTS[name]
    assert answer["status"] == "failed"
    first, *others = answer["results"]
    assert (first["status"], first["result"]["error_code"]) == ("done", code)
    assert first["result"]["details"]["stage"] in stages
    assert {step["result"]["code"] for step in others} == {"SKIP"}
    assert took < LIMIT + GENEROUS


def test_the_worker_takes_the_next(
    admin: httpx.Client, good_source: int, answers: dict[str, tuple[float, dict[str, Any]]]
) -> None:
    """Nothing of the faulty ones is left in the way."""
    assert len(answers) == len(FAULTS)
    assert finished(admin, good_source)["status"] == "done"


def test_a_query_that_never_ends(admin: httpx.Client, embedded: Server) -> None:
    """TIMEOUT, and nothing runs on over there."""
    source = register(admin, unique("Endless"), options(embedded))
    query = "SELECT count(*) FROM generate_series(1, 1000000000000) AS endless"
    answer = admin.post(f"{IMMEDIATE}/{source}/test", json={"test_query": query, "timeout_seconds": LIMIT})
    data = valid(answer, "ConnectionTest")["data"]
    assert (data["connection_successful"], data["error_code"]) == (True, "TIMEOUT")
    nothing_runs(embedded, "AS endless")


def test_a_result_that_never_ends(admin: httpx.Client, embedded: Server) -> None:
    """Its first value is all that is read."""
    source = register(admin, unique("Many rows"), options(embedded))
    query = "SELECT generate_series(1, 1000000000000)"
    answer = admin.post(f"{IMMEDIATE}/{source}/test", json={"test_query": query, "timeout_seconds": 60})
    data = valid(answer, "ConnectionTest")["data"]
    assert (data["status"], data["test_query_result"]) == ("active", "1")


def test_a_step_that_hangs(admin: httpx.Client, embedded: Server) -> None:
    """A later step that finds the time over names itself and its stage; what had been found stays."""
    with embedded.connect() as setup, embedded.connect() as holder:
        setup.execute("CREATE SCHEMA hangs")
        setup.execute("GRANT ALL ON SCHEMA hangs TO reader")
        holder.execute("BEGIN")
        holder.execute("DROP SCHEMA hangs")
        source = register(admin, unique("Hangs"), options(embedded), temp_schema="hangs")
        answer = finished(admin, source, timeout_seconds=LIMIT)
        holder.execute("ROLLBACK")
    found = results(answer)
    assert (answer["status"], found["connection"]["code"]) == ("failed", "OK")
    assert found["temp_schema"]["error_code"] == "TIMEOUT"
    assert found["temp_schema"]["details"]["stage"] == "create"
