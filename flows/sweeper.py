"""The loop of one run of a sweep: it claims what is due, checks it, and writes the results in batches."""

import asyncio
import threading
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Completed
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import async_sessionmaker

from datasources.catalogue.engine import small_engine
from datasources.catalogue.health.claims import Limits, claim, give_back, renew
from datasources.catalogue.health.record_check import Checked, record_sweep
from datasources.catalogue.health.sweeps import Round, end_sweep, is_under_way, left_over, say_alive, say_left
from datasources.catalogue.jobs.work import Work
from datasources.catalogue.sweep_work import sweep_work
from datasources.health.steadiness import Steadiness
from datasources.health.sweeps import first_tests, itinerary
from datasources.health.verdict import failures
from datasources.model.settings import Settings
from datasources.secrecy.vault import Vault
from flows.sweep_check import carry_out, unreadable
from flows.watchdog import watched

STARTING = 16
"""Checks that are in their first second: more at once would only make each other slow."""
STARTING_SECONDS = 1.0
AT_ONCE = 128
"""Checks under way at once; nearly all of them wait for sources that do not answer."""
BATCH = 25
"""Sources claimed at once."""
TICK_SECONDS = 0.25
"""Between two looks at what is due."""
WRITE_SECONDS = 1.0
"""How often results are written, together."""
RENEW_SECONDS = 5.0
LEFT_SECONDS = 2.0
"""Between two looks for sources left over, once every source has had its turn."""
RETRY_SECONDS = 1.0
LEAVE_SECONDS = 0.5
"""The time that a stopping run has to return its claims; its worker ends its process soon after."""
STACK_BYTES = 2 * 2**20
"""Of the stack of a thread: each blocking driver has a thread, and the memory of a process is limited."""


