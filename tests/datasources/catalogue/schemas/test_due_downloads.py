"""Downloads that schedules ask for: noted, made into jobs a few at a time, never two of a source."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, func, select, update

from datasources.catalogue.health.overview import DRAFT
from datasources.catalogue.schemas.due import AT_ONCE, begin_due, forget_due, note_due, wanted_keys
from datasources.catalogue.tables import DataSource, DueDownload, Job, Organization
from datasources.health.downloads import Key, keys_of
from tests.datasources.catalogue.kit import make_source
from tests.fixtures.catalogue import Sessions

NOW = datetime.now(UTC)
CRON = {"schema_indexing_schedule": "0 3 * * *"}


class Kit:
    """An organization with sources that have schedules."""

    def __init__(self, sessions: Sessions, owner: int) -> None:
        self.sessions, self.owner = sessions, owner

    async def source(self, **fields: Any) -> int:
        source_id = await make_source(self.sessions, self.owner)
        async with self.sessions.begin() as session:
            await session.execute(update(DataSource).where(DataSource.id == source_id).values(fields=fields))
        return source_id

    @property
    def key(self) -> Key:
        return keys_of(self.owner, CRON, {})[0]

    async def note(self) -> int:
        async with self.sessions.begin() as session:
            return await note_due(session, self.owner, self.key.slug, NOW)

    async def begin(self) -> list[tuple[int, list[Any]]]:
        """The source and the steps of each job that is made."""
        async with self.sessions.begin() as session:
            return [(job.source_id, job.steps) for job in await begin_due(session)]

    async def end_jobs(self) -> None:
        async with self.sessions.begin() as session:
            await session.execute(update(Job).where(Job.organization_id == self.owner).values(ended_at=NOW))

    async def due(self) -> int:
        async with self.sessions() as session:
            return await session.scalar(select(func.count()).select_from(DueDownload)) or 0


@pytest.fixture
async def kit(sessions: Sessions) -> Kit:
    """An organization of its own; nothing is due."""
    async with sessions.begin() as session:
        await session.execute(delete(DueDownload))
        owner = Organization(name=f"Downloads {datetime.now(UTC)}")
        session.add(owner)
        await session.flush()
        return Kit(sessions, owner.id)


async def test_a_few_at_a_time(kit: Kit) -> None:
    """As many jobs as may be; the next ones when those have ended."""
    ids = [await kit.source(**CRON) for _ in range(AT_ONCE + 1)]
    assert await kit.note() == AT_ONCE + 1
    steps = ["connection", "version_probe", "schema_download"]
    assert await kit.begin() == [(source_id, steps) for source_id in ids[:AT_ONCE]]
    assert await kit.begin() == []
    await kit.end_jobs()
    assert await kit.begin() == [(ids[-1], steps)]
    assert await kit.due() == 0


async def test_one_of_a_source_at_a_time(kit: Kit) -> None:
    """What waits or runs already is not asked for again, however often its schedule fires."""
    source_id = await kit.source(**CRON)
    assert (await kit.note(), await kit.note(), await kit.due()) == (1, 1, 1)
    assert [found for found, _ in await kit.begin()] == [source_id]
    await kit.note()
    assert (await kit.begin(), await kit.due()) == ([], 0)


async def test_what_is_paused_or_gone_is_not_downloaded(kit: Kit) -> None:
    """Neither noted nor begun; nor is one whose schedule is another one."""
    await kit.source(**CRON, is_paused=True)
    await kit.source(schema_indexing_schedule="0 4 * * *")
    removed, paused = await kit.source(**CRON), await kit.source(**CRON)
    assert await kit.note() == 2
    async with kit.sessions.begin() as session:
        await session.execute(update(DataSource).where(DataSource.id == removed).values(deleted_at=NOW))
        fields = {**CRON, "is_paused": True}
        await session.execute(update(DataSource).where(DataSource.id == paused).values(fields=fields))
    assert (await kit.begin(), await kit.due()) == ([], 0)


async def test_a_draft_has_the_schedule_of_its_source_and_does_not_follow_it(kit: Kit) -> None:
    """It is tested on request, and downloaded at no time."""
    await kit.source(**CRON, created_from=DRAFT)
    async with kit.sessions() as session:
        assert not [key for key in await wanted_keys(session) if key.organization_id == kit.owner]
    assert await kit.note() == 0


async def test_the_schedules_that_are_needed(kit: Kit) -> None:
    """One for all sources with the same times; none for what was removed; what was due long ago is forgotten."""
    for _ in range(3):
        await kit.source(**CRON)
    await kit.source(**CRON, lineage_schedule="0 5 * * *")
    async with kit.sessions() as session:
        wanted = [key for key in await wanted_keys(session) if key.organization_id == kit.owner]
    assert sorted(key.download for key in wanted) == ["lineage", "schema"]
    await kit.note()
    async with kit.sessions.begin() as session:
        await forget_due(session, NOW + timedelta(seconds=1))
    assert await kit.due() == 0
