"""The compose file itself, each service in namespaces of its own: replicas that agree, doors that are shut, parts that die."""

import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import psutil
import pytest

from benchmarks.machines.images import missing
from benchmarks.machines.kills import kill_each
from benchmarks.machines.load import SOURCES
from benchmarks.machines.network import why_not
from benchmarks.machines.running import LOCAL, Running, running
from tests.acceptance.kit import ask, ended, read
from tests.fixtures.skips import absent, refused

LISTENING = {
    "postgres": {5432},
    "shop": {5432},
    "redis": {6379},
    "prefect-api-1": {4200},
    "prefect-api-2": {4200},
    "prefect": {4200},
    "api-1": {8000},
    "api-2": {8000},
    "api": {8000},
    "prefect-services": set(),
    "worker-1": set(),
    "worker-2": set(),
}
"""Every part that goes on running, and the ports that others can reach there."""
OPENED = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3).close()
except OSError as error:
    sys.exit(type(error).__name__)
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The whole file, started once for this module."""
    if lacking := missing():
        reason = f"the parts of the compose file cannot run here: {', '.join(lacking)}"
        absent(reason)
    if refusal := why_not():  # no package brings what the system does not allow
        refused(f"the parts of the compose file cannot run here: {refusal}")
    with running() as found:
        yield found


@pytest.fixture(scope="module")
def source(run: Running) -> int:
    """A good source."""
    with run.client() as client:
        return int(client.post(SOURCES, json=run.source("Shared")).raise_for_status().json()["id"])


def test_the_second_api_answers_what_the_first_was_asked(run: Running, source: int) -> None:
    """A client that waits there is answered when the test has ended, and every replica answers the same for ever."""
    with run.client("api-1") as first, run.client("api-2") as second, run.client() as front:
        job = ask(first, source)
        answer = ended(second, job)
        assert answer["status"] == "done", answer
        assert read(first, job) == read(front, job) == answer


def test_a_page_of_the_second_api_tells_of_a_test_asked_of_the_first(run: Running, source: int) -> None:
    """Who has signed in at one replica is known to the other, forms included, and what changes is told by both."""
    with run.client("api-1") as first, httpx.Client(headers=LOCAL, timeout=60, trust_env=False) as browser:
        form = browser.get(f"{run.address('api-1')}/sign-in").text
        token = re.search(r'name="_csrf_token" value="([^"]+)"', form)
        assert token is not None, form
        cookie = {"Cookie": "; ".join(f"{name}={value}" for name, value in browser.cookies.items())}
        given = {"_csrf_token": token[1], "key": run.key}
        signed_in = browser.post(f"{run.address('api-2')}/sign-in", data=given, headers=cookie)
        assert signed_in.status_code == 303, signed_in.text
        session = {"Cookie": "; ".join(f"{name}={value}" for name, value in signed_in.cookies.items())}
        with browser.stream("GET", f"{run.address('api-2')}/sources/{source}/live", headers=session) as stream:
            assert stream.status_code == 200
            lines = stream.iter_lines()
            next(lines)
            job = ask(first, source)
            assert any(f"/tests/{job}" in line for line in lines)
        ended(first, job)


def test_a_key_revoked_at_one_api_is_refused_by_the_other_within_a_second(run: Running) -> None:
    """Even one that it has just answered."""
    with run.client("api-1") as first:
        made = first.post("/api/v1/api_keys", json={"name": "short-lived"}).raise_for_status().json()
        with run.client("api-2", key=made["key"]) as second:
            assert second.get(SOURCES).status_code == 200
            first.delete(f"/api/v1/api_keys/{made['id']}").raise_for_status()
            time.sleep(1)
            assert second.get(SOURCES).status_code == 401


@pytest.mark.parametrize("name", ["prefect-api-1", "prefect-api-2", "prefect"])
def test_no_port_of_prefect_opens_without_the_credential(run: Running, name: str) -> None:
    """Neither at a replica nor in front of them, whatever the path; a name that others have pointed here opens nothing."""
    address = run.prefect_address(name)
    websocket = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    websocket["Sec-WebSocket-Key"] = "dGhlIHNhbXBsZSBub25jZQ=="
    with httpx.Client(headers=LOCAL, timeout=30, trust_env=False) as stranger, run.prefect_client() as known:
        paths = known.get("/openapi.json").raise_for_status().json()["paths"]
        asked = [
            (method.upper(), re.sub(r"{[^}]+}", str(uuid4()), path))
            for path, methods in paths.items()
            for method in methods
            if path.removeprefix("/api") not in ("/health", "/ready")
        ]
        assert len(asked) > 150
        for method, path in asked:
            answer = stranger.request(method, address + path.removeprefix("/api"), json=None if method == "GET" else {})
            assert answer.status_code in (401, 403), (method, path)
        for path in ("/events/in", "/events/out", "/logs/out"):
            assert stranger.get(address + path, headers=websocket).status_code in (401, 403), path
    if name == "prefect":
        assert httpx.get(f"{address}/health", headers={"Host": "evil.example"}, trust_env=False).status_code == 403


@pytest.mark.parametrize(
    ("name", "port"), [("redis", 6379), ("prefect-api-1", 4200), ("prefect-api-2", 4200), ("prefect-services", 4200)]
)
def test_a_worker_reaches_nothing_inside(run: Running, name: str, port: int) -> None:
    """It connects to databases of others: none of them can have it talk to Redis or to a replica of Prefect's API."""
    address = run.cluster.address(name, "inside")
    for target in (address, name):
        with pytest.raises(subprocess.CalledProcessError, match="exit status 1"):
            run.cluster["worker-1"].run("python", "-c", OPENED, target, str(port))
    run.cluster["worker-1"].run("python", "-c", OPENED, "prefect", "4200")