class Sweeper:
    """One run's part of a sweep."""

    def __init__(self, settings: Settings, round_: Round, number: int) -> None:
        self._settings = settings
        self._round = round_
        self._owner = uuid4()  # a flow run may begin again in another process, which has not claimed what the first had
        self._stops = itinerary(round_.checked_for, round_.due_at, round_.interval, number)
        self._next = 0
        self._vault = Vault.from_settings(settings)
        self._first_tests = first_tests(len(round_.checked_for), round_.interval)
        self._starting = asyncio.Semaphore(STARTING)
        self._running: set[asyncio.Task[None]] = set()
        self._held: set[int] = set()
        """Sources that are claimed and not written down. A claim whose answer was lost is not renewed."""
        self._found: list[Checked] = []
        self._writing = asyncio.Lock()
        self._counted = self._failed = self._alone = self._full = 0
        self._catalogue = Steadiness()

    async def run(self) -> State[Any]:
        """Check until nothing is left; return what was done."""
        threading.stack_size(STACK_BYTES)
        async with small_engine(self._settings) as engine, watched():
            self._sessions = async_sessionmaker(engine, expire_on_commit=False)
            services = [asyncio.create_task(each) for each in (self._renew_for_ever(), self._write_for_ever())]
            try:
                await self._go_through()
                await self._finish()
            except BaseException:
                await self._leave()
                raise
            finally:
                for service in services:
                    service.cancel()
        return Completed(message=self._summary())

    def _summary(self) -> str:
        parts = [f"{self._counted} checked: {self._counted - self._failed} passed, {self._failed} did not"]
        if self._full:
            parts.append(f"{self._full} left to full tests, which run separately")
        if self._alone:
            parts.append(
                f"{self._alone} tested in a process of their own, because the process that checked them was lost"
            )
        return "; ".join(parts)

    async def _go_through(self) -> None:
        """Check each source when its turn comes, then those left over."""
        while not self._is_over():
            try:
                if not await self._step():
                    return
            except SQLAlchemyError as error:  # what was to be claimed will be found left over
                self._catalogue.disturb()
                get_run_logger().warning("The catalogue does not answer: %s", type(error).__name__)
                await asyncio.sleep(RETRY_SECONDS)

    async def _step(self) -> bool:
        """Begin what is due, or wait for it; return whether there is anything left to wait for."""
        if self._next < len(self._stops):
            if ids := self._due():
                await self._begin(ids)
            else:
                await asyncio.sleep(TICK_SECONDS)
            return True
        if not self._running:
            await self._write()
        if (left := await self._left()) and await self._begin(left):
            return True
        if self._running:
            await asyncio.wait(self._running, timeout=LEFT_SECONDS)
        elif left or await self._may_be_lost():
            await asyncio.sleep(LEFT_SECONDS)
        else:
            return False
        return True

    def _is_over(self) -> bool:
        ends_at = self._round.ends_at
        return ends_at is not None and datetime.now(UTC) >= ends_at

    def _due(self) -> list[int]:
        """Sources whose turn has come, as far as there is room."""
        now, room = datetime.now(UTC), min(BATCH, AT_ONCE - len(self._running))
        found: list[int] = []
        while len(found) < room and self._next < len(self._stops) and self._stops[self._next].at <= now:
            found.append(self._stops[self._next].source_id)
            self._next += 1
        return found

    async def _left(self) -> Sequence[int]:
        """Sources that no run has checked, as far as there is room."""
        room = min(BATCH, AT_ONCE - len(self._running))
        async with self._sessions() as session:
            found = await left_over(
                session, self._round.timetable_id, self._round.due_at, self._catalogue.lost_before()
            )
        return found[: max(room, 0)]

    async def _may_be_lost(self) -> bool:
        """Whether another run holds claims: it goes on, or is lost, which will show."""
        async with self._sessions() as session:
            return await is_under_way(session, self._round.timetable_id, self._round.due_at)

    async def _begin(self, ids: Collection[int]) -> int:
        """Begin the checks of those sources that this run could claim; return how many it claimed."""
        async with self._sessions.begin() as session:
            limits = Limits(self._settings.job_timeout, self._first_tests)
            claimed = await claim(session, self._round, self._owner, ids, self._catalogue.lost_before(), limits)
        self._alone += len(claimed.alone)
        self._full += len(claimed.full)
        self._held |= {source.id for source in claimed.sources}
        self._first_tests -= claimed.first_tests
        async with self._sessions() as session:
            works = [(source, await sweep_work(session, source, self._vault)) for source in claimed.sources]
        for source, work in works:
            if work is None:
                self._found.append(unreadable(source.id, source.revision))
                continue
            await self._starting.acquire()
            task = asyncio.create_task(self._check(work, source.revision))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        return len(claimed.sources) + len(claimed.alone) + len(claimed.full)

    async def _check(self, work: Work, revision: int) -> None:
        check = asyncio.ensure_future(carry_out(self._settings, work, revision))
        try:
            await asyncio.wait([check], timeout=STARTING_SECONDS)
        finally:
            self._starting.release()
        try:
            self._found.append(await check)
        finally:
            check.cancel()

    async def _renew_for_ever(self) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            try:
                async with self._writing, self._sessions.begin() as session:
                    now = datetime.now(UTC)
                    await renew(session, self._owner, self._held, now)
                    await say_alive(session, self._round.sweep_id, now)
            except SQLAlchemyError:
                self._catalogue.disturb()

    async def _write_for_ever(self) -> None:
        while True:
            await asyncio.sleep(WRITE_SECONDS)
            with suppress(SQLAlchemyError):  # it is tried again
                await self._write()

    async def _write(self) -> None:
        """Write what has been found so far. Raises `SQLAlchemyError`, and then keeps it for the next time."""
        async with self._writing:
            found = self._found[:]
            if not found:
                return
            async with self._sessions.begin() as session:
                limit = self._settings.job_timeout
                counted = await record_sweep(session, self._owner, self._round.due_at, found, limit)
            del self._found[: len(found)]
            self._held -= {each.source_id for each in found}
            self._counted += len(counted)
            self._failed += sum(1 for each in found if each.source_id in counted and failures(each.published))

    async def _finish(self) -> None:
        """Let the checks under way end, write them, and end the sweep unless another run still works on it."""
        while self._running or self._found:
            if self._running:
                await asyncio.wait(self._running)
            try:
                await self._write()
            except SQLAlchemyError:
                await asyncio.sleep(RETRY_SECONDS)
        if self._is_over() or not await self._may_be_lost():
            async with self._sessions.begin() as session:
                await end_sweep(session, self._round.sweep_id, datetime.now(UTC))

    async def _leave(self) -> None:
        """Stop before the end: keep what has been found, and have other runs check the rest."""
        for task in self._running:
            task.cancel()
        with suppress(SQLAlchemyError, TimeoutError):
            async with asyncio.timeout(LEAVE_SECONDS):
                await self._write()
                async with self._sessions.begin() as session:
                    await give_back(session, self._owner)
                    await say_left(session, self._round.sweep_id, datetime.now(UTC))
