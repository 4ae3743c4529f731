"""Timetables in the catalogue: which sources are checked when, and whether Prefect has to know."""

from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct
from sqlalchemy import case, func, literal, select, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from datasources.catalogue.locks import lock_organization
from datasources.catalogue.tables import DataSource, Timetable
from datasources.health.plan import Plan

LIVE = DataSource.deleted_at.is_(None)


class Use(Struct, frozen=True):
    """How many sources a timetable has."""

    sources: int
    active: int
    """Of these, how many are not paused themselves."""


async def find_timetable(session: AsyncSession, organization_id: int, times: Plan) -> Timetable | None:
    """The organization's timetable of these times, if it has one; whether it is paused does not matter."""
    found = await session.scalars(
        select(Timetable).where(Timetable.organization_id == organization_id).order_by(Timetable.id)
    )
    return next((each for each in found if plan_in(each).times == times.times), None)


def own_plan(source: DataSource) -> Plan | None:
    """The schedule that the source was given, whether its timetable is paused or not."""
    plan = Plan.read(source.plan)
    return plan and plan.times.paused(source.checks_paused)


def plan_in(timetable: Timetable) -> Plan:
    """The times of a timetable, as Prefect had them last."""
    return Plan.read(timetable.plan) or Plan()


async def make_timetable(session: AsyncSession, organization_id: int, times: Plan) -> Timetable:
    """A new one, which Prefect does not have yet."""
    timetable = Timetable(organization_id=organization_id, plan=times.times.plain(), in_prefect=False)
    session.add(timetable)
    await session.flush()
    return timetable


async def lock_timetable(session: AsyncSession, timetable_id: int) -> Timetable | None:
    """The timetable as it is now, with all of its organization locked; None when it is gone."""
    owner = await session.scalar(select(Timetable.organization_id).where(Timetable.id == timetable_id))
    if owner is None:
        return None
    await lock_organization(session, owner)
    return await session.get(Timetable, timetable_id, populate_existing=True)


async def use_of(session: AsyncSession, timetable_id: int) -> Use:
    """How many sources have this timetable."""
    active = func.count().filter(DataSource.checks_paused.is_(False))
    chosen = select(func.count(), active).where(DataSource.timetable_id == timetable_id, LIVE)
    return Use(*(await session.execute(chosen)).one())


async def write_plan(session: AsyncSession, timetable: Timetable, plan: Plan) -> None:
    """Keep a timetable as Prefect has it, and copy it to its sources."""
    timetable.plan = plan.plain()
    copied = case(
        (DataSource.checks_paused, literal(plan.paused(True).plain(), JSONB)), else_=literal(plan.plain(), JSONB)
    )
    await session.execute(update(DataSource).where(DataSource.timetable_id == timetable.id).values(plan=copied))


async def forget_timetable(session: AsyncSession, timetable: Timetable) -> None:
    """The timetable no longer checks anything: its sources have no schedule."""
    gone = update(DataSource).where(DataSource.timetable_id == timetable.id)
    await session.execute(gone.values(timetable_id=None, plan=None, checks_paused=False))
    await session.delete(timetable)
    await session.flush()


async def differing(session: AsyncSession, known: Mapping[int, Plan]) -> tuple[Sequence[int], Collection[int]]:
    """Timetables that Prefect has otherwise than we do, and those that only Prefect has, by id."""
    active = func.count(DataSource.id).filter(DataSource.checks_paused.is_(False), LIVE)
    sources = func.count(DataSource.id).filter(LIVE)
    rows = await session.execute(
        select(Timetable, sources, active)
        .outerjoin(DataSource, DataSource.timetable_id == Timetable.id)
        .group_by(Timetable.id)
    )
    unknown, wrong = set(known), []
    for timetable, count, used in rows:
        unknown.discard(timetable.id)
        there = known.get(timetable.id)
        same = there is not None and there == plan_in(timetable) and timetable.in_prefect and used
        idle = there is None and not timetable.in_prefect and not used and count
        if not (same or idle):
            wrong.append(timetable.id)
    return wrong, unknown


async def scheduled_plans(
    session: AsyncSession, organization_id: int, but_for: Collection[int]
) -> list[tuple[Plan, int]]:
    """The distinct schedules of the organization's sources but for these, each with the number of its sources."""
    chosen = select(DataSource.plan, func.count()).where(
        DataSource.organization_id == organization_id,
        DataSource.id.not_in(but_for),
        DataSource.plan.is_not(None),
        LIVE,
    )
    rows = await session.execute(chosen.group_by(DataSource.plan))
    return [(plan, count) for data, count in rows if (plan := Plan.read(data))]
