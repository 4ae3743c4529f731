"""Questions that nobody answers, or not at once, or in Prefect's UI although answers there do not count.

On a stack of their own, whose questions expire within seconds.
"""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.acceptance.kit import ask, ended, eventually, options, read, register, results, unique
from tests.acceptance.parts import part, ready
from tests.acceptance.questions import answer_in_prefect, flow_run, said, say, source_behind, tunnel, until
from tests.fixtures.servers.database import PASSWORD, Server
from tests.fixtures.servers.ssh import running_bastion
from tests.fixtures.service import Service, running_stack
from tests.wire.answers import valid

SECONDS = 60
LIMIT = 20
"""Seconds a job has, less than its questions."""


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A stack for these tests alone."""
    settings = {"SOURCECHECK_QUESTION_TIMEOUT": str(SECONDS), "SOURCECHECK_ANSWERS_IN_PREFECT": "false"}
    with running_stack(tmp_path_factory.mktemp("impatient"), **settings) as found:
        yield found


def test_unanswered_questions(impatient: Service, embedded: Server) -> None:
    """They end as failed, with the code and the reason; what was asked about says no, everything else was not run."""
    with impatient.client() as client, running_bastion() as gate:
        keyless = register(client, unique("Nobody knows it"), options(embedded, password=None))
        behind = source_behind(client, tunnel(gate.tunnel()), embedded)
        good = register(client, unique("Doubted"), options(embedded))
        jobs = {
            "AUTHENTICATION_FAILED": ("needs_authentication", ask(client, keyless)),
            "SSH_HOST_KEY_UNKNOWN": ("needs_confirmation", ask(client, behind)),
            "QUERY_NOT_READ_ONLY": ("needs_confirmation", ask(client, good, test_query="DELETE FROM shop.orders")),
        }
        for status, job in jobs.values():
            until(client, job, status)
        for code, (_, job) in jobs.items():
            answer = ended(client, job)
            assert (answer["status"], answer["question"]) == ("failed", None)
            assert answer["reason"].startswith(f"No answer within {SECONDS} s")
            found = results(answer)
            if code != "QUERY_NOT_READ_ONLY":
                assert found.pop("connection")["error_code"] == code
            assert {result["code"] for result in found.values()} == {"SKIP"}
            assert {step["status"] for step in answer["results"]} == {"done"}
            valid(say(client, job, "confirm", {}), "Sentence", 409)


def test_answers_in_prefect_are_switched_off(impatient: Service, embedded: Server) -> None:
    """The right fingerprint, given there, trusts nothing: the run asks again, and says where answers are given."""
    with impatient.client() as client, running_bastion() as gate:
        job = ask(client, source_behind(client, tunnel(gate.tunnel()), embedded))
        first = until(client, job, "needs_confirmation")
        right = {"fingerprint": first["question"]["fingerprint"]}
        state = flow_run(impatient, first)["state"]
        described = impatient.prefect_api.get(f"/flow_runs/{first['flow_run_id']}/input/{description_key(state)}").text
        assert "Answers are given through the API" in described
        assert answer_in_prefect(impatient, first, right) == "ACCEPT"
        eventually(lambda: (read(client, job)["question"] or {}).get("number") == 2)
        assert client.get("/api/v1/ssh_host_keys").json() == []
        until(client, job, "needs_confirmation")
        said(client, job, "confirm", right)
        assert ended(client, job)["status"] == "done"
        (key,) = client.get("/api/v1/ssh_host_keys").json()
        assert (key["origin"], key["added_by_user_id"]) == ("confirmed", 1)


def description_key(state: dict[str, Any]) -> str:
    """Where Prefect keeps what its UI says of a question."""
    return str(state["state_details"]["run_input_keyset"]["description"])


def test_reading_takes_no_time(impatient: Service, embedded: Server) -> None:
    """A job whose limit is over before it is answered has its whole time again; its worker may be killed meanwhile."""
    with impatient.client() as client:
        keyless = register(client, unique("Read slowly"), options(embedded, password=None))
        job = ask(client, keyless, timeout_seconds=LIMIT)
        until(client, job, "needs_authentication")
        part(impatient, "worker").kill()
        time.sleep(LIMIT + 2)
        ready(client)
        until(client, job, "needs_authentication")
        said(client, job, "authenticate", {"password": PASSWORD})
        assert ended(client, job)["status"] == "done"


def test_prefect_is_away_when_it_is_answered(impatient: Service, embedded: Server) -> None:
    """The answer is taken all the same, and the run goes on when Prefect is there again."""
    with impatient.client() as client:
        ready(client)
        keyless = register(client, unique("Answered to nobody"), options(embedded, password=None))
        job = ask(client, keyless)
        until(client, job, "needs_authentication")
        part(impatient, "prefect").kill()
        assert said(client, job, "authenticate", {"password": PASSWORD})["status"] == "waiting"
        assert ended(client, job)["status"] == "done"
