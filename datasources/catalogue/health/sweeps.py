"""Sweeps: begun when they are due, kept alive by their runs, and taken up when all of those are lost."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from msgspec import Struct
from sqlalchemy import ColumnElement, Select, and_, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from datasources.catalogue.tables import DataSource, SourceCheck, Sweep, Timetable
from datasources.health.plan import Plan
from datasources.health.sweeps import too_late

SILENCE = timedelta(seconds=30)
"""A sweep of which nothing has been heard for so long has lost its runs."""
AWAITED = timedelta(seconds=10)
"""So long after its moment a sweep should have begun: its run may have been lost before that."""
MOST_RUNS = 40
"""Runs that one sweep has at most, those that were lost among them."""


class Round(Struct, frozen=True, kw_only=True):
    """A sweep as one of its runs needs it."""

    sweep_id: int
    timetable_id: int
    organization_id: int
    plan: Plan
    due_at: datetime
    ends_at: datetime | None
    checked_for: Mapping[int, datetime | None]
    """Every source of the timetable that is to be checked, with the moment of the newest sweep that has claimed it."""

    @property
    def interval(self) -> float | None:
        """Seconds until the next sweep."""
        return None if self.ends_at is None else (self.ends_at - self.due_at).total_seconds()


async def begin_sweep(session: AsyncSession, timetable_id: int, due_at: datetime, now: datetime) -> Round | str:
    """Begin the sweep of this moment, or join it; says why there is nothing to do. The caller commits."""
    timetable = await session.get(Timetable, timetable_id)
    if timetable is None:
        return f"Timetable {timetable_id} no longer exists"
    plan = Plan.read(timetable.plan) or Plan()
    if newer := too_late(plan, due_at, now):
        return f"Too late: a newer sweep was due at {newer.isoformat(timespec='seconds')}"
    ends_at = plan.times.next_after(due_at)
    if ends_at is not None and ends_at <= now:  # late by more than its interval, and goes ahead all the same
        ends_at = plan.times.next_after(now)
    values = {"timetable_id": timetable_id, "due_at": due_at, "ends_at": ends_at, "heard_at": now}
    begun = insert(Sweep).values(values)
    begun = begun.on_conflict_do_update(index_elements=["timetable_id", "due_at"], set_={"heard_at": now})
    sweep_id = await session.scalar(begun.returning(Sweep.id))
    assert sweep_id is not None  # noqa: S101 -- for the type checker
    return await join_sweep(session, sweep_id, now)


async def join_sweep(session: AsyncSession, sweep_id: int, now: datetime) -> Round | str:
    """One more run of this sweep; says why there is nothing to do."""
    found = (await session.execute(select(Sweep, Timetable).join(Timetable).where(Sweep.id == sweep_id))).one_or_none()
    if found is None:
        return f"Sweep {sweep_id} no longer exists"
    sweep, timetable = found
    if sweep.ended_at is not None or (sweep.ends_at is not None and sweep.ends_at <= now):
        return f"Sweep {sweep_id} has ended"
    sweep.heard_at = now
    return Round(
        sweep_id=sweep.id,
        timetable_id=timetable.id,
        organization_id=timetable.organization_id,
        plan=Plan.read(timetable.plan) or Plan(),
        due_at=sweep.due_at,
        ends_at=sweep.ends_at,
        checked_for=await _checked_for(session, timetable.id),
    )


async def _checked_for(session: AsyncSession, timetable_id: int) -> dict[int, datetime | None]:
    chosen = select(DataSource.id, SourceCheck.due_at).outerjoin(SourceCheck).where(to_be_checked(timetable_id))
    return {row[0]: row[1] for row in await session.execute(chosen)}


def to_be_checked(timetable_id: int) -> ColumnElement[bool]:
    """Which sources a sweep of this timetable checks."""
    paused = func.coalesce(DataSource.fields["is_paused"].as_boolean(), False)
    return and_(
        DataSource.timetable_id == timetable_id,
        DataSource.deleted_at.is_(None),
        DataSource.checks_paused.is_(False),
        paused.is_(False),
    )


async def left_over(session: AsyncSession, timetable_id: int, due_at: datetime, now: datetime) -> Sequence[int]:
    """Sources that the sweep of this moment still has to check, those among them whose run is lost."""
    return (await session.scalars(_left_over(timetable_id, due_at, now))).all()


def _left_over(timetable_id: int, due_at: datetime, now: datetime) -> Select[tuple[int]]:
    lost = and_(SourceCheck.due_at == due_at, SourceCheck.claimed_until < now)
    open_ = or_(SourceCheck.source_id.is_(None), SourceCheck.due_at < due_at, lost)
    return select(DataSource.id).outerjoin(SourceCheck).where(to_be_checked(timetable_id), open_)


async def is_under_way(session: AsyncSession, timetable_id: int, due_at: datetime) -> bool:
    """Whether a run holds a claim for the sweep of this moment."""
    held = SourceCheck.due_at == due_at, SourceCheck.claimed_until.is_not(None)
    chosen = select(SourceCheck.source_id).join(DataSource).where(*held, DataSource.timetable_id == timetable_id)
    return await session.scalar(chosen.limit(1)) is not None


async def end_sweep(session: AsyncSession, sweep_id: int, now: datetime) -> None:
    """Every source of it has been checked, or its time is over."""
    await session.execute(update(Sweep).where(Sweep.id == sweep_id, Sweep.ended_at.is_(None)).values(ended_at=now))


async def say_alive(session: AsyncSession, sweep_id: int, now: datetime) -> None:
    """A run of it gives a sign of life."""
    await session.execute(update(Sweep).where(Sweep.id == sweep_id).values(heard_at=now))


async def say_left(session: AsyncSession, sweep_id: int, now: datetime) -> None:
    """A run of it stops before it has ended: another one takes it up at once."""
    values = {"heard_at": now - 2 * SILENCE}
    await session.execute(update(Sweep).where(Sweep.id == sweep_id).values(values))


async def take_up(session: AsyncSession, now: datetime) -> list[tuple[int, int]]:
    """Sweeps that have lost their runs, each with the number of the run that it gets; ends those that are over.

    Of several processes one gets each. The caller commits.
    """
    silent = select(Sweep).where(Sweep.ended_at.is_(None), Sweep.heard_at < now - SILENCE)
    found = []
    for sweep in await session.scalars(silent.with_for_update(skip_locked=True)):
        over = sweep.runs >= MOST_RUNS or (sweep.ends_at is not None and sweep.ends_at <= now)
        if over or not await _has_work(session, sweep, now):
            sweep.ended_at = now
            continue
        sweep.heard_at, sweep.runs = now, sweep.runs + 1
        found.append((sweep.id, sweep.runs))
    return found


async def is_awaited(session: AsyncSession, now: datetime) -> bool:
    """Whether a sweep should have begun by now, and there is no sign of it, of any timetable."""
    newest = select(Sweep.timetable_id, func.max(Sweep.due_at).label("due_at")).group_by(Sweep.timetable_id).subquery()
    chosen = select(Timetable.plan, newest.c.due_at).outerjoin(newest, newest.c.timetable_id == Timetable.id)
    for plan, due_at in await session.execute(chosen.where(Timetable.in_prefect)):
        following = (Plan.read(plan) or Plan()).next_after(due_at) if due_at else now - AWAITED
        if following is not None and following <= now - AWAITED:
            return True
    return False


async def not_begun(
    session: AsyncSession, moments: Collection[tuple[int, datetime]], now: datetime
) -> list[tuple[int, datetime]]:
    """Those of these sweeps, each a timetable and its moment, that have not begun and are not too late."""
    ids = {timetable_id for timetable_id, _ in moments}
    found = await session.execute(select(Timetable.id, Timetable.plan).where(Timetable.id.in_(ids)))
    plans = {row[0]: Plan.read(row[1]) or Plan() for row in found}
    begun = {(row[0], row[1]) for row in await session.execute(_begun_of(ids, moments))}
    return [
        (timetable_id, due_at)
        for timetable_id, due_at in moments
        if (timetable_id, due_at) not in begun
        and (plan := plans.get(timetable_id)) is not None
        and not too_late(plan, due_at, now)
    ]


def _begun_of(ids: Collection[int], moments: Collection[tuple[int, datetime]]) -> Select[tuple[int, datetime]]:
    due = [due_at for _, due_at in moments]
    return select(Sweep.timetable_id, Sweep.due_at).where(Sweep.timetable_id.in_(ids), Sweep.due_at.in_(due))


async def _has_work(session: AsyncSession, sweep: Sweep, now: datetime) -> bool:
    under_way = await is_under_way(session, sweep.timetable_id, sweep.due_at)
    return under_way or bool(await left_over(session, sweep.timetable_id, sweep.due_at, now))
