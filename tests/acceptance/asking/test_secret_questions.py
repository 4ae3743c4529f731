"""needs_authentication: a secret that is not there is asked for, by HTTP, on real servers (contract 2.5)."""

import time
from typing import Any

import httpx
import pytest

from tests.acceptance.kit import (
    SOURCES,
    ask,
    ended,
    finished,
    immediate,
    locations,
    options,
    read,
    register,
    results,
    unique,
)
from tests.acceptance.questions import answer_in_prefect, everything, flow_run, said, say, source_behind, tunnel, until
from tests.fixtures.servers.database import PASSWORD, Server
from tests.fixtures.servers.ssh import GATEWAY_PASSWORD, KEYS, private_text, public_line, running_bastion, running_sshd
from tests.fixtures.service import Service
from tests.wire.answers import valid

CANARY = "g1ven-f0r-th1s-run"


@pytest.fixture(scope="module")
def keyless(admin: httpx.Client, embedded: Server) -> int:
    """A source without its password."""
    return register(admin, unique("Without a password"), options(embedded, password=None))


def test_a_password_for_this_run(service: Service, admin: httpx.Client, keyless: int) -> None:
    """It waits for it, takes it for this run, and asks again in the next one."""
    job = ask(admin, keyless)
    answer = until(admin, job, "needs_authentication")
    question = answer["question"]
    assert (question["kind"], question["of"], question["missing"]) == ("secret", "options", ["password"])
    assert {step["status"] for step in answer["results"]} == {"waiting"}
    assert {step["result"] for step in answer["results"]} == {None}
    assert flow_run(service, answer)["state"]["state_details"]["pause_key"] == "needs-authentication"
    for body, field in (
        ({}, "password"),
        ({"password": ""}, "password"),
        ({"password": None}, "password"),
        ({"password": 1}, "password"),
        ({"password": "***"}, "password"),
        ({"password": "x" * 4097}, "password"),
        ({"password": "x" * 4097, "save": True}, "password"),
        ({"private_key": "x"}, "private_key"),
        ({"password": "x", "passphrase": "y"}, "passphrase"),
        ({"password": "x", "save": "yes"}, "save"),
        ({"fingerprint": "x"}, "fingerprint"),
    ):
        assert locations(say(admin, job, "authenticate", body)) == [["body", field]]
    valid(say(admin, job, "confirm", {}), "Sentence", 409)
    assert said(admin, job, "authenticate", {"password": PASSWORD})["question"] is None
    assert ended(admin, job)["status"] == "done"
    again = ask(admin, keyless)
    until(admin, again, "needs_authentication")
    assert say(admin, again, "cancel").json()["status"] == "cancelled"


def test_a_client_that_waits_is_told_of_the_question(admin: httpx.Client, keyless: int) -> None:
    """`wait` ends with the question, on a second look as well; a request to cancel waits for the end all the same."""
    began = time.monotonic()
    job = ask(admin, keyless)
    answers = [read(admin, job, wait=60) for _ in range(2)]
    assert [answer["status"] for answer in answers] == ["needs_authentication"] * 2
    assert time.monotonic() - began < 60
    assert say(admin, job, "cancel").json()["status"] == "cancelled"


def test_a_password_to_keep(admin: httpx.Client, embedded: Server) -> None:
    """With `save` it is stored; revoked, it is asked for again."""
    source = register(admin, unique("To be kept"), options(embedded, password=None))
    job = ask(admin, source)
    until(admin, job, "needs_authentication")
    said(admin, job, "authenticate", {"password": PASSWORD, "save": True})
    assert ended(admin, job)["status"] == "done"
    assert finished(admin, source)["status"] == "done"
    assert admin.delete(f"{SOURCES}/{source}/secret").status_code == 204
    until(admin, ask(admin, source), "needs_authentication")
    valid(admin.delete(f"{SOURCES}/{2**40}/secret"), "Sentence", 404)


def test_a_wrong_password(service: Service, admin: httpx.Client, keyless: int) -> None:
    """It is asked for three times, then it is a verdict; what was given is in no table, no log and no answer."""
    job = ask(admin, keyless)
    seen = refused_three_times(admin, job, {"password": CANARY})
    answer = ended(admin, job)
    assert (answer["status"], code(answer)) == ("failed", "AUTHENTICATION_FAILED")
    seen += str(answer) + everything(service)
    assert "Without a password" in seen
    assert CANARY not in seen


def test_nobody_to_ask(admin: httpx.Client, keyless: int) -> None:
    """It ends at once with the code."""
    assert code(finished(admin, keyless, on_question="fail")) == "AUTHENTICATION_FAILED"
    assert immediate(admin, keyless)["error_code"] == "AUTHENTICATION_FAILED"


