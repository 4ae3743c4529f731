"""Downloads that schedules ask for: noted when they are due, and made into jobs a few at a time.

So a thousand sources that are due at the same moment hold up no test that a person waits for, and what was noted is
still there after a restart of any part.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Select, and_, delete, exists, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from datasources.catalogue.health.overview import SAVED
from datasources.catalogue.health.own_tests import own_test
from datasources.catalogue.jobs.queue import lock_source
from datasources.catalogue.tables import DataSource, DueDownload, Job
from datasources.health.downloads import Asked, Download, Key, asked_by, is_due, keys_of
from datasources.model.steps import SCHEDULE, steps_of

AT_ONCE = 2
"""Scheduled downloads of one organization that wait or run at the same time."""
WAITING_SECONDS = 3600
"""For how long a job of one waits for a worker at most; then it is forgotten, until its schedule asks again."""
COLUMNS = (DataSource.organization_id, DataSource.fields, DataSource.dialect)
MOST = 50
"""Downloads that are looked at at once."""


async def wanted_keys(session: AsyncSession) -> set[Key]:
    """Every schedule that some source needs now."""
    rows = await session.execute(_scheduled().with_only_columns(*COLUMNS))
    return {key for owner, fields, dialect in rows for key in keys_of(owner, fields, dialect)}


async def asked_downloads(session: AsyncSession, organization_id: int) -> list[tuple[int, Asked]]:
    """Every schedule of downloads that a source of the organization asks for, with the source's id."""
    rows = await session.execute(
        _scheduled().where(DataSource.organization_id == organization_id).with_only_columns(DataSource.id, *COLUMNS)
    )
    return [(source_id, asked) for source_id, _, fields, dialect in rows for asked in asked_by(fields, dialect)]


async def note_due(session: AsyncSession, organization_id: int, slug: str, now: datetime) -> int:
    """Note that the sources of this schedule are due; answers how many. The caller commits."""
    rows = await session.execute(
        _scheduled().where(DataSource.organization_id == organization_id).with_only_columns(DataSource.id, *COLUMNS)
    )
    due = [
        {"source_id": source_id, "download": download.value, "due_at": now}
        for source_id, owner, fields, dialect in rows
        if (download := is_due(slug, owner, fields, dialect)) is not None
    ]
    if due:
        await session.execute(insert(DueDownload).values(due).on_conflict_do_nothing())
    return len(due)


async def begin_due(session: AsyncSession) -> Sequence[Job]:
    """Make jobs of what is due, oldest first, as many as may be. The caller holds the lock for it, and commits.

    A source of which such a download waits or runs already gets no second one.
    """
    rows = (await session.execute(_oldest())).tuples().all()
    open_jobs = await _open_jobs(session, {owner for _, owner in rows})
    taken: list[DueDownload] = []
    for due, owner in rows:
        if open_jobs.get(owner, 0) < AT_ONCE:
            open_jobs[owner] = open_jobs.get(owner, 0) + 1
            taken.append(due)
    begun = []
    for due in sorted(taken, key=lambda due: due.source_id):  # as all do that lock several sources
        await session.delete(due)
        job = await _job(session, due.source_id, Download(due.download))
        if job is not None:
            session.add(job)
            begun.append(job)
            await session.flush()
    return begun


def _oldest() -> Select[tuple[DueDownload, int]]:
    """The oldest of each organization: the many of one do not keep those of another from being looked at."""
    place = func.row_number().over(partition_by=DataSource.organization_id, order_by=DueDownload.due_at)
    ranked = select(DueDownload, DataSource.organization_id, place.label("place")).join(DataSource).subquery()
    due = aliased(DueDownload, ranked)
    chosen = select(due, ranked.c.organization_id).where(ranked.c.place <= AT_ONCE)
    return chosen.order_by(ranked.c.due_at, ranked.c.source_id).limit(MOST)


async def _job(session: AsyncSession, source_id: int, download: Download) -> Job | None:
    source = await lock_source(session, source_id)
    if source is None or source.fields.get("is_paused") or source.fields.get("disable_schema_indexing"):
        return None
    same = select(
        exists().where(Job.source_id == source_id, Job.ended_at.is_(None), Job.steps.contains([download.step]))
    )
    if await session.scalar(same):
        return None
    return own_test(source, steps_of(download.kind), WAITING_SECONDS)


async def _open_jobs(session: AsyncSession, owners: set[int]) -> dict[int, int]:
    """How many jobs of schedules that download something are open, by organization."""
    downloads = or_(*(Job.steps.contains([download.step]) for download in Download))
    open_ = and_(Job.organization_id.in_(owners), Job.ended_at.is_(None), Job.trigger == SCHEDULE, downloads)
    rows = await session.execute(select(Job.organization_id, func.count()).where(open_).group_by(Job.organization_id))
    return dict(rows.tuples().all())


async def forget_due(session: AsyncSession, before: datetime) -> None:
    """Forget what has been due for too long: its schedule has asked again since, or never will."""
    await session.execute(delete(DueDownload).where(DueDownload.due_at < before))


def _scheduled() -> Select[tuple[DataSource]]:
    """Sources that may have a schedule."""
    refreshed = DataSource.dialect["schema_auto_refresh"].as_boolean()
    by_cron = [
        DataSource.fields[name].as_string().is_not(None) for name in ("schema_indexing_schedule", "lineage_schedule")
    ]
    return select(DataSource).where(DataSource.deleted_at.is_(None), SAVED, or_(refreshed, *by_cron))
