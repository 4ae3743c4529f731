"""needs_confirmation, for the key of an SSH gateway: by HTTP, on real gateways (contract 2.5 and 5)."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.acceptance.kit import ask, ended, finished, immediate, locations, results, statuses
from tests.acceptance.questions import answer_in_prefect, flow_run, said, say, source_behind, tunnel, until
from tests.fixtures.acceptance import Organization
from tests.fixtures.servers.database import Server
from tests.fixtures.servers.ssh import KEYS, Bastion, fingerprint, public_line, running_bastion, running_sshd
from tests.fixtures.service import Service
from tests.wire.answers import valid

KEYS_PATH = "/api/v1/ssh_host_keys"
WRONG = fingerprint(KEYS["rsa"])


@pytest.fixture
def gate() -> Iterator[Bastion]:
    """An asyncssh gateway that nobody knows."""
    with running_bastion() as gateway:
        yield gateway


def test_an_unknown_key_is_asked_about(service: Service, admin: httpx.Client, embedded: Server, gate: Bastion) -> None:
    """It waits and shows what to compare; the exact echo lets it go on and end, and the key is trusted from then on."""
    source = source_behind(admin, tunnel(gate.tunnel()), embedded)
    job = ask(admin, source)
    answer = until(admin, job, "needs_confirmation")
    question = answer["question"]
    assert (question["kind"], question["fingerprint"]) == ("host_key", fingerprint(gate.host_key))
    assert (question["key_type"], question["host"], question["port"]) == ("ssh-ed25519", "127.0.0.1", gate.port)
    assert question["verify"] == f"ssh-keyscan -p {gate.port} 127.0.0.1 | ssh-keygen -lf -"
    assert set(statuses(answer).values()) == {"waiting"}
    assert set(results(answer).values()) == {None}
    state = flow_run(service, answer)["state"]
    assert (state["type"], state["name"], state["state_details"]["pause_key"]) == (
        "PAUSED",
        "Suspended",
        "needs-confirmation",
    )
    assert gate.logins == []

    for body, loc in (
        ({"fingerprint": WRONG}, ["body", "fingerprint"]),
        ({"fingerprint": question["fingerprint"].lower()}, ["body", "fingerprint"]),
        ({"fingerprint": None}, ["body", "fingerprint"]),
        ({"fingerprint": 1}, ["body", "fingerprint"]),
        ({}, ["body", "fingerprint"]),
        ({"confirm": True}, ["body", "confirm"]),
        ({"password": "x"}, ["body", "password"]),
    ):
        assert locations(say(admin, job, "confirm", body)) == [loc]
    valid(say(admin, job, "authenticate", {"password": "x"}), "Sentence", 409)
    assert until(admin, job, "needs_confirmation")["question"] == question

    assert said(admin, job, "confirm", {"fingerprint": question["fingerprint"]})["status"] in ("waiting", "processing")
    valid(say(admin, job, "confirm", {"fingerprint": question["fingerprint"]}), "Sentence", 409)
    answer = ended(admin, job)
    assert answer["status"] == "done"
    assert answer["question"] is None
    assert results(answer)["connection"]["details"]["ssh_tunnel_established"] is True
    valid(say(admin, job, "confirm", {"fingerprint": question["fingerprint"]}), "Sentence", 409)

    (key,) = [key for key in admin.get(KEYS_PATH).json() if key["port"] == gate.port]
    assert (key["fingerprint"], key["origin"], key["job_id"]) == (question["fingerprint"], "confirmed", job)
    user = admin.get("/api/v1/organization/meta").json()["user_id"]
    assert (key["added_by_user_id"], key["key_type"]) == (user, "ssh-ed25519")
    assert finished(admin, source)["status"] == "done"
    assert immediate(admin, source)["ssh_tunnel_established"] is True


def test_openssh(admin: httpx.Client, embedded: Server) -> None:
    """The same with OpenSSH's sshd; when its key is revoked it is asked about again."""
    with running_sshd() as sshd:
        source = source_behind(admin, tunnel(sshd.tunnel()), embedded)
        job = ask(admin, source)
        question = until(admin, job, "needs_confirmation")["question"]
        said(admin, job, "confirm", {"fingerprint": question["fingerprint"]})
        assert ended(admin, job)["status"] == "done"
        (key,) = [key for key in admin.get(KEYS_PATH).json() if key["port"] == sshd.port]
        assert admin.delete(f"{KEYS_PATH}/{key['id']}").status_code == 204
        assert key["id"] not in [known["id"] for known in admin.get(KEYS_PATH).json()]
        (gone,) = [known for known in admin.get(KEYS_PATH, params={"all": True}).json() if known["id"] == key["id"]]
        assert gone["revoked_at"] is not None
        until(admin, ask(admin, source), "needs_confirmation")


