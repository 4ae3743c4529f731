"""What the API answers while Prefect's server does not."""

from tests.api.routes.sources import SOURCES, register
from tests.fixtures.api import Client

PAGES = "/api/v1/data-sources"


async def test_a_test_is_accepted_and_waits(lone_api: Client) -> None:
    """Its job is written down; an equal request joins it; it can be cancelled, and then has all its steps."""
    source = await register(lone_api, "Waits")
    asked = await lone_api.post(f"{SOURCES}/{source}/test", json={"test_query": "SELECT 1"})
    joined = await lone_api.post(f"{SOURCES}/{source}/test", json={"test_query": "SELECT 1"})
    assert joined.json() == asked.json()
    assert (asked.headers.get("Sourcecheck-Joined"), joined.headers["Sourcecheck-Joined"]) == (None, "true")
    job = f"{SOURCES}/test/{asked.json()['job_id']}"
    waiting = (await lone_api.get(job)).json()
    assert waiting["status"] == "waiting"
    assert [check["step"] for check in waiting["checks"]] == ["version_probe", "test_query"]
    cancelled = (await lone_api.post(f"{job}/cancel")).json()
    assert cancelled["status"] == "cancelled"
    steps = [*cancelled["results"], *cancelled["checks"]]
    assert {(step["status"], step["result"]["code"]) for step in steps} == {("cancelled", "SKIP")}
    assert len(steps) == 6
    again = await lone_api.post(f"{job}/cancel")
    assert again.status_code == 409


async def test_an_immediate_test_is_503(lone_api: Client) -> None:
    """Within its limit, as nothing can take it up."""
    source = await register(lone_api, "Immediate")
    answer = await lone_api.post(f"{PAGES}/{source}/test", json={"timeout_seconds": 1})
    assert (answer.status_code, answer.json()["error_code"]) == (503, "SERVICE_UNAVAILABLE")


async def test_nothing_is_asked(lone_api: Client) -> None:
    """A test that waits for its turn takes no answers."""
    source = await register(lone_api, "Not asked")
    job = (await lone_api.post(f"{SOURCES}/{source}/test")).json()["job_id"]
    for verb, body in (("confirm", {}), ("authenticate", {"password": "x"})):
        assert (await lone_api.post(f"{SOURCES}/test/{job}/{verb}", json=body)).status_code == 409
    await lone_api.post(f"{SOURCES}/test/{job}/cancel")


async def test_schedules_are_503(lone_api: Client) -> None:
    """Prefect has them; a malformed one is 422, and one that was never made 404 all the same."""
    source = await register(lone_api, "Schedule")
    path = f"{PAGES}/{source}/health/schedule"
    assert (await lone_api.put(path, json={"interval_seconds": 60})).status_code == 503
    assert (await lone_api.get(path)).status_code == 404
    assert (await lone_api.put(path, json={"interval_seconds": 60, "cron": "0 0 * * *"})).status_code == 422


async def test_readiness_names_what_is_missing(lone_api: Client) -> None:
    """The catalogue is there, Prefect is not, and of workers nothing is known; the process lives."""
    ready = await lone_api.get("/health/ready")
    found = ready.json()
    assert (ready.status_code, found["catalogue"], found["prefect"], found["worker"]) == (503, True, False, False)
    assert set(found["problems"]) == {"prefect", "worker"}
    assert (await lone_api.get("/health/live")).json() == {"status": "live"}


async def test_metrics_go_on(lone_api: Client) -> None:
    """Figures come from the catalogue; open jobs are counted by status."""
    source = await register(lone_api, "Counted")
    job = (await lone_api.post(f"{SOURCES}/{source}/test")).json()["job_id"]
    text = (await lone_api.get("/metrics")).text
    assert 'sourcecheck_jobs_open{status="waiting"} 1.0' in text
    assert "sourcecheck_catalogue_up 1.0" in text
    await lone_api.post(f"{SOURCES}/test/{job}/cancel")
