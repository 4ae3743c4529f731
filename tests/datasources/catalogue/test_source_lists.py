"""Lists of sources carry no details of what tests found, and show what is going on."""

from datetime import UTC, datetime
from typing import Any

from datasources.catalogue.source_lists import Search, list_sources, search_sources, shown_statuses
from datasources.catalogue.tables import DataSource, Job
from tests.fixtures.catalogue import Sessions

RESULT = {"code": "OK", "message": "Discovered 6 tables", "outcome": "success", "duration_ms": 5}
STEPS = ("connection", "temp_schema", "schema_download", "lineage_download")


def last_test_with(details: dict[str, Any]) -> dict[str, Any]:
    """A `last_test` as it is kept."""
    steps = [{"step": step, "status": "done", "result": RESULT | {"details": details}} for step in STEPS]
    return {"tested_at": "2026-11-25T00:00:00.000000+00:00", "results": [*steps[:3], steps[3] | {"result": None}]}


async def test_lists_have_verdicts_without_details(sessions: Sessions, organization_id: int) -> None:
    """Each step with its result, in order, but for what it found in detail; what is kept stays as it was."""
    kept = {
        "full": last_test_with({"tables": [{"name": "x" * 1000}] * 50}),
        "empty": {"tested_at": "x", "results": []},
        "none": None,
    }
    async with sessions.begin() as session:
        for name, last_test in kept.items():
            session.add(
                DataSource(
                    organization_id=organization_id,
                    name=f"listed {name}",
                    type="pg",
                    options={},
                    fields={},
                    last_test=last_test,
                )
            )
    async with sessions.begin() as session:
        listed = {row.name.removeprefix("listed "): row for row in await list_sources(session, organization_id)}
        found, total = await search_sources(session, organization_id, Search(text="listed "))
        assert (len(found), total) == (3, 3)
        listed["full"].failure_count = 1
    for row in (listed["full"], next(row for row in found if row.name == "listed full")):
        steps = row.last_test["results"] if row.last_test else []
        assert [(step["step"], step["status"], step["result"]) for step in steps] == [
            *((step, "done", RESULT) for step in STEPS[:3]),
            (STEPS[3], "done", None),
        ]
    assert listed["empty"].last_test == kept["empty"]
    assert listed["none"].last_test is None
    async with sessions() as session:
        row = await session.get_one(DataSource, listed["full"].id)
        assert (row.last_test, row.failure_count) == (kept["full"], 1)


NOW = datetime(2026, 11, 26, tzinfo=UTC)


async def test_what_is_going_on_comes_first(sessions: Sessions, organization_id: int) -> None:
    """A source that is being tested, one that is paused, and others as they stand; the filter finds them by that."""
    facts = {"organization_id": organization_id, "type": "pg", "options": {}, "status": "active"}
    job = {"organization_id": organization_id, "source_revision": 1, "trigger": "test", "steps": [], "deadline": NOW}
    runs: dict[str, dict[str, Any]] = {
        "runs": {"started_at": NOW},
        "waits": {},
        "ended": {"started_at": NOW, "ended_at": NOW},
        "rests": {},
    }
    async with sessions.begin() as session:
        for name, times in runs.items():
            source = DataSource(name=f"stands {name}", fields={"is_paused": True} if name == "rests" else {}, **facts)
            session.add(source)
            await session.flush()
            session.add(Job(source_id=source.id, **job, **times))
    async with sessions.begin() as session:
        found, _ = await search_sources(session, organization_id, Search(text="stands "))
        shown = await shown_statuses(session, found)
        names = {row.name.removeprefix("stands "): shown[row.id] for row in found}
        assert names == {"runs": "testing", "waits": "active", "ended": "active", "rests": "maintenance"}
        for name, status in names.items():
            wanted = Search(text="stands ", status=status)
            rows, total = await search_sources(session, organization_id, wanted)
            assert total == len(rows) == list(names.values()).count(status)
            assert f"stands {name}" in [row.name for row in rows]
