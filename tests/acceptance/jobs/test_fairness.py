"""One organization's silent sources do not hold up the tests of another (docs/security.md, row 17)."""

from contextlib import suppress

import httpx
import pytest

from tests.acceptance.jobs.test_queue import underway
from tests.acceptance.kit import IMMEDIATE, SOURCES, ask, ended, finished, options, read, register, unique
from tests.fixtures.acceptance import Organization
from tests.fixtures.servers.database import Server
from tests.fixtures.servers.faults import faulty, silent
from tests.fixtures.service import Service

SHARE = 8
"""Tests that one organization may have under way when no other has any: half of the slots of one worker."""
MORE = 3


def test_silent_sources(
    service: Service, admin: httpx.Client, good_source: int, stranger: Organization, embedded: Server
) -> None:
    """Eight of them hang and more wait for their turn; a test of another organization begins and ends meanwhile."""
    with service.client(stranger.key) as client, faulty(embedded.port, silent) as port:
        sources = [register(client, unique("Silent"), options(embedded, port=port)) for _ in range(SHARE + MORE)]
        jobs = [ask(client, source, timeout_seconds=120) for source in sources]
        try:
            for job in jobs[:SHARE]:
                underway(client, job)
            assert finished(admin, good_source)["status"] == "done"
            answers = [read(client, job) for job in jobs]
        finally:
            for job in reversed(jobs):
                with suppress(httpx.HTTPError):
                    client.post(f"{SOURCES}/test/{job}/cancel")
        assert [answer["status"] for answer in answers] == ["processing"] * SHARE + ["waiting"] * MORE
        assert [answer["flow_run_id"] for answer in answers[SHARE:]] == [None] * MORE
        assert {ended(client, job)["status"] for job in jobs} == {"cancelled"}


@pytest.mark.usefixtures("good_answer")
def test_a_job_whose_turn_does_not_come(service: Service, stranger: Organization, embedded: Server) -> None:
    """It says that it was never picked up, and leaves nothing in the history of its source."""
    with service.client(stranger.key) as client, faulty(embedded.port, silent) as port:
        sources = [register(client, unique("Silent"), options(embedded, port=port)) for _ in range(SHARE)]
        jobs = [ask(client, source, timeout_seconds=120) for source in sources]
        for job in jobs:
            underway(client, job)
        source = register(client, unique("Crowded out"), options(embedded))
        answer = finished(client, source, timeout_seconds=1)
        for job in jobs:
            client.post(f"{SOURCES}/test/{job}/cancel")
        assert (answer["status"], answer["flow_run_id"]) == ("failed", None)
        assert "waited for its turn" in answer["reason"]
        health = client.get(f"{IMMEDIATE}/{source}/health").json()["data"]
        assert (health["current_status"], health["health_history"]) == ("inactive", [])
        assert client.get(f"{SOURCES}/{source}").json()["last_test"] is None
