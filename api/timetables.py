"""Gives sources their timetables, and keeps Prefect and the catalogue in line.

Prefect has a schedule for each timetable of which a source is to be checked. Whether that is paused, and which times
it has, is Prefect's to say; whether one source of it is paused is ours. What changes either holds the organization's
lock. Prefect is given a schedule before the catalogue's transaction commits, and one is taken from it afterwards: what
is lost in between is a schedule too many, which `bring_into_line` removes.
"""

from collections.abc import Collection
from contextlib import suppress

from sqlalchemy.ext.asyncio import AsyncSession

from api.prefect.client import Unreachable
from api.prefect.schedules import Schedules
from datasources.catalogue.health.timetables import (
    find_timetable,
    forget_timetable,
    lock_timetable,
    make_timetable,
    plan_in,
    use_of,
    write_plan,
)
from datasources.catalogue.locks import lock_organization
from datasources.catalogue.tables import DataSource, Timetable
from datasources.health.plan import Plan


async def assign(session: AsyncSession, source: DataSource, wanted: Plan | None) -> set[int]:
    """Have the source checked at these times, or no longer; answers the timetables whose use has changed.

    Where the timetable is paused in Prefect, the source's schedule is not active. The caller commits.
    """
    await lock_organization(session, source.organization_id)
    changed = {source.timetable_id} - {None}
    if wanted is None:
        source.timetable_id, source.plan, source.checks_paused = None, None, False
    else:
        timetable = await find_timetable(session, source.organization_id, wanted)
        if timetable is None:
            timetable = await make_timetable(session, source.organization_id, wanted)
        source.timetable_id, source.checks_paused = timetable.id, not wanted.active
        source.plan = plan_in(timetable).paused(source.checks_paused).plain()
        changed.add(timetable.id)
    await session.flush()
    return {each for each in changed if each is not None}


async def make_missing(session: AsyncSession, schedules: Schedules, timetable_ids: Collection[int]) -> None:
    """Give Prefect the schedules that it needs now. Raises what its client raises; the caller commits."""
    for timetable_id in sorted(timetable_ids):
        timetable = await session.get(Timetable, timetable_id)
        if timetable and not timetable.in_prefect and (await use_of(session, timetable_id)).active:
            await schedules.make(timetable_id, plan_in(timetable))
            timetable.in_prefect = True


async def tidy(session: AsyncSession, schedules: Schedules, timetable_ids: Collection[int]) -> None:
    """Take from Prefect, and from the catalogue, what is in use no longer; commits."""
    with suppress(*Unreachable):  # then `ScheduleMirror` does it later
        for timetable_id in sorted(timetable_ids):
            if not (await use_of(session, timetable_id)).active:
                await bring_into_line(session, schedules, timetable_id)
    await session.commit()


async def give_schedule(session: AsyncSession, schedules: Schedules, source: DataSource, wanted: Plan) -> Plan:
    """Have the source checked at these times; answers its schedule as it is now, and commits.

    Raises what Prefect's client raises; then nothing has changed.
    """
    changed = await assign(session, source, wanted)
    await make_missing(session, schedules, changed)
    plan = Plan.read(source.plan) or wanted
    await session.commit()
    await tidy(session, schedules, changed)
    return plan


async def take_schedule(session: AsyncSession, schedules: Schedules, source: DataSource) -> bool:
    """Have the source checked no longer; answers whether it had a schedule, and commits.

    Raises what Prefect's client raises; then nothing has changed.
    """
    if await read_schedule(session, schedules, source) is None:
        return False
    changed = await assign(session, source, None)
    await session.commit()
    await tidy(session, schedules, changed)
    return True


async def forget_schedule(session: AsyncSession, schedules: Schedules, source: DataSource) -> None:
    """The same for a source that is removed, whether Prefect answers or not; commits."""
    changed = await assign(session, source, None)
    await session.commit()
    await tidy(session, schedules, changed)


async def pause_schedule(session: AsyncSession, schedules: Schedules, source: DataSource, paused: bool) -> None:
    """Pause the source's schedule, if it has one, or go on with it; commits, also when Prefect does not answer."""
    if source.timetable_id is None or (timetable := await lock_timetable(session, source.timetable_id)) is None:
        return
    source.checks_paused = paused
    source.plan = plan_in(timetable).paused(paused).plain()
    await session.commit()
    with suppress(*Unreachable):  # then `ScheduleMirror` does it later
        await bring_into_line(session, schedules, timetable.id)


async def read_schedule(session: AsyncSession, schedules: Schedules, source: DataSource) -> Plan | None:
    """The source's schedule as Prefect has it now. Raises what Prefect's client raises."""
    if source.timetable_id is not None:
        await bring_into_line(session, schedules, source.timetable_id)
        await session.refresh(source)
    return Plan.read(source.plan)


async def bring_into_line(session: AsyncSession, schedules: Schedules, timetable_id: int) -> None:
    """Have the catalogue say what Prefect says of a timetable, and Prefect have it while a source needs it; commits.

    It reads Prefect again under the lock, so as not to mistake a change under way for an operator's.
    """
    timetable = await lock_timetable(session, timetable_id)
    if timetable is None:
        return
    there = (await schedules.read()).get(timetable_id)
    use = await use_of(session, timetable_id)
    if there is None and timetable.in_prefect:
        await forget_timetable(session, timetable)  # an operator has removed it
    elif use.active:
        await _keep(session, schedules, timetable, there)
    elif timetable.in_prefect:
        timetable.in_prefect = False  # written down first: its absence is then no operator's doing
        await write_plan(session, timetable, plan_in(timetable).times)
        await session.commit()
        await bring_into_line(session, schedules, timetable_id)
    else:
        if there is not None:
            await schedules.remove(timetable_id)
        if not use.sources:
            await forget_timetable(session, timetable)
    await session.commit()


async def _keep(session: AsyncSession, schedules: Schedules, timetable: Timetable, there: Plan | None) -> None:
    """It is in use: Prefect has it, and says what its times are."""
    if there is None:
        await schedules.make(timetable.id, plan_in(timetable))
    elif there != plan_in(timetable):
        await write_plan(session, timetable, there)
    timetable.in_prefect = True
