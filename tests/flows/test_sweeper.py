"""A run of a sweep, with a catalogue and sources that are real, and without Prefect's server."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from cryptography.fernet import Fernet
from prefect.logging import disable_run_logger
from sqlalchemy import select, update

from datasources.catalogue.health.claims import LEASE, Limits, claim
from datasources.catalogue.health.sweeps import Round, begin_sweep, join_sweep, take_up
from datasources.catalogue.sources import write_source
from datasources.catalogue.tables import DataSource, HealthRecord, Job, SourceCheck, Sweep, Timetable
from datasources.health import steadiness
from datasources.health.plan import Plan
from datasources.model.settings import Settings
from datasources.secrecy.vault import Vault
from flows import sweep_check, sweeper
from flows.sweeper import Sweeper
from tests.fixtures.catalogue import Sessions
from tests.fixtures.servers.database import Server
from tests.fixtures.servers.faults import faulty, silent

EVERY = Plan(interval_seconds=300)


@asynccontextmanager
async def nullwatch() -> AsyncIterator[None]:
    """No watchdog."""
    yield


@pytest.fixture
def settings(catalogue_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Of a run that has no Prefect: what it would tell it, a stack shows (`tests/acceptance/operation/test_health.py`).

    The watchdog stays outside: its signal is the one by which pytest ends a test that hangs.
    """
    monkeypatch.setattr(sweeper, "watched", nullwatch)
    monkeypatch.setattr(sweep_check, "report_run", lambda *_: None)
    size = threading.stack_size()
    with disable_run_logger():
        yield msgspec.structs.replace(catalogue_settings, secret_keys=Fernet.generate_key().decode())
    threading.stack_size(size)


async def make_round(sessions: Sessions, organization_id: int, settings: Settings, *sources: Any) -> Round:
    """The sweep of this moment over these sources, which were all tested in full today."""
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    async with sessions.begin() as session:
        timetable = Timetable(organization_id=organization_id, plan=EVERY.plain())
        session.add(timetable)
        await session.flush()
        for source in sources:
            row = DataSource(organization_id=organization_id, timetable_id=timetable.id, full_test_due_at=tomorrow)
            named = msgspec.structs.replace(source, name=f"Swept {uuid4()}")
            fields = {"down_after": 3, "up_after": 2, "connection_timeout": source.connection_timeout}
            write_source(row, named, fields, Vault.from_settings(settings))
            session.add(row)
        timetable_id = timetable.id
    now = datetime.now(UTC)
    async with sessions.begin() as session:
        found = await begin_sweep(session, timetable_id, now, now)
    assert isinstance(found, Round)
    return found


async def rows(sessions: Sessions, table: Any, round_: Round) -> list[Any]:
    """Rows of this table about the sources of this sweep, oldest first."""
    async with sessions() as session:
        chosen = select(table).where(table.source_id.in_(round_.checked_for)).order_by(table.id)
        return list(await session.scalars(chosen))


async def has_ended(sessions: Sessions, round_: Round) -> bool:
    """Whether nothing is left of it."""
    async with sessions() as session:
        return (await session.get_one(Sweep, round_.sweep_id)).ended_at is not None


async def test_one_source_cannot_hold_up_another(
    sessions: Sessions, organization_id: int, settings: Settings, embedded: Server
) -> None:
    """The good ones are written down while the silent one is waited for, whose failure gets a full test of its own."""
    with faulty(embedded.port, silent) as port:
        never = msgspec.structs.replace(embedded.source(port=port), connection_timeout=6)
        round_ = await make_round(sessions, organization_id, settings, never, *[embedded.source()] * 5)
        run = asyncio.create_task(Sweeper(settings, round_, 0).run())
        while len(await rows(sessions, HealthRecord, round_)) < 5 and not run.done():
            await asyncio.sleep(0.1)
        assert not run.done()
        assert {record.passed for record in await rows(sessions, HealthRecord, round_)} == {True}
        state = await run
    assert state.is_completed()
    assert state.message == "6 checked: 5 passed, 1 did not"
    records = await rows(sessions, HealthRecord, round_)
    assert len({record.source_id for record in records}) == len(records) == 6
    assert (records[-1].passed, records[-1].error_code) == (False, "TIMEOUT")
    (test,) = await rows(sessions, Job, round_)
    assert test.source_id == records[-1].source_id
    assert await has_ended(sessions, round_)


async def test_runs_share_a_sweep(
    sessions: Sessions, organization_id: int, settings: Settings, embedded: Server
) -> None:
    """Each source is checked once, by one of them, and none ends the sweep while another is at it."""
    round_ = await make_round(sessions, organization_id, settings, *[embedded.source()] * 24)
    states = await asyncio.gather(*(Sweeper(settings, round_, number).run() for number in range(3)))
    records = await rows(sessions, HealthRecord, round_)
    assert sorted(record.source_id for record in records) == sorted(round_.checked_for)
    counts = [int((state.message or "").partition(" ")[0]) for state in states]
    assert sum(counts) == 24
    assert await has_ended(sessions, round_)


async def test_a_run_that_is_stopped(
    sessions: Sessions, organization_id: int, settings: Settings, embedded: Server
) -> None:
    """Its worker stops: what it has found is kept, and another run checks the rest as if nothing had been."""
    with faulty(embedded.port, silent) as port:
        never = msgspec.structs.replace(embedded.source(port=port), connection_timeout=5)
        round_ = await make_round(sessions, organization_id, settings, never, embedded.source())
        run = asyncio.create_task(Sweeper(settings, round_, 0).run())
        while not await rows(sessions, HealthRecord, round_) and not run.done():
            await asyncio.sleep(0.05)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        now = datetime.now(UTC)
        async with sessions.begin() as session:
            assert round_.sweep_id in dict(await take_up(session, now))
            again = await join_sweep(session, round_.sweep_id, now)
        assert isinstance(again, Round)
        state = await Sweeper(settings, again, 1).run()
    assert state.message == "1 checked: 0 passed, 1 did not"
    records = await rows(sessions, HealthRecord, round_)
    assert sorted(record.source_id for record in records) == sorted(round_.checked_for)
    assert await has_ended(sessions, round_)


async def test_what_a_lost_run_was_at(
    sessions: Sessions, organization_id: int, settings: Settings, embedded: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tested alone, by a run of its own, once the catalogue has answered for a while; the others are checked."""
    monkeypatch.setattr(steadiness, "STEADY_SECONDS", 1.0)
    round_ = await make_round(sessions, organization_id, settings, *[embedded.source()] * 3)
    first, lost = min(round_.checked_for), uuid4()
    async with sessions.begin() as session:
        await claim(session, round_, lost, [first], datetime.now(UTC), Limits(300))
        gone = update(SourceCheck).where(SourceCheck.owner == lost).values(claimed_until=datetime.now(UTC) - LEASE)
        await session.execute(gone)
    state = await Sweeper(settings, round_, 0).run()
    alone = "1 tested in a process of their own, because the process that checked them was lost"
    assert state.message == f"2 checked: 2 passed, 0 did not; {alone}"
    (job,) = await rows(sessions, Job, round_)
    assert (job.source_id, job.steps) == (first, ["connection", "version_probe"])
    assert first not in [record.source_id for record in await rows(sessions, HealthRecord, round_)]
