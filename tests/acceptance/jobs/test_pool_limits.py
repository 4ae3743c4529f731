"""What an operator says of the work pool in the Prefect UI counts at once, also for runs a worker is told of by events."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import httpx
import pytest

from tests.acceptance.kit import ask, ended, flow_runs, options, read, register, unique
from tests.fixtures.servers.database import Server
from tests.fixtures.service import Service

POOL = "work_pools/sourcecheck"
MANY = 8
"""Tests that are asked for at once: what is said of one comes while another is being taken up."""


@contextmanager
def changed(service: Service, address: str, after: dict[str, Any], **body: Any) -> Iterator[None]:
    """The pool or its queue is as this says for the length of the block."""
    service.prefect_api.patch(address, json=body).raise_for_status()
    try:
        yield
    finally:
        service.prefect_api.patch(address, json=after).raise_for_status()


@pytest.mark.parametrize("place", [POOL, f"{POOL}/queues/default"])
def test_a_limit(service: Service, admin: httpx.Client, embedded: Server, place: str) -> None:
    """With a limit of one, of the pool or of its queue, one run is under way at a time, and all end."""
    sources = [register(admin, unique("Slow"), options(embedded)) for _ in range(MANY)]
    with (
        changed(service, f"/{place}", {"concurrency_limit": None}, concurrency_limit=1),
        ThreadPoolExecutor(MANY) as threads,
    ):
        jobs = list(threads.map(lambda source: ask(admin, source, test_query="SELECT pg_sleep(0.3)"), sources))
        assert {ended(admin, job)["status"] for job in jobs} == {"done"}
    spans = sorted(under_way(service, job) for job in jobs)
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))


def under_way(service: Service, job: int) -> tuple[str, str]:
    """When the job's run was taken up, and when it ended, as Prefect wrote it down."""
    (run,) = flow_runs(service, job)
    states = service.prefect_api.get("/flow_run_states/", params={"flow_run_id": run["id"]}).json()
    times = {state["type"]: state["timestamp"] for state in states}
    return times["PENDING"], times["COMPLETED"]


def test_a_queue_that_is_paused(service: Service, admin: httpx.Client, embedded: Server) -> None:
    """Nothing is taken up until it goes on, and then at once."""
    place = f"/{POOL}/queues/default"
    with changed(service, place, {"is_paused": False}, is_paused=True):
        job = ask(admin, register(admin, unique("Held"), options(embedded)))
        time.sleep(3)
        assert read(admin, job)["status"] == "waiting"
    assert ended(admin, job)["status"] == "done"
