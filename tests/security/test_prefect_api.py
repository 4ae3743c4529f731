"""Prefect's API is no way in: not for another user of this machine, nor for a page in a browser (security row 15)."""

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psutil
import psycopg
import pytest
import websockets

from deployments.stack.credential import FILE
from deployments.stack.probes import probe_prefect
from tests.acceptance.kit import eventually, unique
from tests.acceptance.parts import part
from tests.fixtures.intruder import Answer, Intruder, Request
from tests.fixtures.service import Service

EVIL = {"Host": "evil.example", "Origin": "https://evil.example"}
CSRF = {"Prefect-Csrf-Token": "made-up", "Prefect-Csrf-Client": str(uuid4())}
ODD = (
    "/api/",
    "/api/graphql",
    "/api//flows/",
    "/api/flows/%2e%2e/health",
    "/api/health/../flows/filter",
    "/api/variables/name/health",
    "/api/docs",
    "/api/openapi.json",
    "/api/metrics",
    "/api/static/prefect-logo-mark-gradient.png",
    "/api/admin/version",
    "/api/ui-settings",
)
"""Paths that a router might take for something else."""
ENTRYPOINT = "flows.check_source.check_source"
HEALTH = {("GET", "/api/health"), ("GET", "/api/ready")}
"""What answers without the credential, and says no more than that the server lives."""
WEBSOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def prefect_port(service: Service) -> int:
    """The port of Prefect's server."""
    return httpx.URL(service.prefect).port or 0


def routes(service: Service) -> list[tuple[str, str]]:
    """Every method and path of Prefect's API, with ids that nothing has."""
    described = service.prefect_api.get("/openapi.json").raise_for_status().json()["paths"]
    found = [
        (method.upper(), f"/api{re.sub(r'{[^}]+}', str(uuid4()), path)}")
        for path, methods in described.items()
        for method in methods
    ]
    assert len(found) > 150
    return found


def refused(answers: list[Answer], requests: list[Request]) -> None:
    """Every one is 401 or 403."""
    opened = [
        (*request[1:4], answer[0])
        for request, answer in zip(requests, answers, strict=True)
        if answer[0] not in (401, 403)
    ]
    assert opened == []


@pytest.mark.parametrize(
    "headers", [{}, CSRF, EVIL, {"Authorization": "Basic c291cmNlY2hlY2s6"}], ids=["bare", "csrf", "evil", "wrong"]
)
def test_every_request_without_the_credential(service: Service, intruder: Intruder, headers: dict[str, str]) -> None:
    """401 or 403, whatever the path, the method and the headers; only the signs of life answer."""
    port = prefect_port(service)
    paths = [*routes(service), *((method, path) for path in ODD for method in ("GET", "POST"))]
    requests: list[Request] = [
        (port, method, path, headers, None if method == "GET" else "{}")
        for method, path in paths
        if (method, path) not in HEALTH
    ]
    refused(intruder.ask(*requests), requests)


@pytest.mark.parametrize(
    "path", ["/api/events/in", "/api/events/out", "/api/logs/out", "/api/task_runs/subscriptions/scheduled"]
)
def test_no_websocket_without_the_credential(service: Service, intruder: Intruder, path: str) -> None:
    """The handshake is refused; with Prefect's own subprotocol, the first message has to bring the credential."""
    (answer,) = intruder.ask((prefect_port(service), "GET", path, WEBSOCKET, None))
    assert answer[0] in (401, 403)


async def test_a_websocket_with_a_wrong_credential(service: Service) -> None:
    """It is closed after the first message, and nothing was told."""
    address = f"{service.prefect.replace('http', 'ws', 1)}/events/out"
    async with websockets.connect(address, subprotocols=[websockets.Subprotocol("prefect")]) as socket:
        await socket.send(json.dumps({"type": "auth", "token": "sourcecheck:wrong"}))
        with pytest.raises(websockets.ConnectionClosedError) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008


def test_the_signs_of_life_answer(service: Service, intruder: Intruder) -> None:
    """A probe needs no credential."""
    answers = intruder.ask(*((prefect_port(service), method, path, {}, None) for method, path in sorted(HEALTH)))
    assert [answer[0] for answer in answers] == [200, 200]


def test_the_code_of_another_user_is_not_run(service: Service, intruder: Intruder) -> None:
    """The first request towards a deployment of one's own is refused already, as a page's and as a program's."""
    port = prefect_port(service)
    body = json.dumps({"name": "redflow"})
    requests: list[Request] = [(port, "POST", "/api/flows/", headers, body) for headers in ({}, EVIL, CSRF)]
    refused(intruder.ask(*requests), requests)


