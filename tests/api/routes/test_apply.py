"""Sources as a file, on the API alone: one transaction, no secret in a plan, and what is exported applies unchanged."""

from typing import Any

import msgspec
import pytest

from api.timetables import assign
from datasources.catalogue.tables import DataSource
from datasources.health.plan import Plan
from tests.api.routes.sources import OPTIONS, SOURCES, register
from tests.fixtures.api import Client

APPLY = f"{SOURCES}/apply"
SHOP = {"name": "Declared", "type": "pg", "options": OPTIONS, "tags": ["nightly"]}


async def applied(client: Client, *sources: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The answer; no secret is in it."""
    answer = await client.post(APPLY, json={"sources": list(sources), **more})
    assert answer.status_code == 200, answer.text
    assert "canary" not in answer.text
    found: dict[str, Any] = answer.json()
    return found


def actions(answer: dict[str, Any]) -> dict[str, str]:
    """What becomes of each source."""
    return {change["name"]: change["action"] for change in answer["changes"]}


def changed(answer: dict[str, Any], name: str) -> dict[str, tuple[Any, Any]]:
    """The fields of a source that change; a secret is told without its values."""
    (change,) = [change for change in answer["changes"] if change["name"] == name]
    return {f["field"]: ("secret",) if f["secret"] else (f["before"], f["after"]) for f in change["fields"]}


async def names(client: Client) -> set[str]:
    """The sources that there are."""
    return {source["name"] for source in (await client.get(SOURCES)).json()}


async def test_a_dry_run_changes_nothing(lone_api: Client) -> None:
    """It answers what would be, with every field of a new source, and the secret only by its name."""
    plan = await applied(lone_api, SHOP | {"name": "Dry"}, dry_run=True)
    assert (plan["applied"], actions(plan)) == (False, {"Dry": "create"})
    assert changed(plan, "Dry")["options.host"] == (None, "db.example")
    assert changed(plan, "Dry")["options.password"] == ("secret",)
    assert "Dry" not in await names(lone_api)


async def test_the_second_time_nothing_changes(lone_api: Client) -> None:
    """A plan names what differs, and the file is the truth but for secrets that it leaves out."""
    first = await applied(lone_api, SHOP)
    assert actions(first) == {"Declared": "create"}
    assert isinstance(first["changes"][0]["id"], int)
    assert actions(await applied(lone_api, SHOP)) == {"Declared": "unchanged"}
    without = {name: value for name, value in OPTIONS.items() if name != "password"}
    plan = await applied(lone_api, SHOP | {"options": without | {"role": "reader"}, "tags": None})
    assert changed(plan, "Declared") == {"tags": (["nightly"], None), "options.role": (None, "reader")}
    plan = await applied(lone_api, SHOP | {"options": OPTIONS | {"password": "other canary"}})
    assert changed(plan, "Declared")["options.password"] == ("secret",)


async def test_all_or_nothing(lone_api: Client) -> None:
    """Every source at fault is named, with its place in the file; the good one beside them is not registered."""
    broken = [{"name": "A", "type": "pgg", "options": {}}, {"name": "B", "type": "pg", "options": {"hst": "x"}}]
    refused = await lone_api.post(APPLY, json={"sources": [SHOP | {"name": "Good"}, *broken, SHOP | {"name": "Good"}]})
    assert refused.status_code == 422
    found = [error["loc"] for error in refused.json()["detail"]]
    assert found == [
        ["body", "sources", 1, "type"],
        *(["body", "sources", 2, "options", name] for name in ("hst", "host", "user", "dbname")),
        ["body", "sources", 3, "name"],
    ]
    assert "Good" not in await names(lone_api)


async def test_without_prefect_nothing_is_applied(lone_api: Client) -> None:
    """A schedule is part of the plan: when Prefect does not take it, the source is not registered either."""
    scheduled = SHOP | {"name": "Scheduled", "schedule": {"interval_seconds": 300}}
    plan = await applied(lone_api, scheduled, dry_run=True)
    assert changed(plan, "Scheduled")["schedule"] == (None, {"interval_seconds": 300.0})
    refused = await lone_api.post(APPLY, json={"sources": [SHOP | {"name": "Beside"}, scheduled]})
    assert (refused.status_code, refused.json()["detail"]) == (503, "Prefect does not answer; nothing was applied")
    assert not {"Beside", "Scheduled"} & await names(lone_api)


async def test_a_wrong_schedule_has_its_place(lone_api: Client) -> None:
    """As a field of the source."""
    wrong = [{"interval_seconds": 1}, {"interval_second": 60}, {"cron": "* * *"}, "hourly"]
    sources = [SHOP | {"name": f"S{number}", "schedule": schedule} for number, schedule in enumerate(wrong)]
    refused = (await lone_api.post(APPLY, json={"sources": sources})).json()["detail"]
    assert [error["loc"][1:4] for error in refused] == [["sources", number, "schedule"] for number in range(len(wrong))]


async def test_schedules_outside_of_the_file_count(lone_api: Client) -> None:
    """A file can give no more schedules than a request for each could, whatever other sources have (security row 12)."""
    source = await register(lone_api, "Often checked")
    plan = Plan(interval_seconds=10)
    state = lone_api.app.state
    services = state.services
    fewer = msgspec.structs.replace(services.settings, scheduled_tests_per_minute=6)
    async with services.sessions.begin() as session:
        row = await session.get_one(DataSource, source)
        await assign(session, row, plan)
    body = {"sources": [SHOP | {"name": "One more", "schedule": {"interval_seconds": 60}}]}
    state.services = msgspec.structs.replace(services, settings=fewer)
    try:
        refused = await lone_api.post(APPLY, json=body)
    finally:
        state.services = services
        async with services.sessions.begin() as session:
            await assign(session, await session.get_one(DataSource, source), None)
    assert (refused.status_code, "7 tests a minute" in refused.json()["detail"]) == (409, True), refused.text


async def test_a_file_with_more_timetables_than_there_may_be(lone_api: Client) -> None:
    """It is refused before any of them is read, a dry run as well: thousands would hold up everybody (row 12)."""
    crons = [f"{minute} {hour} 29 2 *" for minute in range(50) for hour in range(2)]
    sources = [SHOP | {"name": f"T{cron}", "schedule": {"cron": cron}} for cron in crons]
    refused = await lone_api.post(APPLY, json={"sources": sources, "dry_run": True})
    assert refused.status_code == 422
    assert refused.json()["detail"][0]["msg"] == "The file has 100 cron expressions; the limit is 50"
    same = [source | {"schedule": {"cron": crons[0]}} for source in sources]
    assert len((await applied(lone_api, *same, dry_run=True))["changes"]) == 100


async def test_so_many_errors_of_one_file(lone_api: Client) -> None:
    """The first ones are told, and the rest of the file is not looked at."""
    wrong = [SHOP | {"name": f"W{number}", "lineage_schedule": "0 0 31 2 *"} for number in range(150)]
    refused = await lone_api.post(APPLY, json={"sources": wrong})
    assert (refused.status_code, len(refused.json()["detail"])) == (422, 100)


async def test_a_moved_source_needs_its_secret(lone_api: Client) -> None:
    """A file that leaves the secret out cannot send it to another host (security row 7)."""
    await applied(lone_api, SHOP | {"name": "Moved"})
    elsewhere = {"host": "evil.example", "user": "me", "dbname": "shop"}
    for change in (
        {"options": elsewhere},
        {"options": OPTIONS | {"password": None}, "ssh_tunnel": {"host": "g", "username": "u"}},
    ):
        refused = await lone_api.post(APPLY, json={"sources": [SHOP | {"name": "Moved"} | change]})
        assert refused.json()["detail"][0]["loc"] == ["body", "sources", 0, "options", "password"], refused.text
    again = elsewhere | {"password": "canary of the other host"}
    assert actions(await applied(lone_api, SHOP | {"name": "Moved", "options": again})) == {"Moved": "update"}


async def test_a_type_does_not_change(lone_api: Client) -> None:
    """It would be another source: remove the one, and declare the other."""
    await applied(lone_api, SHOP | {"name": "Typed"})
    refused = await lone_api.post(
        APPLY, json={"sources": [{"name": "Typed", "type": "sqlite", "options": {"path": "x"}}]}
    )
    assert refused.json()["detail"][0]["loc"] == ["body", "sources", 0, "type"]


async def test_prune_and_export(lone_api: Client) -> None:
    """What is exported is what applies unchanged, without secrets; prune removes what a file does not name."""
    await register(lone_api, "Full", temp_schema="scratch", description="two\nlines", view_only=True, down_after=5)
    exported = (await lone_api.get(f"{SOURCES}/export")).json()
    assert "canary" not in str(exported)
    assert exported["secrets"]["Full"] == ["options.password"]
    full = next(source for source in exported["sources"] if source["name"] == "Full")
    assert full == {
        "name": "Full", "type": "pg", "temp_schema": "scratch", "description": "two\nlines", "view_only": True,
        "down_after": 5, "options": {"host": "db.example", "user": "me", "dbname": "shop"},
    }  # fmt: skip
    assert set(actions(await applied(lone_api, *exported["sources"], prune=True)).values()) == {"unchanged"}
    pruned = await applied(lone_api, full, prune=True)
    assert actions(pruned)["Full"] == "unchanged"
    assert set(actions(pruned).values()) == {"unchanged", "remove"}
    assert await names(lone_api) == {"Full"}


@pytest.mark.parametrize("body", ["[]", "{}", '{"sources": {}}', '{"sources": [1]}', '{"sources": [], "prun": true}'])
async def test_what_is_no_list_of_sources(lone_api: Client, body: str) -> None:
    """422, and nothing is removed."""
    refused = await lone_api.post(APPLY, content=body)
    assert refused.status_code == 422


async def test_plans_are_limited(lone_api: Client) -> None:
    """A plan says whether a secret is the stored one: 60 guesses a minute, as slow as tests are (security row 26)."""
    for _ in range(2 * 60 + 1):  # a minute may end in the middle
        refused = await lone_api.post(APPLY, json={"sources": [], "dry_run": True})
        if refused.status_code == 429:
            break
    assert refused.status_code == 429