def test_a_changed_key_is_no_question(admin: httpx.Client, embedded: Server, gate: Bastion) -> None:
    """SSH_HOST_KEY_CHANGED, whether the key was confirmed, registered or pinned in the source."""
    pinned = source_behind(admin, tunnel(gate.tunnel(), host_key=public_line(KEYS["ed25519"])), embedded)
    assert code(finished(admin, pinned)) == "SSH_HOST_KEY_CHANGED"
    registered = {"host": "127.0.0.1", "port": gate.port, "host_key": public_line(KEYS["ed25519"])}
    assert admin.post(KEYS_PATH, json=registered).status_code == 201
    answer = finished(admin, source_behind(admin, tunnel(gate.tunnel()), embedded))
    assert code(answer) == "SSH_HOST_KEY_CHANGED"
    assert answer["status"] == "failed"
    details = results(answer)["connection"]["details"]
    assert (details["expected"], details["found"]) == (fingerprint(KEYS["ed25519"]), fingerprint(gate.host_key))
    assert {step["result"]["code"] for step in answer["results"][1:]} == {"SKIP"}
    assert gate.logins == []


def test_nobody_to_ask(admin: httpx.Client, service: Service, embedded: Server, gate: Bastion) -> None:
    """With `on_question=fail`, in the request or by the key, it ends at once with the code; so does the immediate test."""
    source = source_behind(admin, tunnel(gate.tunnel()), embedded)
    answer = finished(admin, source, on_question="fail")
    assert (answer["status"], code(answer)) == ("failed", "SSH_HOST_KEY_UNKNOWN")
    assert results(answer)["connection"]["details"]["fingerprint"] == fingerprint(gate.host_key)
    data = immediate(admin, source)
    assert (data["status"], data["error_code"]) == ("failed", "SSH_HOST_KEY_UNKNOWN")
    assert (data["connection_successful"], data["ssh_tunnel_established"]) == (False, False)
    made = service.command("key", "add", "1", "--on-question", "fail").split()[-1]
    with service.client(made) as robot:
        assert code(finished(robot, source)) == "SSH_HOST_KEY_UNKNOWN"
    made = admin.post("/api/v1/api_keys", json={"name": "robot", "on_question": "fail"}).json()["key"]
    with service.client(made) as robot:
        assert code(finished(robot, source)) == "SSH_HOST_KEY_UNKNOWN"
        job = ask(robot, source, on_question="ask")
        until(robot, job, "needs_confirmation")
    assert locations(admin.post("/api/v1/api_keys", json={"name": "x", "on_question": "maybe"})) == [
        ["body", "on_question"]
    ]


def test_an_immediate_test_may_ask(admin: httpx.Client, embedded: Server, gate: Bastion) -> None:
    """It answers `testing` as soon as it has asked, with the code and the job under which the answer is given."""
    source = source_behind(admin, tunnel(gate.tunnel()), embedded)
    data = immediate(admin, source, on_question="ask", timeout_seconds=60)
    assert (data["status"], data["error_code"]) == ("testing", "SSH_HOST_KEY_UNKNOWN")
    question = until(admin, data["job_id"], "needs_confirmation")["question"]
    said(admin, data["job_id"], "confirm", {"fingerprint": question["fingerprint"]})
    assert ended(admin, data["job_id"])["status"] == "done"