@pytest.mark.parametrize("method", ["OPTIONS", "GET", "POST"])
def test_pages_of_other_sites_are_turned_away(service: Service, intruder: Intruder, method: str) -> None:
    """No preflight allows them anything, whether they come by our own address or by a name of theirs."""
    port = prefect_port(service)
    preflight = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    for extra in ({"Origin": EVIL["Origin"]}, EVIL, EVIL | CSRF):
        (answer,) = intruder.ask((port, method, "/api/health", preflight | extra, None))
        assert answer[0] == 403
        assert "access-control-allow-origin" not in answer[1]


def test_an_unknown_host_is_refused_everywhere(service: Service, intruder: Intruder) -> None:
    """Neither server answers under a name that somebody else has pointed here (DNS rebinding), not even its pages."""
    api = httpx.URL(service.api).port or 0
    asked = [
        (api, "/health/live"),
        (api, "/docs"),
        (api, "/metrics"),
        (prefect_port(service), "/"),
        (prefect_port(service), "/ui-settings"),
    ]
    for host, right in (
        ("evil.example", 403),
        ("evil.example:8000", 403),
        ("127.0.0.1.evil.example", 403),
        ("10.0.0.1", 403),
        ("localhost", 200),
    ):
        answers = intruder.ask(*((port, "GET", path, {"Host": host}, None) for port, path in asked))
        assert {(host, answer[0]) for answer in answers} == {(host, right)}


def test_the_ui_is_its_owner_s(service: Service) -> None:
    """The page opens, says that it asks for a credential, and with it reads and writes by its own origin."""
    ui = service.prefect.removesuffix("/api")
    assert "<html" in httpx.get(f"{ui}/", headers={"Accept": "text/html"}, follow_redirects=True).text
    settings = httpx.get(f"{ui}/ui-settings").json()
    assert (settings["auth"], settings["csrf_enabled"], settings["api_url"]) == ("BASIC", True, service.prefect)
    answer = service.prefect_api.post("/flows/count", json={}, headers={"Origin": ui})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, ui)
    assert (service.home / "secrets" / FILE).stat().st_mode & 0o777 == 0o600


def test_other_users_reach_no_file_of_the_stack(service: Service, intruder: Intruder) -> None:
    """Nothing below the home can be read, written, locked or even seen, nor the home be entered."""
    paths = [service.home, *service.home.rglob("*")]
    assert {"lock", FILE, "worker.log", "postmaster.pid"} <= {path.name for path in paths}
    assert intruder.use(paths) in ({str(service.home): ["stat"]}, {})  # nothing, where the folder above is closed, too
    assert service.home.stat().st_mode & 0o007 == 0
    assert (service.home / "lock").stat().st_mode & 0o777 == 0o600


def test_every_port_asks_who_is_there(service: Service, intruder: Intruder) -> None:
    """The stack listens on three ports of the loopback, each of which wants a secret: HTTP twice, and PostgreSQL."""
    listening = set()
    for process in (psutil.Process(service.pid), *psutil.Process(service.pid).children(recursive=True)):
        with suppress(psutil.NoSuchProcess):  # a session of PostgreSQL's has ended meanwhile
            found = process.net_connections("inet")
            listening |= {each.laddr for each in found if each.status == psutil.CONN_LISTEN}
    assert {address.ip for address in listening} == {"127.0.0.1"}
    postgres = json.loads((service.home / "postgres.json").read_text())
    http = {httpx.URL(service.api).port, prefect_port(service)}
    assert {address.port for address in listening} == {postgres, *http}
    answers = intruder.ask(
        (httpx.URL(service.api).port or 0, "GET", "/api/v1/data_sources", {}, None),
        (prefect_port(service), "GET", "/api/work_pools/sourcecheck", {}, None),
    )
    assert [answer[0] for answer in answers] == [401, 401]
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(host="127.0.0.1", port=postgres, user="postgres", dbname="postgres", password="guessed")


def deployed(service: Service, **facts: Any) -> str:
    """A deployment that a client with the credential makes on our pool, and answers its id."""
    flow = service.prefect_api.post("/flows/", json={"name": unique("red")}).raise_for_status().json()["id"]
    wanted = {
        "name": unique("red"),
        "flow_id": flow,
        "work_pool_name": "sourcecheck",
        "enforce_parameter_schema": False,
    }
    made = service.prefect_api.post("/deployments/", json=wanted | facts)
    return str(made.raise_for_status().json()["id"])


