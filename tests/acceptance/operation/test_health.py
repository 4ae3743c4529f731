"""Scheduled checks on the real stack: records, changes of state, and schedules that Prefect has."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import ThreadingHTTPServer
from typing import Any

import httpx
import psycopg
import pytest

from api.prefect.health_deployments import SOURCES_PER_DEPLOYMENT
from deployments.stack.home import Home
from deployments.stack.postgres import EmbeddedPostgres
from tests.acceptance.kit import IMMEDIATE, SOURCES, eventually, finished, options, register, unique
from tests.fix_database import PASSWORD, Server, free_port
from tests.fix_outage import Database, own_database
from tests.fix_service import Service
from tests.wire.answers import valid

PATIENCE = 150.0
"""Seconds for what takes less than a minute on a machine that has nothing else to do."""


def health(client: httpx.Client, source: int, **query: Any) -> dict[str, Any]:
    """How a source has been."""
    data: dict[str, Any] = valid(client.get(f"{IMMEDIATE}/{source}/health", params=query), "HealthEnvelope")["data"]
    return data


def schedule(client: httpx.Client, source: int, **body: Any) -> dict[str, Any]:
    """Give a source a schedule."""
    answer = client.put(f"{IMMEDIATE}/{source}/health/schedule", json=body)
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


def in_prefect(service: Service, source: int) -> list[dict[str, Any]]:
    """The schedules that Prefect has of a source."""
    chosen = {"flows": {"name": {"any_": ["check-source"]}}, "deployments": {"name": {"like_": "health"}}}
    deployments = service.prefect_api.post("/deployments/filter", json=chosen).raise_for_status().json()
    return [
        item | {"deployment": deployment["id"]}
        for deployment in deployments
        for item in deployment["schedules"]
        if item["slug"] == f"data-source-{source}"
    ]


def runs(service: Service, source: int) -> list[dict[str, Any]]:
    """Its runs in Prefect that have ended, newest first."""
    chosen = {"flow_runs": {"tags": {"all_": [f"data-source:{source}"]}}, "sort": "EXPECTED_START_TIME_DESC"}
    found = service.prefect_api.post("/flow_runs/filter", json=chosen).raise_for_status().json()
    return [run for run in found if run["state_type"] in ("COMPLETED", "FAILED")]


def events(service: Service, source: int) -> list[dict[str, Any]]:
    """What Prefect has stored about a source, oldest first."""
    wanted = {"event": {"prefix": ["sourcecheck."]}, "resource": {"id": [f"data-source.{source}"]}, "order": "ASC"}
    answer = service.prefect_api.post("/events/filter", json={"filter": wanted, "limit": 50})
    found: list[dict[str, Any]] = answer.raise_for_status().json()["events"]
    return found


def emitted(service: Service, source: int, *, forget: bool = False) -> int:
    """How many changes of a source count as sent; none of them does from now on if told so."""
    address = EmbeddedPostgres(Home(service.home)).conninfo("catalogue").url()
    with psycopg.connect(address, autocommit=True) as session:
        if forget:
            session.execute("UPDATE status_changes SET emitted_at = NULL WHERE source_id = %s", [source])
        query = "SELECT count(emitted_at) FROM status_changes WHERE source_id = %s"
        ((count,),) = session.execute(query, [source])
        return int(count)


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    """A database that can be stopped."""
    with own_database() as found:
        yield found


def test_a_source_that_goes_down_and_comes_back(service: Service, admin: httpx.Client, database: Database) -> None:
    """Five records in good time; failed after three failures, active after two passes."""
    source = register(admin, unique("Scheduled"), options(database.server))
    made = schedule(admin, source, interval_seconds=10)
    assert (made["interval_seconds"], made["active"], made["cron"]) == (10, True, None)
    eventually(lambda: len(health(admin, source)["health_history"]) >= 5)
    found = health(admin, source, limit=1000)
    assert (found["current_status"], found["stale"], found["expected_seconds"]) == ("active", False, 10)
    assert {check["trigger"] for check in found["health_history"]} == {"schedule"}
    assert found["uptime_percentage"] == found["windows"]["24h"]["uptime_percentage"] == 100

    database.stop()
    failed = eventually(lambda: (h := health(admin, source, limit=1000))["current_status"] == "failed" and h)
    verdicts = [check["status"] for check in failed["health_history"]]
    assert verdicts[:4] == ["failed", "failed", "failed", "active"]
    assert failed["failure_count_24h"] == 3
    assert 0 < failed["uptime_percentage"] < 100

    database.start()
    again = eventually(lambda: (h := health(admin, source, limit=1000))["current_status"] == "active" and h)
    verdicts = [check["status"] for check in again["health_history"]]
    assert verdicts[:3] == ["active", "active", "failed"]

    down, up = eventually(lambda: len(found := events(service, source)) >= 2 and found)
    assert [down["event"], up["event"]] == ["sourcecheck.data-source.down", "sourcecheck.data-source.up"]
    assert (down["payload"]["was"], down["payload"]["became"]) == ("active", "failed")
    assert (down["payload"]["error_code"], up["payload"]["reason"]) == ("CONNECTION_ERROR", None)
    assert down["payload"]["reason"]
    assert PASSWORD not in json.dumps([down, up])
    assert down["resource"]["prefect.resource.name"].startswith("Scheduled")

    run = eventually(lambda: runs(service, source))[0]
    assert run["auto_scheduled"]
    assert run["name"].endswith(" · schedule")
    assert run["parameters"] == {"source_id": source}
    assert admin.delete(f"{SOURCES}/{source}").status_code in (200, 204)
    assert in_prefect(service, source) == []


def test_alerts_by_webhook(
    service: Service, admin: httpx.Client, embedded: Server, receiver: ThreadingHTTPServer
) -> None:
    """A check that fails, an event, an automation, a receiver: once each, then the same for the recovery."""
    received: list[tuple[str, dict[str, Any]]] = receiver.received  # type: ignore[attr-defined]
    address = f"http://127.0.0.1:{receiver.server_address[1]}/alerts"
    source = register(admin, unique('Alerted "quoted" <b>'), options(embedded), down_after=1, up_after=1)
    words = ("automations", "webhook", address, "--name", f"alerts of {source}", "--source", str(source))
    assert "is made" in service.command(*words)
    assert "up to date" in service.command(*words)
    time.sleep(3)  # Prefect loads a new automation by and by
    finished(admin, source)
    wrong = options(embedded, port=free_port())
    assert admin.patch(f"{SOURCES}/{source}", json={"options": wrong}).status_code == 200
    finished(admin, source)
    eventually(lambda: received)
    path, told = received[0]
    assert (path, told["event"], told["resource"]) == (
        "/alerts",
        "sourcecheck.data-source.down",
        f"data-source.{source}",
    )
    assert (told["payload"]["became"], told["payload"]["error_code"]) == ("failed", "CONNECTION_ERROR")
    assert '"quoted" <b>' in told["name"]
    assert admin.patch(f"{SOURCES}/{source}", json={"options": options(embedded)}).status_code == 200
    finished(admin, source)
    eventually(lambda: len(received) >= 2)
    stored = eventually(lambda: len(found := events(service, source)) >= 2 and found)

    # As after a restart between the sending and the writing down: nothing comes twice.
    eventually(lambda: emitted(service, source) == 2)
    emitted(service, source, forget=True)
    eventually(lambda: emitted(service, source) == 2)
    again = [{k: e[k] for k in ("id", "occurred", "event", "resource", "related", "payload")} for e in stored]
    service.prefect_api.post("/events", json=again).raise_for_status()
    time.sleep(8)  # Prefect stores events within five seconds
    assert [told["event"].rpartition(".")[2] for _, told in received] == ["down", "up"]
    assert [event["id"] for event in events(service, source)] == [event["id"] for event in stored]


def test_a_schedule_is_prefect_s(service: Service, admin: httpx.Client, embedded: Server) -> None:
    """Made, changed and removed here it is so there, and the other way round."""
    source = register(admin, unique("Planned"), options(embedded))
    address = f"{IMMEDIATE}/{source}/health/schedule"
    assert valid(admin.get(address), "ErrorEnvelope", 404)["error_code"] == "NOT_FOUND"
    schedule(admin, source, interval_seconds=3600)
    (there,) = in_prefect(service, source)
    assert (there["schedule"]["interval"], there["active"]) == (3600, True)
    assert there["parameters"] == {"source_id": source}

    changed = schedule(admin, source, cron="30 4 * * 1-5", timezone="Europe/Berlin", active=False)
    assert (changed["cron"], changed["timezone"], changed["active"]) == ("30 4 * * 1-5", "Europe/Berlin", False)
    (there,) = in_prefect(service, source)
    assert (there["schedule"]["cron"], there["schedule"]["timezone"]) == ("30 4 * * 1-5", "Europe/Berlin")
    assert there["active"] is False

    by_hand = {"active": True, "schedule": {"interval": 7200}}
    place = f"/deployments/{there['deployment']}/schedules/{there['id']}"
    service.prefect_api.patch(place, json=by_hand).raise_for_status()
    seen = admin.get(address).json()["data"]
    assert (seen["interval_seconds"], seen["cron"], seen["active"]) == (7200, None, True)
    service.prefect_api.patch(place, json={"schedule": {"interval": 1800}}).raise_for_status()
    eventually(lambda: health(admin, source)["expected_seconds"] == 1800)  # without anybody asking for the schedule

    assert admin.patch(f"{SOURCES}/{source}", json={"is_paused": True}).status_code == 200
    assert [item["active"] for item in in_prefect(service, source)] == [False]
    assert admin.patch(f"{SOURCES}/{source}", json={"is_paused": False}).status_code == 200
    assert [item["active"] for item in in_prefect(service, source)] == [True]

    assert admin.delete(address).status_code == 200
    assert in_prefect(service, source) == []
    assert admin.get(address).status_code == admin.delete(address).status_code == 404


def test_many_schedules_at_once(service: Service, admin: httpx.Client, embedded: Server) -> None:
    """The first schedules of sources that share a new deployment, all asked for at the same moment: none is lost."""
    source = register(admin, unique("First"), options(embedded))
    while source % SOURCES_PER_DEPLOYMENT:
        source = register(admin, unique("First"), options(embedded))
    sources = [source, *(register(admin, unique("Shared"), options(embedded)) for _ in range(11))]
    with ThreadPoolExecutor(len(sources)) as pool:
        list(pool.map(lambda each: schedule(admin, each, interval_seconds=7200), sources))
    assert [len(in_prefect(service, each)) for each in sources] == [1] * len(sources)


def test_deploying_again_keeps_the_schedules(service: Service, admin: httpx.Client, embedded: Server) -> None:
    """As each start of the stack does; it also brings deployments up to date that were made beside the first one."""
    source = register(admin, unique("Kept"), options(embedded))
    while source < SOURCES_PER_DEPLOYMENT:
        source = register(admin, unique("Kept"), options(embedded))
    schedule(admin, source, interval_seconds=3600)
    before = in_prefect(service, source)
    copy = f"/deployments/{before[0]['deployment']}"
    service.prefect_api.patch(copy, json={"description": "an older one", "job_variables": {}}).raise_for_status()
    service.command("deploy")
    (after,) = in_prefect(service, source)
    assert after == before[0]
    now = service.prefect_api.get(copy).json()
    assert now["description"].startswith("Checks a source regularly")
    assert now["job_variables"] == {"timeout": 310}


BAD: list[tuple[dict[str, Any], str]] = [
    ({}, "interval_seconds"),
    ({"interval_seconds": 9}, "interval_seconds"),
    ({"interval_seconds": "often"}, "interval_seconds"),
    ({"interval_seconds": 60, "cron": "* * * * *"}, "interval_seconds"),
    ({"cron": "every day"}, "cron"),
    ({"cron": "* * * * * *"}, "cron"),
    ({"cron": "61 * * * *"}, "cron"),
    ({"cron": "0 0 31 2 *"}, "cron"),
    ({"cron": "0 0 * * *", "timezone": "Mars/Olympus"}, "timezone"),
    ({"interval_seconds": 60, "timezone": "UTC"}, "timezone"),
    ({"interval_seconds": 60, "active": "yes"}, "active"),
    ({"interval_seconds": 60, "jitter": 1}, "jitter"),
]


@pytest.mark.parametrize(("body", "field"), BAD)
def test_bad_schedules(admin: httpx.Client, good_source: int, body: dict[str, Any], field: str) -> None:
    """422 in the envelope, naming the field."""
    answer = admin.put(f"{IMMEDIATE}/{good_source}/health/schedule", json=body)
    assert field in valid(answer, "ErrorEnvelope", 422)["message"]


def test_schedules_of_others(service: Service, stranger: Any, good_source: int) -> None:
    """Not to be seen, made or removed."""
    with service.client(stranger.key) as client:
        address = f"{IMMEDIATE}/{good_source}/health/schedule"
        for answer in (client.get(address), client.put(address, json={"interval_seconds": 60}), client.delete(address)):
            assert valid(answer, "ErrorEnvelope", 404)["error_code"] == "NOT_FOUND"


def test_late_runs_drop_themselves(service: Service, admin: httpx.Client, embedded: Server) -> None:
    """A run whose successor is due checks nothing and leaves no record, nor does one of a source that is paused."""
    source = register(admin, unique("Late"), options(embedded))
    schedule(admin, source, interval_seconds=3600)
    deployment = in_prefect(service, source)[0]["deployment"]

    def run(scheduled: str) -> dict[str, Any]:
        asked = {"parameters": {"source_id": source}, "state": {"type": "SCHEDULED"}}
        asked["state"]["state_details"] = {"scheduled_time": scheduled}
        made = service.prefect_api.post(f"/deployments/{deployment}/create_flow_run", json=asked)
        address = f"/flow_runs/{made.raise_for_status().json()['id']}"
        ended = eventually(
            lambda: (r := service.prefect_api.get(address).json())["state_type"] in ("COMPLETED", "FAILED") and r
        )
        assert isinstance(ended, dict)
        return ended

    late = run("2026-01-01T00:00:00Z")
    assert (late["state"]["type"], late["state"]["name"]) == ("COMPLETED", "Dropped")
    assert "newer" in late["state"]["message"]
    assert health(admin, source)["health_history"] == []
    assert admin.patch(f"{SOURCES}/{source}", json={"is_paused": True}).status_code == 200
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    assert "paused" in run(now)["state"]["message"]
    assert admin.patch(f"{SOURCES}/{source}", json={"is_paused": False}).status_code == 200
    assert run(now)["state"]["name"] == "Completed"
    assert len(eventually(lambda: health(admin, source)["health_history"])) == 1


def test_uptime_of_checks_by_hand(admin: httpx.Client, embedded: Server) -> None:
    """One of a dead port counts if the request says so, and is shown in any case; those of a live one count.

    `window` is validated.
    """
    live = register(admin, unique("Live"), options(embedded))
    dead = register(admin, unique("Set up"), options(embedded, port=free_port()))
    finished(admin, dead)
    found = health(admin, dead)
    assert (found["uptime_percentage"], found["failure_count_24h"], found["current_status"]) == (None, 0, "failed")
    assert [check["counts"] for check in found["health_history"]] == [False]
    for source, uptime, status in ((dead, 0, "failed"), (live, 100, "active")):
        for _ in range(2):
            finished(admin, source, **({"counts": True} if source == dead else {}))
        for window in ("24h", "7d", "30d", "90d"):
            found = health(admin, source, window=window)
            assert (found["uptime_percentage"], found["current_status"], found["window"]) == (uptime, status, window)
            assert found["windows"][window]["uptime_percentage"] == uptime
    assert valid(admin.get(f"{IMMEDIATE}/{live}/health?window=1y"), "ErrorEnvelope", 422)


def test_thresholds_are_the_source_s(admin: httpx.Client, embedded: Server) -> None:
    """Given at registration, changed later, answered; 1 to 100."""
    source = register(admin, unique("Thresholds"), options(embedded), down_after=5)
    assert {k: admin.get(f"{SOURCES}/{source}").json()[k] for k in ("down_after", "up_after")} == {
        "down_after": 5,
        "up_after": 2,
    }
    answer = admin.patch(f"{SOURCES}/{source}", json={"up_after": 1})
    assert (answer.json()["down_after"], answer.json()["up_after"]) == (5, 1)
    assert admin.patch(f"{SOURCES}/{source}", json={"up_after": 0}).status_code == 422


def test_badge(service: Service, nobody: httpx.Client, stranger: Any, admin: httpx.Client, good_source: int) -> None:
    """A picture for those who may see the source, and for nobody else."""
    finished(admin, good_source)
    address = f"{IMMEDIATE}/{good_source}/badge.svg"
    answer = admin.get(address)
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, "image/svg+xml")
    assert "Demo shop: active 100.00 %" in answer.text
    assert nobody.get(address).status_code == 401
    with service.client(stranger.key) as client:
        assert client.get(address).status_code == 404
    assert admin.get(f"{address}?window=now").status_code == 422
