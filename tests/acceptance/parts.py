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
    children = psutil.Process(victim.pid).children()
    return next(child for child in children if PARTS[name] in " ".join(child.cmdline()))


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