def ended_run(service: Service, deployment: str, **asked: Any) -> dict[str, Any]:
    """A run of it, once it has ended."""
    made = service.prefect_api.post(f"/deployments/{deployment}/create_flow_run", json=asked)
    address = f"/flow_runs/{made.raise_for_status().json()['id']}"
    final = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
    found = eventually(lambda: (run := service.prefect_api.get(address).json())["state_type"] in final and run)
    assert isinstance(found, dict)
    return found


def foreign(folder: Path) -> dict[str, dict[str, Any]]:
    """Deployments that would write a file named `red`."""
    script = folder / "evil.py"
    script.write_text(
        f"import pathlib\npathlib.Path({str(folder / 'red')!r}).touch()\nfrom prefect import flow\n@flow\ndef evil(): ...\n"
    )
    shell = {"prefect.deployments.steps.run_shell_script": {"script": f"touch {folder / 'red'}"}}
    return {
        "pull_steps": {"entrypoint": ENTRYPOINT, "pull_steps": [shell]},
        "a file": {"entrypoint": f"{script}:evil", "path": str(folder)},
        "a module": {"entrypoint": "evil.evil", "path": str(folder)},
        "no entrypoint": {"pull_steps": [shell]},
    }


@pytest.mark.parametrize("kind", foreign(Path("/tmp")))
def test_the_worker_runs_no_foreign_code(service: Service, kind: str, tmp_path: Path) -> None:
    """With the credential as well: the run ends as refused, its message says why, and nothing was run."""
    found = ended_run(service, deployed(service, **foreign(tmp_path)[kind]))
    assert (found["state"]["type"], found["state"]["name"]) == ("CRASHED", "Refused")
    assert found["state"]["message"].startswith("This worker runs")
    assert not (tmp_path / "red").exists()


VARIABLES: list[dict[str, Any]] = [
    {"env": {"SOURCECHECK_ALLOW_PRIVATE_NETWORKS": "true"}},
    {"command": "touch /tmp/red"},
    {"env": {"LD_PRELOAD": "/tmp/red.so"}, "timeout": 5},
]


@pytest.mark.parametrize("variables", VARIABLES, ids=["policy", "command", "preload"])
def test_job_variables_change_no_setting(service: Service, dead_source: int, variables: dict[str, Any]) -> None:
    """Whether the run brings them or its deployment does."""
    ours = service.prefect_api.get("/deployments/name/check-source/check").raise_for_status().json()["id"]
    by_run = ended_run(service, ours, parameters={"source_id": dead_source}, job_variables=variables)
    theirs = deployed(service, entrypoint=ENTRYPOINT, job_variables=variables)
    by_deployment = ended_run(service, theirs, parameters={"source_id": dead_source})
    for found in (by_run, by_deployment):
        assert found["state"]["name"] == "Refused"
        assert "takes only the job variables deadline and timeout" in found["state"]["message"]


def test_the_processes_of_runs_hold_no_key_in_their_environment(service: Service, good_answer: dict[str, Any]) -> None:
    """Neither the fork server nor a process that has run a test; the settings reached them another way."""
    names: list[set[str]] = []
    for process in part(service, "worker").children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # it has ended meanwhile
            names.append({*process.environ()})
    assert len(names) > 1
    for found in names:
        assert {
            name for name in found if name.startswith("SOURCECHECK_") or "AUTH" in name or "DATABASE" in name
        } == set()
    assert good_answer["status"] == "done"


async def test_a_missing_or_wrong_credential_is_named(service: Service) -> None:
    """Before anything is started beside an existing server, and by `doctor`; the credential itself is not repeated."""
    found = {
        credential: (await probe_prefect("Prefect", service.prefect, credential)).says
        for credential in (service.credential, "sourcecheck:wrong", None)
    }
    place = f"127.0.0.1:{prefect_port(service)}"
    assert found == {
        service.credential: "Prefect is healthy",
        "sourcecheck:wrong": f"{place} refuses the credential in PREFECT_API_AUTH_STRING",
        None: f"{place} asks for a credential: set PREFECT_API_AUTH_STRING",
    }


def test_commands_beside_the_stack_log_in(service: Service) -> None:
    """They find the credential by the home, and send it to this stack's server alone."""
    assert "Prefect is healthy" in service.command("doctor")