def test_answered_in_the_prefect_ui(service: Service, admin: httpx.Client, embedded: Server, gate: Bastion) -> None:
    """A wrong echo there asks again, the right one is pinned; what does not fit the form is refused by Prefect."""
    job = ask(admin, source_behind(admin, tunnel(gate.tunnel()), embedded))
    first = until(admin, job, "needs_confirmation")
    assert answer_in_prefect(service, first, {}) == "REJECT"
    assert answer_in_prefect(service, first, {"fingerprint": "x", "password": "y"}) == "REJECT"
    assert answer_in_prefect(service, first, {"fingerprint": WRONG}) == "ACCEPT"
    while (second := until(admin, job, "needs_confirmation"))["question"]["number"] == 1:
        pass
    assert second["question"]["fingerprint"] == fingerprint(gate.host_key)
    assert flow_run(service, second)["state"]["state_details"]["pause_key"] == "needs-confirmation-2"
    assert [key for key in admin.get(KEYS_PATH).json() if key["port"] == gate.port] == []
    assert answer_in_prefect(service, second, {"fingerprint": second["question"]["fingerprint"]}) == "ACCEPT"
    assert ended(admin, job)["status"] == "done"
    (key,) = [key for key in admin.get(KEYS_PATH).json() if key["port"] == gate.port]
    assert (key["origin"], key["added_by_user_id"], key["job_id"]) == ("prefect", None, job)


def test_cancelled_while_it_asks(admin: httpx.Client, embedded: Server, gate: Bastion) -> None:
    """Whoever does not want to answer cancels; the answer comes too late then."""
    job = ask(admin, source_behind(admin, tunnel(gate.tunnel()), embedded))
    question = until(admin, job, "needs_confirmation")["question"]
    assert say(admin, job, "cancel").json()["status"] == "cancelled"
    valid(say(admin, job, "confirm", {"fingerprint": question["fingerprint"]}), "Sentence", 409)


def test_registered_beforehand(admin: httpx.Client, embedded: Server, gate: Bastion) -> None:
    """A gateway whose fingerprint or key is registered is not asked about; registering twice is 409."""
    body = {"host": "127.0.0.1", "port": gate.port, "host_key": fingerprint(gate.host_key)}
    made = admin.post(KEYS_PATH, json=body)
    assert made.status_code == 201
    assert (made.json()["origin"], made.json()["key_type"]) == ("registered", None)
    valid(admin.post(KEYS_PATH, json=body | {"host_key": public_line(gate.host_key)}), "Sentence", 409)
    assert finished(admin, source_behind(admin, tunnel(gate.tunnel()), embedded))["status"] == "done"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"host_key": "SHA256:short"}, "host_key"),
        ({"host_key": "ssh-dss AAAA"}, "host_key"),
        ({"host_key": ""}, "host_key"),
        ({"host_key": None}, "host_key"),
        ({"host": "a b"}, "host"),
        ({"port": 0}, "port"),
        ({"port": "22"}, "port"),
        ({"more": 1}, "more"),
    ],
)
def test_malformed_keys(admin: httpx.Client, changes: dict[str, Any], field: str) -> None:
    """422 that names the field."""
    body = {"host": "gateway.example", "port": 22, "host_key": WRONG} | changes
    assert locations(admin.post(KEYS_PATH, json=body)) == [["body", field]]


def test_keys_of_others(admin: httpx.Client, service: Service, stranger: Organization) -> None:
    """Another organization's keys are not there: not to see, not to revoke, and trusted by nobody else."""
    body = {"host": "Gateway.example", "port": 22, "host_key": WRONG}
    made = valid(admin.post(KEYS_PATH, json=body), "HostKey", 201)
    assert made["host"] == "gateway.example"
    with service.client(stranger.key) as other:
        assert other.get(KEYS_PATH, params={"all": True}).json() == []
        valid(other.delete(f"{KEYS_PATH}/{made['id']}"), "Sentence", 404)
        theirs = other.post(KEYS_PATH, json=body)
        assert theirs.status_code == 201
    valid(admin.delete(f"{KEYS_PATH}/{2**70}"), "Sentence", 404)
    valid(admin.delete(f"{KEYS_PATH}/x"), "HTTPValidationError", 422)
    assert admin.delete(f"{KEYS_PATH}/{made['id']}").status_code == 204


def code(answer: dict[str, Any]) -> str:
    """Why there is no connection."""
    return str(results(answer)["connection"]["error_code"])
