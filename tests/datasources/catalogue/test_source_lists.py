"""Lists of sources carry no details of what tests found."""

from typing import Any

from datasources.catalogue.source_lists import Search, list_sources, search_sources
from datasources.catalogue.tables import DataSource
from tests.fix_catalogue import Sessions

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
