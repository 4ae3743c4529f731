"""The parts of a stack, for tests that kill them."""

import time
from typing import Any

import httpx
import psutil

from tests.fixtures.service import Service

PATIENCE = 150.0
PARTS = {
    "worker": "deployments.cli worker",
    "api": "deployments.cli serve",
    "prefect": "deployments.cli prefect-server",
    "postgres": "bin/postgres",
}
"""How the command line of each part looks."""


def part(victim: Service, name: str) -> psutil.Process:
    """The process of this part."""
    return child_of(psutil.Process(victim.pid), PARTS[name])


def child_of(parent: psutil.Process, words: str) -> psutil.Process:
    """The child whose command line has these words; others may end while it is looked for."""
    return next(child for child in parent.children() if words in " ".join(_command_line(child)))


def _command_line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:  # a zombie is one too
        return []


def patiently(client: httpx.Client, method: str, path: str, **options: Any) -> httpx.Response:
    """Ask until somebody answers; a part that is down answers 503 at most."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            answer = client.request(method, path, **options)
        except httpx.TransportError:
            assert time.monotonic() < until
        else:
            assert answer.status_code in (200, 503), answer.text
            if answer.status_code == 200 or time.monotonic() > until:
                return answer
        time.sleep(0.2)


def ready(client: httpx.Client) -> None:
    """Wait until a test would be taken up."""
    patiently(client, "GET", "/health/ready")
