"""What an operator says of the work pool in the Prefect UI counts at once, also for runs a worker is told of by events."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from tests.acceptance.kit import ask, ended, options, read, register, unique
from tests.fix_database import Server
from tests.fix_service import Service

POOL = "work_pools/sourcecheck"


@contextmanager
def changed(address: str, after: dict[str, Any], **body: Any) -> Iterator[None]:
    """The pool or its queue is as this says for the length of the block."""
    httpx.patch(address, json=body).raise_for_status()
    try:
        yield
    finally:
        httpx.patch(address, json=after).raise_for_status()


@pytest.mark.parametrize("place", [POOL, f"{POOL}/queues/default"])
def test_a_limit(service: Service, admin: httpx.Client, embedded: Server, place: str) -> None:
    """With a limit of one, of the pool or of its queue, one run is under way at a time, and all end."""
    with changed(f"{service.prefect}/{place}", {"concurrency_limit": None}, concurrency_limit=1):
        sources = [register(admin, unique("Slow"), options(embedded)) for _ in range(3)]
        jobs = [ask(admin, source, test_query="SELECT pg_sleep(1)") for source in sources]
        most, until = 0, time.monotonic() + 60
        while any(read(admin, job)["status"] in ("waiting", "processing") for job in jobs):
            assert time.monotonic() < until
            running = {"flow_runs": {"state": {"type": {"any_": ["PENDING", "RUNNING"]}}}}
            found = httpx.post(f"{service.prefect}/flow_runs/filter", json=running).json()
            most = max(most, sum(any(f"job:{job}" in run["tags"] for job in jobs) for run in found))
        assert most == 1
        assert {ended(admin, job)["status"] for job in jobs} == {"done"}


def test_a_queue_that_is_paused(service: Service, admin: httpx.Client, embedded: Server) -> None:
    """Nothing is taken up until it goes on, and then at once."""
    place = f"{service.prefect}/{POOL}/queues/default"
    with changed(place, {"is_paused": False}, is_paused=True):
        job = ask(admin, register(admin, unique("Held"), options(embedded)))
        time.sleep(3)
        assert read(admin, job)["status"] == "waiting"
    assert ended(admin, job)["status"] == "done"
