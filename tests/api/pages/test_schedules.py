"""What happens by itself: shown on one page, changed, paused and removed there or on the page of the source."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest_asyncio
from sqlalchemy import select

from api.timetables import assign
from datasources.catalogue.engine import session_scope
from datasources.catalogue.tables import DataSource, Timetable
from datasources.health.plan import Plan
from tests.api.pages.test_drafts import Editor, editor
from tests.api.pages.test_sign_in import browser, form
from tests.fixtures.api import Client

__all__ = ["browser", "editor"]
HTML = {"Accept": "text/html"}


class Pages(Editor):
    """A person at the page of schedules."""

    async def shown(self) -> str:
        """The page without its markup."""
        page = await self.client.get("/schedules", headers=HTML)
        assert page.status_code == 200
        return " ".join(re.sub(r"<[^>]*>", " ", page.text).split())

    async def press(self, action: str, **fields: str) -> Any:
        """The page behind a button of the page of schedules."""
        token = await form(self.client, "/schedules")
        path = f"/sources/{self.source}/{action}"
        return await self.client.post(path, data=token | {"from": "schedules"} | fields, headers=HTML)


@pytest_asyncio.fixture
async def pages(editor: Editor) -> Pages:
    """Of a source that is checked every five minutes and downloaded at night."""
    async with session_scope(editor.client.app.state.settings) as session:
        row = await session.get_one(DataSource, editor.source)
        await assign(session, row, Plan(interval_seconds=300))
        await session.commit()
    pages = Pages(editor.client, editor.key, editor.source)
    page = await pages.send(
        f"{pages.source}/downloads",
        schema_indexing_schedule="0 3 * * *",
        lineage_schedule=" ",
        schema_auto_refresh="1",
        schema_refresh_interval="7200",
    )
    assert "The times of its downloads are saved." in page.text
    return pages


async def test_every_kind_of_schedule_is_listed(pages: Pages) -> None:
    """Checks first; each says its times, its sources, and where it is edited."""
    shown = await pages.shown()
    kinds = ("Checks every 5 min", "Schema downloads at 0 3 * * * (UTC)", "Schema refreshes every 2 h")
    assert [kind for kind in kinds if f"{kind} 1 source" in shown] == list(kinds)
    assert shown.index(kinds[0]) < min(shown.index(kind) for kind in kinds[1:])
    page = (await pages.client.get("/schedules", headers=HTML)).text
    assert {"schedule", "downloads"} == {*re.findall(rf'href="/sources/{pages.source}#(\w+)"', page)}
    assert "Lineage downloads" not in shown


async def test_a_schedule_is_removed_only_when_that_is_meant(pages: Pages) -> None:
    """A page asks first, and its form leads back to where the person was."""
    for action in ("schedule", "downloads/schema_indexing_schedule"):
        asked = await pages.press(f"{action}/remove")
        assert "Remove the schedule?" in asked.text
        assert f'action="/sources/{pages.source}/{action}/remove"' in asked.text
        assert 'name="from" value="schedules"' in asked.text
        assert 'href="/schedules"' in asked.text
    assert "Schema downloads" in await pages.shown()
    done = await pages.press("downloads/schema_indexing_schedule/remove", sure="1")
    assert done.url.path == "/schedules"
    assert "Schema downloads: the schedule is removed." in done.text
    assert (await pages.read())["schema_indexing_schedule"] is None
    assert "Schema downloads at" not in await pages.shown()
    assert "Schema refreshes every 2 h" in await pages.shown()
    assert (await pages.press("downloads/lineage_schedule/remove")).status_code == 404
    assert (await pages.press("downloads/nothing/remove")).status_code == 422


async def test_schedules_are_paused_and_resumed(pages: Pages) -> None:
    """Each by itself, without Prefect as well; a download that is paused is not forgotten."""
    assert (await pages.press("schedule/pause")).url.path == "/schedules"
    assert (await pages.shown()).count("paused") == 1
    async with session_scope(pages.client.app.state.settings) as session:
        row = await session.get_one(DataSource, pages.source)
        assert (row.checks_paused, Plan.read(row.plan)) == (True, Plan(interval_seconds=300, active=False))
        assert await session.scalar(select(Timetable.id).where(Timetable.id == row.timetable_id))
    assert "are resumed." in (await pages.press("schedule/resume")).text
    for field in ("schema_indexing_schedule", "schema_auto_refresh"):
        await pages.press(f"downloads/{field}/pause")
    assert (await pages.read())["paused_downloads"] == ["schema_indexing_schedule", "schema_auto_refresh"]
    await pages.press("downloads/schema_auto_refresh/resume")
    assert (await pages.read())["paused_downloads"] == ["schema_indexing_schedule"]
    assert (await pages.shown()).count("Resume") == 1


async def test_the_schedules_of_a_paused_source_are_not_resumed(pages: Pages) -> None:
    """It says where that is done."""
    await pages.edit("save", is_paused="1")
    assert (await pages.shown()).count("the source is paused") == 3
    assert "The data source itself is paused" in (await pages.press("schedule/resume")).text


async def test_the_first_verdict_is_awaited(pages: Pages) -> None:
    """The page of a source whose tests have not counted yet says what decides its state."""
    async with session_scope(pages.client.app.state.settings) as session:
        row = await session.get_one(DataSource, pages.source)
        row.last_tested_at = datetime.now(UTC)
        await session.commit()
    for action, sentence in (
        ("schedule/pause", "The next test decides."),
        ("schedule/resume", "The next scheduled check decides."),
    ):
        await pages.press(action)
        page = await pages.client.get(f"/sources/{pages.source}", headers=HTML)
        assert sentence in page.text, action


async def test_times_that_make_no_sense_are_told_at_their_fields(pages: Pages) -> None:
    """All of them, with what was typed."""
    page = await pages.send(
        f"{pages.source}/downloads",
        schema_indexing_schedule="at night",
        lineage_schedule="0 0 31 2 *",
        schema_refresh_interval="5",
    )
    assert page.status_code == 422
    assert 'id="f-schema_refresh_interval-wrong"' in page.text
    page = await pages.send(
        f"{pages.source}/downloads",
        schema_indexing_schedule="at night",
        lineage_schedule="0 0 31 2 *",
        schema_refresh_interval="60",
    )
    assert page.status_code == 422
    assert "at night" in page.text
    for name in ("schema_indexing_schedule", "lineage_schedule"):
        assert f'id="f-{name}-wrong"' in page.text


async def test_a_draft_is_discarded_only_when_that_is_meant(editor: Editor, lone_api: Client) -> None:
    """What was filled in would be lost."""
    await editor.edit("try", tags="b")
    draft = editor.source + 1
    assert "Discard the draft?" in (await editor.send(f"{draft}/remove")).text
    assert "The changes are discarded." in (await editor.send(f"{draft}/remove", sure="1")).text