def test_redis_and_the_catalogue_ask_for_passwords(run: Running) -> None:
    """Redis tells nothing without its own, and the catalogue's user does not get into Prefect's database."""
    answer = run.cluster["redis"].run("env", "-u", "REDISCLI_AUTH", "redis-cli", "-h", "redis", "keys", "*")
    assert "NOAUTH" in answer
    address = f"postgresql://catalogue:{run.environ['CATALOGUE_PASSWORD']}@postgres:5432"
    count = "SELECT count(*) FROM pg_database"
    assert run.cluster["postgres"].run("psql", f"{address}/catalogue", "-Atc", count).strip().isdigit()
    with pytest.raises(subprocess.CalledProcessError) as refused:
        run.cluster["postgres"].run("psql", f"{address}/prefect", "-Atc", count)
    assert "permission denied" in refused.value.stderr


def test_nothing_else_can_be_reached(run: Running) -> None:
    """What listens anywhere but on a container's own loopback is what the file is about; all that is published is local."""
    running_parts = {name for name in run.cluster.containers if name not in ("prefect-migrate", "setup")}
    assert {name: listening(run, name) for name in running_parts} == LISTENING
    published = [port for service in run.cluster.services.values() for port in service.ports]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def listening(run: Running, name: str) -> set[int]:
    """Ports on which a container takes connections from others."""
    holder = run.cluster[name].machine.holder
    found = set()
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/{holder}/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *_ = line.split()
            address, _, port = local.rpartition(":")
            loopback = address in ("0100007F", "00000000000000000000000001000000")
            if not loopback and state == ("07" if table.startswith("udp") else "0A"):  # open to all, and not one peer's
                found.add(int(port, 16))
    return found


@pytest.mark.timeout(400)
async def test_parts_that_are_killed_cost_time_and_no_test(run: Running) -> None:
    """Redis, a replica of each API, and a worker with all its processes: every test is done, every check counts once."""
    parts = ("redis", "prefect-api-1", "worker-1", "api-1")
    before = {name: run.cluster[name].starts for name in parts}
    found = await kill_each(run, print, parts, sources=6, swept=3, rest=5)
    assert found.broken == {}
    assert {name: run.cluster[name].starts - before[name] for name in parts} == dict.fromkeys(parts, 1)
    assert all(psutil.pid_exists(run.cluster[name].machine.holder) for name in parts)
