"""More than one machine: two workers serve one pool, and what one of them leaves behind is ended."""

import re
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from datasources.model.settings import Settings
from deployments.stack.local import with_local_defaults
from tests.acceptance.kit import SOURCES, ask, options, read, register, unique
from tests.fixtures.processes import kept
from tests.fixtures.servers.database import Server
from tests.fixtures.service import Service

STACKS_OWN = 8
"""Runs that the stack's own worker takes at the same time."""
JOBS = STACKS_OWN + 4
TAKEN = re.compile(r"Taken by (.*) \(")


@contextmanager
def silent() -> Iterator[int]:
    """A port that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        yield int(listener.getsockname()[1])


def from_elsewhere(service: Service, home: Path) -> dict[str, str]:
    """The environment of a worker on another machine: addresses and keys, and a home that has nothing in it."""
    settings = with_local_defaults(Settings.load(service.environ))
    own = ("SOURCECHECK_", "PREFECT_")
    return {name: value for name, value in service.environ.items() if not name.startswith(own)} | {
        "SOURCECHECK_HOME": str(home),
        "SOURCECHECK_DATABASE_URL": str(settings.database_url),
        "SOURCECHECK_SECRET_KEYS": str(settings.secret_keys),
        "SOURCECHECK_PREFECT_API_URL": str(settings.prefect_api_url),
        "PREFECT_API_AUTH_STRING": service.credential,
        "SOURCECHECK_ALLOW_PRIVATE_NETWORKS": "true",
    }


def taker(service: Service, job: dict[str, Any]) -> str:
    """The worker that has a job's run, by the run's own history; empty when nobody has."""
    if not job["flow_run_id"]:
        return ""
    states = service.prefect_api.get("/flow_run_states/", params={"flow_run_id": job["flow_run_id"]}).json()
    found = [match[1] for state in states if (match := TAKEN.match(state["message"] or ""))]
    return found[-1] if found else ""


def takers(service: Service, admin: httpx.Client, jobs: list[int]) -> dict[int, str]:
    """Who has each job, as soon as all are being processed."""
    until = time.monotonic() + 90
    while True:
        answers = {job: read(admin, job) for job in jobs}
        if all(answer["status"] == "processing" for answer in answers.values()):
            return {job: taker(service, answer) for job, answer in answers.items()}
        assert time.monotonic() < until, {job: answer["status"] for job, answer in answers.items()}
        time.sleep(0.5)


@pytest.mark.timeout(400)
def test_a_second_machine(service: Service, admin: httpx.Client, embedded: Server, tmp_path: Path) -> None:
    """It takes what the first has no room for; killed, its jobs get another run, and those of the first go on."""
    command = [sys.executable, "-m", "deployments.cli", "worker", "--name", "another-machine"]
    environ = from_elsewhere(service, tmp_path / "nothing")
    with (
        silent() as port,
        (tmp_path / "worker.log").open("wb") as log,
        kept(command, env=environ, stdout=log, stderr=log, cwd=tmp_path) as worker,
    ):
        seen_by_prefect(service, "another-machine")
        patient = options(embedded, port=port)
        sources = [register(admin, unique("Silent"), patient, connection_timeout=250) for _ in range(JOBS)]
        jobs = [ask(admin, source, timeout_seconds=250) for source in sources]
        try:
            by_worker = takers(service, admin, jobs)
            assert set(by_worker.values()) == {"local", "another-machine"}
            lost = [job for job, name in by_worker.items() if name == "another-machine"]
            worker.send_signal(signal.SIGKILL)
            answers = [lost_once(admin, job) for job in lost]
            assert {answer["status"] for answer in answers} <= {"waiting", "processing"}
            others = [read(admin, job)["status"] for job in jobs if job not in lost]
            assert others == ["processing"] * (JOBS - len(lost))
        finally:
            for job in jobs:
                admin.post(f"{SOURCES}/test/{job}/cancel")


def lost_once(admin: httpx.Client, job: int) -> dict[str, Any]:
    """The job's answer, as soon as its first attempt was lost."""
    until = time.monotonic() + 150
    while (answer := read(admin, job))["attempts"] == 1:
        assert time.monotonic() < until, answer
        time.sleep(0.5)
    return answer


def seen_by_prefect(service: Service, name: str) -> None:
    """Return when the worker has introduced itself."""
    until = time.monotonic() + 90
    while True:
        workers = service.prefect_api.post("/work_pools/sourcecheck/workers/filter", json={}).json()
        if name in [worker["name"] for worker in workers]:
            return
        assert time.monotonic() < until, workers
        time.sleep(0.3)
