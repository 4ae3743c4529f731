"""Claims of a sweep on its sources: none is checked twice at once, and each check counts once.

A claim holds until a moment that its owner moves on while it lives. What an owner found counts only while the claim is
its own. Claims are made under the lock of the slots, so that no other test of the source begins at the same moment.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from datasources.catalogue import locks
from datasources.catalogue.health.own_tests import own_test
from datasources.catalogue.health.sweeps import Round, to_be_checked
from datasources.catalogue.locks import Lock
from datasources.catalogue.tables import DataSource, Job, SourceCheck
from datasources.health.sweeps import Fate, Turn, fate, full_test_due
from datasources.model.steps import KindOfTest, steps_of

CHECK_SECONDS = 60
"""Limit of one check of a sweep."""
LEASE = timedelta(seconds=30)
"""How long a claim holds that is not renewed."""


class Limits(Struct, frozen=True):
    """Limits of what a run of a sweep hands over to runs of their own."""

    seconds: int
    """Of each such test."""
    first_tests: int = 0
    """Sources that were never tested in full and are now, at most."""


class Claimed(Struct, frozen=True):
    """What a run has to check now, and what it has handed over to a run of its own, by source."""

    sources: Sequence[DataSource]
    alone: Sequence[int]
    """Handed over because the process that checked them was lost."""
    full: Sequence[int]
    """Handed over because they are to be tested in full."""
    first_tests: int
    """How many of these are tested in full for the first time."""


async def claim(
    session: AsyncSession, round_: Round, owner: UUID, ids: Collection[int], lost_before: datetime, limits: Limits
) -> Claimed:
    """Claim those of these sources whose turn it is in this sweep. The caller commits.

    Claims that held until `lost_before` and no longer have lost their owner.
    """
    await locks.wait_for(session, Lock.SLOTS)
    found: dict[Fate, list[DataSource]] = {each: [] for each in Fate}
    first_tests = 0
    for source, turn in await _turns(session, round_.timetable_id, ids):
        what = fate(turn, round_.due_at, lost_before)
        if what is Fate.FULL and source.full_test_due_at is None:
            first_tests += 1
            what = Fate.FULL if first_tests <= limits.first_tests else Fate.CHECK
        found[what].append(source)
    await _write(session, round_.due_at, owner, [source.id for source in found[Fate.CHECK]], datetime.now(UTC) + LEASE)
    for what in (Fate.ALONE, Fate.FULL):
        found[what] = await _locked(session, found[what])
    accounted = [source.id for each in (Fate.SKIP, Fate.ALONE, Fate.FULL) for source in found[each]]
    await _write(session, round_.due_at, owner, accounted, None)
    for what, kind in ((Fate.ALONE, KindOfTest.quick), (Fate.FULL, KindOfTest.full)):
        for source in found[what]:
            session.add(own_test(source, steps_of(kind), limits.seconds))
    lost, full = ([source.id for source in found[each]] for each in (Fate.ALONE, Fate.FULL))
    if lost:
        await session.execute(update(SourceCheck).where(SourceCheck.source_id.in_(lost)).values(lost=True))
    return Claimed(found[Fate.CHECK], lost, full, min(first_tests, limits.first_tests))


async def renew(session: AsyncSession, owner: UUID, ids: Collection[int], now: datetime) -> None:
    """The owner lives, and is at these sources: its claims on them hold a while longer, unless another run has them."""
    held = SourceCheck.owner == owner, SourceCheck.claimed_until.is_not(None), SourceCheck.source_id.in_(ids)
    await session.execute(update(SourceCheck).where(*held).values(claimed_until=now + LEASE))


async def give_back(session: AsyncSession, owner: UUID) -> None:
    """The owner stops: what it has not checked is to be checked by another run."""
    held = SourceCheck.owner == owner, SourceCheck.claimed_until.is_not(None)
    values = {"claimed_until": None, "due_at": SourceCheck.due_at - timedelta(microseconds=1)}
    await session.execute(update(SourceCheck).where(*held).values(values))


async def settle(session: AsyncSession, owner: UUID, due_at: datetime, ids: Collection[int]) -> set[int]:
    """End the owner's claims on these sources; answers those that were still its own, whose checks count."""
    held = SourceCheck.owner == owner, SourceCheck.due_at == due_at, SourceCheck.claimed_until.is_not(None)
    chosen = update(SourceCheck).where(*held, SourceCheck.source_id.in_(ids)).values(claimed_until=None)
    return set(await session.scalars(chosen.returning(SourceCheck.source_id)))


async def note_survived(session: AsyncSession, source_id: int) -> None:
    """A test of the source has ended: its checks no longer need processes of their own."""
    chosen = update(SourceCheck).where(SourceCheck.source_id == source_id, SourceCheck.lost)
    await session.execute(chosen.values(lost=False))


async def _turns(session: AsyncSession, timetable_id: int, ids: Collection[int]) -> list[tuple[DataSource, Turn]]:
    open_job = (
        select(Job.id).where(Job.source_id == DataSource.id, Job.ended_at.is_(None), Job.question.is_(None)).exists()
    )
    now = datetime.now(UTC)
    rows = await session.execute(
        select(DataSource, SourceCheck.due_at, SourceCheck.claimed_until, SourceCheck.lost, open_job)
        .outerjoin(SourceCheck, SourceCheck.source_id == DataSource.id)
        .where(DataSource.id.in_(ids), to_be_checked(timetable_id))
    )
    return [
        (
            source,
            Turn(
                busy=busy,
                checked_for=due_at,
                claimed_until=until,
                lost=bool(lost),
                full_test_due=full_test_due(
                    source.full_test_due_at,
                    source.last_successful_connection_at,
                    source.last_failed_connection_at,
                    now,
                ),
            ),
        )
        for source, due_at, until, lost, busy in rows
    ]


async def _locked(session: AsyncSession, sources: Sequence[DataSource]) -> list[DataSource]:
    """Those of the sources that get a job, locked as for every job that is added; one that is locked now waits."""
    if not sources:
        return []
    chosen = select(DataSource.id).where(DataSource.id.in_([source.id for source in sources]))
    locked = set(await session.scalars(chosen.with_for_update(key_share=True, skip_locked=True)))
    return [source for source in sources if source.id in locked]


async def _write(
    session: AsyncSession, due_at: datetime, owner: UUID, ids: Sequence[int], until: datetime | None
) -> None:
    if not ids:
        return
    rows: list[dict[str, Any]] = [
        {"source_id": each, "due_at": due_at, "owner": owner, "claimed_until": until} for each in ids
    ]
    written = insert(SourceCheck).values(rows)
    changed = {name: written.excluded[name] for name in ("due_at", "owner", "claimed_until")}
    await session.execute(written.on_conflict_do_update(index_elements=["source_id"], set_=changed))
