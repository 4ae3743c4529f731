"""What tests of questions do again and again."""

import time
from typing import Any

import httpx
import msgspec

from datasources.model.source import SshTunnel
from deployments.stack.home import Home
from deployments.stack.postgres import EmbeddedPostgres
from tests.acceptance.kit import ENDED, PATIENCE, SOURCES, options, read, register, unique
from tests.acceptance.servers import rows_of
from tests.fixtures.servers.database import Server
from tests.fixtures.service import Service
from tests.wire.answers import valid


def tunnel(gateway: SshTunnel, **changes: Any) -> dict[str, Any]:
    """A gateway as it is registered, with no key pinned unless the changes say so; null takes a field away."""
    facts = msgspec.to_builtins(gateway) | {"host_key": None} | changes
    return {name: value for name, value in facts.items() if value is not None}


def source_behind(client: httpx.Client, gateway: dict[str, Any], server: Server, **changes: Any) -> int:
    """A source that is reached through this gateway."""
    return register(client, unique("Behind"), options(server, **changes), ssh_tunnel=gateway)


def until(client: httpx.Client, job: int, status: str) -> dict[str, Any]:
    """The answer once the job has this status."""
    limit = time.monotonic() + PATIENCE
    while (answer := read(client, job))["status"] != status:
        assert answer["status"] not in ENDED, answer
        assert time.monotonic() < limit, answer
        time.sleep(0.1)
    return answer


def say(client: httpx.Client, job: int, verb: str, body: Any = None) -> httpx.Response:
    """Confirm or authenticate."""
    return client.post(f"{SOURCES}/test/{job}/{verb}", json=body)


def said(client: httpx.Client, job: int, verb: str, body: Any = None) -> dict[str, Any]:
    """The same, with success."""
    answer: dict[str, Any] = valid(say(client, job, verb, body), "AsyncDataSourceTestResults")
    return answer


def answer_in_prefect(service: Service, answer: dict[str, Any], run_input: dict[str, Any]) -> str:
    """What the Prefect UI sends when somebody answers there; the word with which Prefect takes it."""
    url = f"/flow_runs/{answer['flow_run_id']}/resume"
    return str(
        service.prefect_api.post(url, json={"run_input": run_input}, timeout=30).raise_for_status().json()["status"]
    )


def flow_run(service: Service, answer: dict[str, Any]) -> dict[str, Any]:
    """The flow run of a job."""
    found: dict[str, Any] = (
        service.prefect_api.get(f"/flow_runs/{answer['flow_run_id']}", timeout=30).raise_for_status().json()
    )
    return found


def everything(service: Service) -> str:
    """Every row of every table of both databases, and every log line."""
    postgres = EmbeddedPostgres(Home(service.home))
    seen = "".join(log.read_text(errors="replace") for log in (service.home / "logs").glob("*"))
    for name in ("catalogue", "prefect"):
        with postgres.conninfo(name).connect() as session:
            seen += rows_of(session)
    return seen
