"""Whose turn it is: one test of a source runs at a time, and organizations share the slots fairly.

A job that waits for an answer runs nothing, for up to a day, so it has no slot and holds up no other job.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from msgspec import Struct
from sqlalchemy import Select, and_, bindparam, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from datasources.catalogue.locks import Lock, wait_for
from datasources.catalogue.tables import MAX_ID, DataSource, Job, SourceCheck
from datasources.model.slots import Waiting, may_take, share_out

OPEN = Job.ended_at.is_(None)
HAND_OVER = timedelta(seconds=5)
"""What the process that gave a job its slot has to hand it over in; then any other one does."""


async def lock_source(session: AsyncSession, source_id: int, organization_id: int | None = None) -> DataSource | None:
    """The source as it is now, None when it was removed; until the caller commits, no other transaction queues for it.

    With an organization, it is None as well when that one does not have it.

    Every transaction that adds a job takes this lock first: ids ascend in the order in which jobs become visible.
    """
    if not 0 < source_id <= MAX_ID:
        return None
    chosen = select(DataSource).where(DataSource.id == source_id, DataSource.deleted_at.is_(None))
    if organization_id is not None:
        chosen = chosen.where(DataSource.organization_id == organization_id)
    chosen = chosen.with_for_update(key_share=True)  # a finished job that refers to the source need not wait for us
    return (await session.execute(chosen.execution_options(populate_existing=True))).scalar_one_or_none()


async def queue_of(session: AsyncSession, source_id: int) -> Sequence[Job]:
    """The open jobs of a source, oldest first."""
    return (await session.scalars(select(Job).where(Job.source_id == source_id, OPEN).order_by(Job.id))).all()


async def claimed_until(session: AsyncSession, source_id: int) -> datetime | None:
    """Until when a sweep has claimed the source; None when none has."""
    return await session.scalar(_CLAIM, {"source_id": source_id})


class Ahead(Struct, frozen=True):
    """What a new test of a source comes behind."""

    jobs: Sequence[Job]
    """The open jobs of the source, oldest first."""
    claimed: bool
    """Whether a sweep is checking the source."""
    waiting: int
    """Jobs of the organization that have been accepted and not begun."""


async def ahead_of_new(session: AsyncSession, source: DataSource) -> Ahead:
    """What a new test of this source would come behind, in one query; the caller has locked the source."""
    found = await session.execute(_AHEAD, {"source_id": source.id, "organization_id": source.organization_id})
    rows = found.all()  # one row, without a job, where there is none
    return Ahead([job for job, _, _ in rows if job is not None], claimed=rows[0][1], waiting=rows[0][2])


async def give_slots(session: AsyncSession, slots: int, lost_before: datetime) -> Sequence[int]:
    """Give free slots to jobs whose turn it is, fairly between organizations; answers the ids of those jobs.

    `dispatched_at` marks a job that has one. Of several processes one chooses at a time, until the caller commits. A
    claim of a sweep that held until `lost_before` and no longer has lost its owner, and holds up no job.
    """
    await wait_for(session, Lock.SLOTS)
    waiting = [Waiting(*row) for row in await session.execute(_WAITING_FOR_A_SLOT, {"lost_before": lost_before})]
    given = share_out(waiting, await slots_held(session), slots) if waiting else []
    if given:
        await session.execute(update(Job).where(Job.id.in_(given), OPEN).values(dispatched_at=func.now()))
    return given


async def may_begin(session: AsyncSession, organization_id: int, slots: int) -> bool:
    """Whether a run that is under way already may have a slot; until the caller commits, no other is given."""
    await wait_for(session, Lock.SLOTS)
    held = await slots_held(session)
    return may_take(held.get(organization_id, 0), slots - sum(held.values()))


async def slots_held(session: AsyncSession) -> dict[int, int]:
    """How many slots each organization holds: a job has its slot until it ends, or asks something."""
    return {row[0]: row[1] for row in await session.execute(_SLOTS_HELD)}


async def to_hand_over(session: AsyncSession, given: Collection[int]) -> Sequence[tuple[Job, str]]:
    """Jobs that were `given` a slot by this process, and those that another one was to hand over and has not.

    Each with the name of its source.
    """
    forgotten = and_(Job.flow_run_id.is_(None), Job.dispatched_at < func.now() - HAND_OVER)
    found = await session.execute(
        select(Job, DataSource.name)
        .join(DataSource)
        .where(OPEN, Job.dispatched_at.is_not(None), or_(forgotten, Job.id.in_(given)))
        .where(Job.cancel_requested_at.is_(None), Job.deadline > func.now())
        .order_by(Job.id)
    )
    return [(job, name) for job, name in found]


# What every test and every second asks is built once: building a statement takes up to a millisecond, as asking does.

_CLAIM: Select[tuple[datetime | None]] = select(SourceCheck.claimed_until).where(
    SourceCheck.source_id == bindparam("source_id"), SourceCheck.claimed_until > func.now()
)


def _ahead() -> Select[tuple[Job | None, bool, int]]:
    """The open jobs of a source, whether a sweep has claimed it, and how many jobs of the organization wait."""
    waiting = select(func.count()).select_from(Job).where(OPEN, Job.started_at.is_(None))
    waiting = waiting.where(Job.organization_id == bindparam("organization_id"))
    return (
        select(Job, _CLAIM.exists(), waiting.scalar_subquery().correlate(None))
        .select_from(DataSource)
        .outerjoin(Job, and_(Job.source_id == DataSource.id, OPEN))
        .where(DataSource.id == bindparam("source_id"))
        .order_by(Job.id)
    )


def _waiting_for_a_slot() -> Select[tuple[int, int]]:
    """Jobs whose turn it is, oldest first: no other open job of the source is older, or runs already, and no sweep."""
    other = aliased(Job)
    claimed = SourceCheck.source_id == Job.source_id, SourceCheck.claimed_until >= bindparam("lost_before")
    ahead = and_(
        other.source_id == Job.source_id,
        other.id != Job.id,
        other.ended_at.is_(None),
        other.question.is_(None),
        or_(other.id < Job.id, other.dispatched_at.is_not(None)),
    )
    return (
        select(Job.id, Job.organization_id)
        .where(OPEN, Job.dispatched_at.is_(None), Job.question.is_(None))
        .where(Job.cancel_requested_at.is_(None), Job.deadline > func.now())
        .where(~exists().where(ahead))
        .where(~exists().where(*claimed))
        .order_by(Job.id)
    )


_AHEAD = _ahead()
_WAITING_FOR_A_SLOT = _waiting_for_a_slot()
_SLOTS_HELD = (
    select(Job.organization_id, func.count())
    .where(OPEN, Job.dispatched_at.is_not(None), Job.question.is_(None))
    .group_by(Job.organization_id)
)
