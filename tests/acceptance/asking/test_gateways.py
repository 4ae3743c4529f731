"""Every SSH code of contract 5, by HTTP, through OpenSSH's sshd and through an asyncssh server."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.acceptance.kit import IMMEDIATE, finished, immediate, options, register, results, unique
from tests.acceptance.questions import source_behind, tunnel
from tests.fixtures.servers.database import Server, free_port
from tests.fixtures.servers.ssh import KEYS, Bastion, Sshd, public_line, running_bastion
from tests.wire.answers import valid

WRONG_SECRET = {"private_key": None, "password": "wr0ng-secret"}
FAULTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "SSH_CONNECTION_ERROR": ({"port": free_port()}, {}),
    "SSH_AUTHENTICATION_FAILED": (WRONG_SECRET, {}),
    "SSH_HOST_KEY_UNKNOWN": ({"host_key": None}, {}),
    "SSH_HOST_KEY_CHANGED": ({"host_key": public_line(KEYS["ed25519"])}, {}),
    "SSH_FORWARD_REFUSED": ({}, {"port": free_port()}),
    "HOST_NOT_FOUND": ({"host": "no-such-gateway.invalid"}, {}),
    "DESTINATION_FORBIDDEN": ({"host": "169.254.169.254"}, {}),
}
"""By code: what is wrong with the gateway, and what with the options."""


@pytest.fixture(scope="module")
def asyncssh_gate() -> Iterator[Bastion]:
    """An asyncssh gateway for all of them."""
    with running_bastion() as gateway:
        yield gateway


@pytest.fixture(scope="module", params=["openssh", "asyncssh"])
def gate(request: pytest.FixtureRequest, sshd: Sshd, asyncssh_gate: Bastion) -> Sshd | Bastion:
    """Each kind of server in turn."""
    return sshd if request.param == "openssh" else asyncssh_gate


def pinned(gate: Sshd | Bastion, **changes: Any) -> dict[str, Any]:
    """A gateway whose key is known."""
    return tunnel(gate.tunnel(), **{"host_key": gate.tunnel().host_key} | changes)


def test_through_a_gateway(admin: httpx.Client, embedded: Server, gate: Sshd | Bastion) -> None:
    """Every step passes, and says that it went through a tunnel; secrets of the gateway are not answered."""
    source = register(
        admin, unique("Through"), options(embedded), ssh_tunnel=pinned(gate), temp_schema="postgres.scratch"
    )
    answer = finished(admin, source)
    assert answer["status"] == "done"
    assert {step["result"]["code"] for step in answer["results"]} == {"OK"}
    connection = results(answer)["connection"]
    assert connection["details"]["ssh_tunnel_established"] is True
    assert connection["details"]["ssh_tunnel"]["established"] is True
    assert 0 < connection["details"]["ssh_tunnel"]["opened_ms"] <= connection["duration_ms"] + 1
    data = immediate(admin, source)
    assert (data["status"], data["ssh_tunnel_established"]) == ("active", True)
    shown = admin.get(f"/api/v1/data_sources/{source}").json()["ssh_tunnel"]
    assert not shown.get("password")
    assert not shown.get("private_key")


@pytest.mark.parametrize("code", FAULTS)
def test_a_fault_of_the_way(admin: httpx.Client, embedded: Server, gate: Sshd | Bastion, code: str) -> None:
    """The connection says no with the code, and nothing else is run; no secret is in the answer."""
    gateway, database = FAULTS[code]
    source = source_behind(admin, pinned(gate, **gateway), embedded, **database)
    answer = finished(admin, source, on_question="fail")
    connection = results(answer)["connection"]
    assert (answer["status"], connection["code"], connection["error_code"]) == ("failed", "ERROR", code)
    assert connection["details"]["stage"] == "ssh"
    assert {(step["status"], step["result"]["code"]) for step in answer["results"][1:]} == {("done", "SKIP")}
    assert "wr0ng-secret" not in str(answer)


def test_a_silent_gateway(admin: httpx.Client, embedded: Server, sshd: Sshd, silent_port: int) -> None:
    """A gateway that accepts and says nothing is TIMEOUT of the stage ssh, in the job's own time."""
    source = source_behind(admin, pinned(sshd, port=silent_port), embedded)
    connection = results(finished(admin, source, timeout_seconds=6))["connection"]
    assert (connection["error_code"], connection["details"]["stage"]) == ("TIMEOUT", "ssh")
    assert connection["details"]["ssh_stage"] == "handshake"
    assert connection["duration_ms"] > 500


def test_a_wrong_password_behind_a_tunnel(admin: httpx.Client, embedded: Server, gate: Sshd | Bastion) -> None:
    """The database's no is its own, and the tunnel was there."""
    data = immediate(admin, source_behind(admin, pinned(gate), embedded, password="wrong"))
    assert (data["error_code"], data["ssh_tunnel_established"]) == ("AUTHENTICATION_FAILED", True)


def test_a_gateway_that_is_lost(admin: httpx.Client, embedded: Server) -> None:
    """While the query runs: the query's failure is the gateway's."""
    with running_bastion() as gate:
        source = source_behind(admin, pinned(gate), embedded)
        answers: list[httpx.Response] = []
        body = {"test_query": "SELECT pg_sleep(60)", "timeout_seconds": 90}
        asking = threading.Thread(target=lambda: answers.append(admin.post(f"{IMMEDIATE}/{source}/test", json=body)))
        asking.start()
        until = time.monotonic() + 60
        with embedded.connect() as session:
            while not session.execute("SELECT 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'").fetchone():
                assert time.monotonic() < until
                time.sleep(0.1)
        gate.cut_from_outside()
        asking.join(90)
    data = valid(answers[0], "ConnectionTest")["data"]
    assert (data["status"], data["connection_successful"], data["error_code"]) == (
        "failed",
        True,
        "SSH_CONNECTION_ERROR",
    )