def test_resumed_in_the_prefect_ui(service: Service, admin: httpx.Client, embedded: Server) -> None:
    """A secret is refused there; whoever has stored it with the source meanwhile resumes the run."""
    source = register(admin, unique("Resumed"), options(embedded, password=None))
    job = ask(admin, source)
    first = until(admin, job, "needs_authentication")
    assert answer_in_prefect(service, first, {"password": CANARY}) == "REJECT"
    assert answer_in_prefect(service, first, {}) == "ACCEPT"
    while (second := until(admin, job, "needs_authentication"))["question"]["number"] == 1:
        pass
    assert admin.patch(f"{SOURCES}/{source}", json={"options": {"password": PASSWORD}}).status_code == 200
    assert answer_in_prefect(service, second, {}) == "ACCEPT"
    assert ended(admin, job)["status"] == "done"
    assert CANARY not in everything(service)


def test_a_gateways_password(admin: httpx.Client, embedded: Server) -> None:
    """First the key is confirmed, then the gateway's password is asked for, then the database's; a wrong one fails."""
    with running_bastion() as gate:
        source = source_behind(admin, tunnel(gate.tunnel(password=None)), embedded, password=None)
        job = ask(admin, source)
        question = until(admin, job, "needs_confirmation")["question"]
        said(admin, job, "confirm", {"fingerprint": question["fingerprint"]})
        question = until(admin, job, "needs_authentication")["question"]
        assert (question["of"], question["missing"]) == ("ssh_tunnel", ["password", "private_key"])
        assert locations(say(admin, job, "authenticate", {"passphrase": "x"})) == [["body", "password"]]
        said(admin, job, "authenticate", {"password": GATEWAY_PASSWORD})
        while (question := until(admin, job, "needs_authentication")["question"])["of"] == "ssh_tunnel":
            pass
        assert (question["of"], question["number"]) == ("options", 3)
        said(admin, job, "authenticate", {"password": PASSWORD})
        assert ended(admin, job)["status"] == "done"
        job = ask(admin, source)
        refused_three_times(admin, job, {"password": CANARY})
        assert code(ended(admin, job)) == "SSH_AUTHENTICATION_FAILED"


def test_a_gateways_key_and_passphrase(admin: httpx.Client, embedded: Server) -> None:
    """A key without its passphrase, and no key at all, at a real sshd."""
    locked = private_text(KEYS["ecdsa-256"], passphrase="words")
    with running_sshd() as sshd:
        pinned = {"host_key": sshd.host_keys["ed25519"]}
        source = source_behind(admin, tunnel(sshd.tunnel(), private_key=locked, **pinned), embedded)
        job = ask(admin, source)
        assert until(admin, job, "needs_authentication")["question"]["missing"] == ["passphrase"]
        said(admin, job, "authenticate", {"passphrase": "words"})
        assert ended(admin, job)["status"] == "done"
        bare = source_behind(admin, tunnel(sshd.tunnel(), private_key=None, **pinned), embedded)
        job = ask(admin, bare)
        until(admin, job, "needs_authentication")
        said(admin, job, "authenticate", {"private_key": locked, "passphrase": "words", "save": True})
        assert ended(admin, job)["status"] == "done"
        assert finished(admin, bare)["status"] == "done"
        stored = admin.get(f"{SOURCES}/{bare}").text
        assert "PRIVATE KEY" not in stored
        assert "words" not in stored
        assert public_line(KEYS["ecdsa-256"]) not in stored


def test_a_mistyped_password(admin: httpx.Client, keyless: int) -> None:
    """The next question says that it was refused; the right one then passes, and nothing has failed."""
    before = admin.get(f"{SOURCES}/{keyless}").json()["last_test"]
    job = ask(admin, keyless)
    until(admin, job, "needs_authentication")
    said(admin, job, "authenticate", {"password": CANARY})
    question = asked(admin, job, 2)
    assert question["missing"] == ["password"]
    assert "secret 1 of 3" in question["message"]
    assert admin.get(f"{SOURCES}/{keyless}").json()["last_test"] == before
    said(admin, job, "authenticate", {"password": PASSWORD})
    assert ended(admin, job)["status"] == "done"


def test_a_mistyped_password_that_was_saved(admin: httpx.Client, embedded: Server) -> None:
    """The next one takes its place, also after one that was lent."""
    source = register(admin, unique("Saved twice"), options(embedded, password=None))
    job = ask(admin, source)
    until(admin, job, "needs_authentication")
    for number, body in enumerate(({"password": CANARY, "save": True}, {"password": CANARY}), 2):
        said(admin, job, "authenticate", body)
        asked(admin, job, number)
    said(admin, job, "authenticate", {"password": PASSWORD, "save": True})
    assert ended(admin, job)["status"] == "done"
    assert finished(admin, source)["status"] == "done"


def asked(client: httpx.Client, job: int, number: int) -> dict[str, Any]:
    """The question of this number, once the test asks it."""
    while (question := until(client, job, "needs_authentication")["question"])["number"] != number:
        time.sleep(0.1)
    return dict(question)


def refused_three_times(client: httpx.Client, job: int, body: dict[str, Any]) -> str:
    """Give a wrong secret as often as the test takes one; everything that was answered."""
    seen = ""
    for number in (1, 2, 3):
        seen += str(asked(client, job, number))
        seen += str(said(client, job, "authenticate", body))
    return seen


def code(answer: dict[str, Any]) -> str:
    """Why there is no connection."""
    return str(results(answer)["connection"]["error_code"])
