"""What those who run the service see: readiness by part, figures for Prometheus, log lines with ids."""

import json
import re
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.acceptance.kit import SOURCES, absent, ask, ended, finished, options, read, register, unique
from tests.acceptance.servers import locked_schema
from tests.fixtures.servers.database import PASSWORD, Server, free_port
from tests.fixtures.service import KEY, Service, another_api

Sample = tuple[str, tuple[tuple[str, str], ...]]


def figures(client: httpx.Client) -> dict[Sample, float]:
    """Every sample at `/metrics`, by name and labels."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    families = text_string_to_metric_families(answer.text)
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def figure(found: dict[Sample, float], name: str, **labels: str) -> float:
    """The sum of the samples of this name that have these labels."""
    return sum(v for (n, given), v in found.items() if n == name and labels.items() <= dict(given).items())


def test_jobs_are_counted_by_how_they_ended(admin: httpx.Client, nobody: httpx.Client, embedded: Server) -> None:
    """By status and error code, with the time of each stage; no key is needed."""
    before = figures(nobody)
    good = register(admin, unique("Counted"), options(embedded))
    dead = register(admin, unique("Counted"), options(embedded, port=free_port()))
    assert [finished(admin, source)["status"] for source in (good, dead)] == ["done", "failed"]
    after = figures(nobody)

    def risen(name: str, **labels: str) -> float:
        return figure(after, name, **labels) - figure(before, name, **labels)

    assert risen("sourcecheck_jobs_ended_total", status="done", error_code="", trigger="test") >= 1
    assert risen("sourcecheck_jobs_ended_total", status="failed", error_code="CONNECTION_ERROR") >= 1
    for stage in ("queued", "taken_up", "run", "whole"):
        assert risen("sourcecheck_job_stage_seconds_count", stage=stage) >= 2
    assert risen("sourcecheck_job_stage_seconds_sum", stage="whole") > 0
    assert risen("sourcecheck_http_requests_total", method="POST", status_code="200") >= 4
    assert figure(after, "sourcecheck_catalogue_up") == 1


def test_refusals_are_counted_as_such(nobody: httpx.Client) -> None:
    """A request without a key is a 401 in the figures as well."""
    before = figures(nobody)
    assert nobody.get(SOURCES).status_code == 401
    labels = {"method": "GET", "path": SOURCES, "status_code": "401"}
    name = "sourcecheck_http_requests_total"
    assert figure(figures(nobody), name, **labels) == figure(before, name, **labels) + 1


def test_open_jobs_and_the_age_of_the_queue(admin: httpx.Client, nobody: httpx.Client, embedded: Server) -> None:
    """One is processed, one waits and grows older; nothing of the source shows."""
    with locked_schema(embedded, "gauged") as holder:
        source = register(admin, unique("Not to be seen"), options(embedded), temp_schema="gauged")
        jobs = [ask(admin, source), ask(admin, source, timeout_seconds=99)]
        while read(admin, jobs[0])["status"] != "processing":
            time.sleep(0.1)
        found = figures(nobody)
        assert figure(found, "sourcecheck_jobs_open", status="processing") >= 1
        assert figure(found, "sourcecheck_jobs_open", status="waiting") >= 1
        age = figure(found, "sourcecheck_oldest_waiting_job_seconds")
        time.sleep(1)
        assert figure(figures(nobody), "sourcecheck_oldest_waiting_job_seconds") >= age + 1 > 1
        text = nobody.get("/metrics").text
        holder.execute("ROLLBACK")
        holder.execute("BEGIN")
        assert {ended(admin, job)["status"] for job in jobs} == {"done"}
    absent([KEY, PASSWORD, "Not to be seen", "gauged", f"{SOURCES}/{source}"], text)


def lines(log: Path, job: int) -> list[dict[str, Any]]:
    """The lines of a log about a job, once the last one is written."""
    until = time.monotonic() + 10
    while True:
        every = [json.loads(line) for line in log.read_text().splitlines(keepends=True) if line.endswith("}\n")]
        about = [line for line in every if line.get("job_id") == job]
        if any(line["message"].startswith(("ended", "Finished")) for line in about) or time.monotonic() > until:
            return about
        time.sleep(0.1)


def test_log_lines_of_the_api(service: Service, admin: httpx.Client, embedded: Server) -> None:
    """Each line is one JSON object; those about a job have its id, the source's and the organization's."""
    source = register(admin, unique("Logged"), options(embedded))
    job = finished(admin, source)["id"]
    log = service.home / "logs" / "api.log"
    about = lines(log, job)
    assert [line["message"].split()[0] for line in about] == ["accepted", "handed", "ended"]
    assert {(line["source_id"], line["organization_id"]) for line in about} == {(source, 1)}
    assert about[-1]["status"] == "done"
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00", line["time"]) for line in about)
    absent([KEY, PASSWORD, *(service.home / "secrets").joinpath("secret_keys").read_text().split()], log.read_text())


def test_log_lines_of_a_run(service: Service, good_source: int, good_answer: dict[str, Any]) -> None:
    """The worker's processes write the same way, with the job's id."""
    about = lines(service.home / "logs" / "worker.log", good_answer["id"])
    assert about
    assert {line["source_id"] for line in about} == {good_source}


MISSING = {
    "catalogue": ({"database_url": "postgresql://nobody:{port}@127.0.0.1:{port}/nothing"}, {"catalogue"}),
    "prefect": ({"prefect_api_url": "http://127.0.0.1:{port}/api"}, {"prefect", "worker"}),
    "worker": ({"work_pool": "nobody-works-here"}, {"worker"}),
}


@pytest.mark.parametrize("part", MISSING)
def test_readiness_names_what_is_missing(service: Service, part: str) -> None:
    """503 with each part by name and a sentence; the process lives all the same, and says no 500."""
    settings, missing = MISSING[part]
    port = str(free_port())
    with another_api(service, ready=False, **{n: v.replace("{port}", port) for n, v in settings.items()}) as client:
        answer = client.get("/health/ready")
        assert answer.status_code == 503
        found = answer.json()
        assert {name for name in ("catalogue", "prefect", "worker") if not found[name]} == missing
        assert set(found["problems"]) == missing
        assert all(len(sentence.split()) > 5 for sentence in found["problems"].values())
        assert found["ready"] is False
        assert client.get("/health/live").status_code == 200
        assert figure(figures(client), "sourcecheck_catalogue_up") == (0 if part == "catalogue" else 1)


def test_ready(nobody: httpx.Client) -> None:
    """Everything is there, and there is nothing to say."""
    assert nobody.get("/health/ready").json() == {
        "ready": True,
        "catalogue": True,
        "prefect": True,
        "worker": True,
        "settings": True,
        "runs": True,
        "problems": {},
    }


def test_the_doctor_finds_everything_well(service: Service) -> None:
    """Exit code 0, a line for each part with its time, the settings that hold, and no secret."""
    said = service.command("doctor")
    secrets = [(service.home / "secrets" / name).read_text().strip() for name in ("secret_keys", "postgres_catalogue")]
    absent([KEY, *secrets], said)
    for part in ("catalogue", "Prefect", "API"):
        assert re.search(rf"^{part} +[\d.e+]+ ms ", said, re.MULTILINE), said
    assert "PostgreSQL 18" in said
    assert re.search(r"SOURCECHECK_BOOTSTRAP_KEY +\(set, not shown\) +environment", said)
    assert re.search(r"SOURCECHECK_DATABASE_URL +\(set, not shown\) +local stack", said)
    assert re.search(r"^disk +\d+ MB free", said, re.MULTILINE)
    assert re.search(r"^size +catalogue \d+ [kM]B: \w+ \d+ [kM]B, ", said, re.MULTILINE), said
    assert re.search(r"^size +Prefect's database \d+ [kM]B: \w+ \d+ [kM]B, ", said, re.MULTILINE), said
