"""A pipeline goes on only when a source is healthy: as a task of a Prefect flow, and by an exit code."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from deployments.stack.credential import CLIENT
from tests.acceptance.kit import ask, ended, eventually, options, register, unique
from tests.fixtures.processes import kept
from tests.fixtures.servers.database import Server
from tests.fixtures.service import KEY, Service

FLOW = Path(__file__).with_name("gated_flow.py")
PROGRAM = Path(sys.executable).with_name("sourcecheck")


@pytest.fixture
def environ(service: Service) -> dict[str, str]:
    """The environment of a user whose flows run on the same Prefect server."""
    found = {name: value for name, value in os.environ.items() if not name.startswith(("SOURCECHECK_", "PREFECT_"))}
    return found | {
        "SOURCECHECK_URL": service.api,
        "SOURCECHECK_API_KEY": KEY,
        "PREFECT_API_URL": service.prefect,
        CLIENT: service.credential,
        "PREFECT_RUNNER_POLL_FREQUENCY": "1",
    }


def run(environ: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """A program of the user's, to its end."""
    return subprocess.run(words, env=environ, capture_output=True, text=True, timeout=120, check=False)


def test_the_task_of_a_flow(
    environ: dict[str, str], admin: httpx.Client, embedded: Server, dead_source: int, dead_answer: dict[str, Any]
) -> None:
    """It passes by a test, then by that test's fresh result; a source that is down fails the flow with the reason."""
    name = unique("Gated")
    source = register(admin, name, options(embedded), temp_schema="postgres.scratch")
    passed = run(environ, sys.executable, str(FLOW), "pass", name)
    assert passed.stdout.count(f"loaded {name}") == 2, passed.stderr
    history = admin.get(f"/api/v1/data-sources/{source}/health").json()["data"]["health_history"]
    assert len(history) == 1
    refused = run(environ, sys.executable, str(FLOW), "fail", "Nobody there")
    assert "refused at connection: CONNECTION_ERROR; Check the host and port" in refused.stdout, refused.stderr


def test_a_changed_source_is_tested_again(environ: dict[str, str], admin: httpx.Client, embedded: Server) -> None:
    """What was found before the change says nothing; the exit code of `sourcecheck gate` says how it is now."""
    name = unique("Changed")
    source = register(admin, name, options(embedded))
    ended(admin, ask(admin, source))
    good = run(environ, str(PROGRAM), "gate", name, "--export")
    assert (good.returncode, good.stdout.startswith("export HEALTHY_CHANGED_")) == (0, True), good.stderr
    admin.patch(f"/api/v1/data_sources/{source}", json={"options": {"password": "wrong"}})
    bad = run(environ, str(PROGRAM), "gate", name)
    assert (bad.returncode, "authentication failed" in bad.stdout) == (1, True), bad.stdout + bad.stderr


def test_a_question_suspends_the_flow(
    service: Service, environ: dict[str, str], admin: httpx.Client, embedded: Server
) -> None:
    """The run of a deployment is suspended while the test asks for its password, and goes on once it is answered."""
    name = unique("Asked")
    source = register(admin, name, {k: v for k, v in options(embedded).items() if k != "password"})
    words = [sys.executable, str(FLOW), "serve", name]
    with kept(words, signal.SIGTERM, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
        api = service.prefect_api

        def deployment() -> Any:
            found = api.get("/deployments/name/load/gated")
            return found.json()["id"] if found.status_code == 200 else None

        run_id = api.post(f"/deployments/{eventually(deployment)}/create_flow_run", json={}).json()["id"]

        def state() -> str:
            return str(api.get(f"/flow_runs/{run_id}").json()["state"]["name"])

        eventually(lambda: state() == "Suspended")
        job = ask(admin, source)  # joins the test that asks
        answer = admin.post(
            f"/api/v1/data_sources/test/{job}/authenticate", json={"password": options(embedded)["password"]}
        )
        assert answer.status_code == 200, answer.text
        assert ended(admin, job)["status"] == "done"
        api.post(f"/flow_runs/{run_id}/resume", json={})
        eventually(lambda: state() in ("Completed", "Failed"))
        assert state() == "Completed"
