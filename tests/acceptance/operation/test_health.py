"""Scheduled checks on the real stack: records, changes of state, and schedules that Prefect has."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from http.server import ThreadingHTTPServer
from typing import Any

import httpx
import psycopg
import pytest

from deployments.stack.home import Home
from deployments.stack.postgres import EmbeddedPostgres
from tests.acceptance.kit import IMMEDIATE, RARELY, SOURCES, eventually, finished, options, register, unique
from tests.fixtures.servers.database import PASSWORD, Server, free_port
from tests.fixtures.servers.outage import Database, own_database
from tests.fixtures.service import Service
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


def in_prefect(service: Service, words: dict[str, Any]) -> list[dict[str, Any]]:
    """The schedules that Prefect has with these times: the timetables, whichever sources have them."""
    deployment = service.prefect_api.get("/deployments/name/sweep/health").raise_for_status().json()
    return [
        item | {"place": f"/deployments/{deployment['id']}/schedules/{item['id']}"}
        for item in deployment["schedules"]
        if item["schedule"].items() >= words.items()
    ]


def checks(service: Service, source: int) -> list[dict[str, Any]]:
    """The tasks of its checks in Prefect that have ended, newest first."""
    ended = {"type": {"any_": ["COMPLETED", "FAILED", "CRASHED", "CANCELLED"]}}
    chosen = {"task_runs": {"tags": {"all_": [f"data-source:{source}"]}, "state": ended}, "sort": "END_TIME_DESC"}
    found: list[dict[str, Any]] = service.prefect_api.post("/task_runs/filter", json=chosen).raise_for_status().json()
    return found


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


@pytest.mark.timeout(600)  # ten checks, ten seconds apart, and what Prefect needs to tell of them
def test_a_source_that_goes_down_and_comes_back(service: Service, admin: httpx.Client, database: Database) -> None:
    """Five records in good time; failed after three failures, active after two passes."""
    source = register(admin, unique("Scheduled"), options(database.server))
    made = schedule(admin, source, interval_seconds=10)
    assert (made["interval_seconds"], made["active"], made["cron"]) == (10, True, None)
    eventually(lambda: len(health(admin, source)["health_history"]) >= 5)
    found = eventually(lambda: not (h := health(admin, source, limit=1000))["stale"] and h)
    assert (found["current_status"], found["expected_seconds"]) == ("active", 10)
    newest = valid(admin.get(f"{SOURCES}/{source}"), "DataSource")["last_test"]
    assert [step["result"]["code"] for step in newest["results"]] == ["OK"] * 4  # as its full test has found them
    assert {check["trigger"] for check in found["health_history"]} == {"schedule"}
    assert found["uptime_percentage"] == found["windows"]["24h"]["uptime_percentage"] == 100

    database.stop()
    failed = eventually(lambda: (h := health(admin, source, limit=1000))["current_status"] == "failed" and h)
    verdicts = [check["status"] for check in reversed(failed["health_history"])]
    first = verdicts.index("failed")
    assert verdicts[first : first + 3] == ["failed"] * 3
    assert failed["failure_count_24h"] >= 3
    assert 0 < failed["uptime_percentage"] < 100

    # A new source is tested in full, and so is one when it has failed: by a run of its own, whose report says why.
    full = eventually(lambda: len(found := _full(health(admin, source, limit=1000))) == 2 and found)
    assert [check["status"] for check in full] == ["failed", "active"]
    answer = admin.get(f"{SOURCES}/test/{full[0]['job_id']}").json()
    assert (answer["status"], len(answer["results"])) == ("failed", 4)
    run = service.prefect_api.get(f"/flow_runs/{answer['flow_run_id']}").raise_for_status().json()
    assert (run["state"]["name"], run["name"].startswith("Scheduled")) == ("Unhealthy", True)

    # Its next checks have their timetable's name before they begin.
    planned = {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}, "name": {"any_": ["sweep every 10 s"]}}}
    eventually(lambda: service.prefect_api.post("/flow_runs/filter", json=planned).raise_for_status().json())

    database.start()
    again = eventually(lambda: (h := health(admin, source, limit=1000))["current_status"] == "active" and h)
    assert [check["status"] for check in again["health_history"]][:2] == ["active", "active"]

    down, up = eventually(lambda: len(found := events(service, source)) >= 2 and found)
    assert [down["event"], up["event"]] == ["sourcecheck.data-source.down", "sourcecheck.data-source.up"]
    assert (down["payload"]["was"], down["payload"]["became"]) == ("active", "failed")
    assert (down["payload"]["error_code"], up["payload"]["reason"]) == ("CONNECTION_ERROR", None)
    assert down["payload"]["job_id"] == answer["id"]
    assert up["payload"]["job_id"] != answer["id"]
    assert down["payload"]["reason"]
    assert PASSWORD not in json.dumps([down, up])
    assert down["resource"]["prefect.resource.name"].startswith("Scheduled")

    # One task a check, green or red, named after the source.
    tasks = eventually(lambda: len(found := checks(service, source)) >= 7 and found)
    assert {task["state_name"] for task in tasks} == {"Completed", "Unhealthy"}
    assert all(task["name"].startswith("Scheduled") for task in tasks)
    sweep = service.prefect_api.get(f"/flow_runs/{tasks[0]['flow_run_id']}").raise_for_status().json()
    assert sweep["auto_scheduled"]
    assert sweep["name"] == "sweep every 10 s · 1 source"
    assert admin.delete(f"{SOURCES}/{source}").status_code in (200, 204)
    assert in_prefect(service, {"interval": 10}) == []


def _full(found: dict[str, Any]) -> list[dict[str, Any]]:
    """The checks that had a job."""
    return [check for check in found["health_history"] if check["job_id"] is not None]


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
    """Sources of the same times share one; made, changed and removed here it is so there, and the other way round."""
    source, other = (register(admin, unique("Planned"), options(embedded)) for _ in range(2))
    address = f"{IMMEDIATE}/{source}/health/schedule"
    assert valid(admin.get(address), "ErrorEnvelope", 404)["error_code"] == "NOT_FOUND"
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda each: schedule(admin, each, interval_seconds=3603), (source, other)))
    (there,) = in_prefect(service, {"interval": 3603})
    assert there["active"]
    assert there["parameters"] == {"timetable_id": int(there["slug"].removeprefix("timetable-"))}

    changed = schedule(admin, source, cron="30 4 * * 1-5", timezone="Europe/Berlin")
    assert (changed["cron"], changed["timezone"], changed["active"]) == ("30 4 * * 1-5", "Europe/Berlin", True)
    berlin = {"cron": "30 4 * * 1-5", "timezone": "Europe/Berlin"}
    assert (len(in_prefect(service, berlin)), len(in_prefect(service, {"interval": 3603}))) == (1, 1)
    assert schedule(admin, source, cron="30 4 * * 1-5", timezone="Europe/Berlin", active=False)["active"] is False
    assert in_prefect(service, berlin) == []  # no source of it is to be checked
    assert admin.get(address).json()["data"]["active"] is False

    schedule(admin, source, interval_seconds=3603)
    (there,) = in_prefect(service, {"interval": 3603})
    by_hand = {"active": False, "schedule": {"interval": 7203}}
    service.prefect_api.patch(there["place"], json=by_hand).raise_for_status()
    seen = admin.get(address).json()["data"]
    assert (seen["interval_seconds"], seen["cron"], seen["active"]) == (7203, None, False)
    assert admin.get(f"{IMMEDIATE}/{other}/health/schedule").json()["data"] == seen | {"data_source_id": other}
    service.prefect_api.patch(there["place"], json={"active": True, "schedule": {"interval": 1803}}).raise_for_status()
    for each in (source, other):  # without any client that asks for the schedule
        eventually(lambda each=each: health(admin, each)["expected_seconds"] == 1803)

    service.command("deploy")  # as each start of the stack does
    assert [item["id"] for item in in_prefect(service, {"interval": 1803})] == [there["id"]]
    for each, left in ((source, 1), (other, 0)):
        assert admin.patch(f"{SOURCES}/{each}", json={"is_paused": True}).status_code == 200
        assert len(in_prefect(service, {"interval": 1803})) == left
        assert admin.get(f"{IMMEDIATE}/{each}/health/schedule").json()["data"]["active"] is False
    assert admin.patch(f"{SOURCES}/{source}", json={"is_paused": False}).status_code == 200
    (there,) = in_prefect(service, {"interval": 1803})

    assert admin.delete(f"{IMMEDIATE}/{other}/health/schedule").status_code == 200
    service.prefect_api.delete(there["place"]).raise_for_status()
    assert admin.get(address).status_code == admin.delete(address).status_code == 404


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


def test_late_sweeps_drop_themselves(service: Service, admin: httpx.Client, embedded: Server) -> None:
    """One whose successor is due checks nothing and leaves no record; one that an operator starts by hand goes ahead."""
    source = register(admin, unique("Late"), options(embedded))
    schedule(admin, source, interval_seconds=RARELY)
    (there,) = in_prefect(service, {"interval": RARELY})

    def run(deployment: str, parameters: dict[str, Any], scheduled: str) -> dict[str, Any]:
        asked = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
        asked["state"]["state_details"] = {"scheduled_time": scheduled}
        place = service.prefect_api.get(f"/deployments/name/{deployment}").json()["id"]
        made = service.prefect_api.post(f"/deployments/{place}/create_flow_run", json=asked)
        address = f"/flow_runs/{made.raise_for_status().json()['id']}"
        ended = eventually(
            lambda: (r := service.prefect_api.get(address).json())["state_type"] in ("COMPLETED", "FAILED") and r
        )
        assert isinstance(ended, dict)
        return ended

    late = run("sweep/health", there["parameters"], "2026-01-01T00:00:00Z")
    assert (late["state"]["type"], late["state"]["name"]) == ("COMPLETED", "Dropped")
    assert "newer" in late["state"]["message"]
    assert health(admin, source)["health_history"] == []
    first = datetime.now(UTC).isoformat()
    assert "1 left to full tests" in run("sweep/health", there["parameters"], first)["state"]["message"]
    eventually(lambda: health(admin, source)["health_history"])
    again = run("sweep/health", there["parameters"], first)  # of the same moment, which has been swept
    assert (again["state"]["name"], "has ended" in again["state"]["message"]) == ("Dropped", True)
    now = datetime.now(UTC).isoformat()
    assert run("sweep/health", there["parameters"], now)["state"]["message"].startswith("1 checked: 1 passed")
    assert [check["job_id"] is None for check in health(admin, source)["health_history"]] == [True, False]
    assert admin.patch(f"{SOURCES}/{source}", json={"is_paused": True}).status_code == 200
    assert "paused" in run("check-source/check", {"source_id": source}, now)["state"]["message"]
    assert admin.delete(f"{SOURCES}/{source}").status_code in (200, 204)


def test_uptime_of_checks_by_hand(admin: httpx.Client, embedded: Server) -> None:
    """One of a dead port counts if the request says so, and is shown in any case; those of a live one count.

    `window` is validated.
    """
    live = register(admin, unique("Live"), options(embedded))
    dead = register(admin, unique("Set up"), options(embedded, port=free_port()))
    finished(admin, dead)
    found = health(admin, dead)
    assert (found["uptime_percentage"], found["failure_count_24h"], found["current_status"]) == (None, 1, "failed")
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
