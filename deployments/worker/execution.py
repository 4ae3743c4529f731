"""One flow run in a warm process, from being taken up until Prefect knows how it ended."""

import asyncio
import signal
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, State
from prefect.client.schemas.responses import OrchestrationResult, SetStateStatus
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Crashed, Pending

from deployments.worker.decide import Reaction, react
from deployments.worker.owner import Owner
from deployments.worker.processes.pool import ProcessHandle, ProcessLost, WarmPool
from deployments.worker.processes.protocol import Ended, Order
from flows.states import PROCESS_LOST, REFUSED, TIMED_OUT, UNDER_WAY

CONCLUDE_SECONDS = 1.4
"""Beyond its deadline, in which a run may still conclude itself."""
CLEAN_UP_SECONDS = 0.7
"""What a run has to clean up in when it is cancelled or its worker stops."""
PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
"""Seconds between attempts to tell Prefect how a run ended; after that it is the reaper's."""
MISSED = "The deadline of this run had passed before a worker could begin it: ask for a new test"


class Execution:
    """One flow run that this worker has."""

    def __init__(self, run: FlowRun, client: PrefectClient, pool: WarmPool) -> None:
        self.run = run
        self.since = datetime.now(UTC)
        """When we took it up; what was said before is about an earlier life of the run."""
        self.claimed = asyncio.Event()
        """Set when Prefect has said whether the run is ours."""
        self.entrypoint = ""
        """Where its flow is, once it is known that we run it."""
        self.process_id: int | None = None
        self._client = client
        self._pool = pool
        self._deadline: float | None = None
        self._signalled: signal.Signals | None = None
        self._process: ProcessHandle | None = None

    async def carry_out(self, order: Order, deadline: float | None) -> int:
        """Run it; the run is concluded in every case. Answers the exit code: 0 when the engine concluded it.

        `deadline` is in seconds since 1970; a run that is still under way a moment later is killed.
        """
        self._deadline = deadline
        if (self._left() or 1) <= 0:
            await self._conclude(Crashed(name=TIMED_OUT, message=MISSED))
            return 1
        try:
            ended = await self._in_a_process(order)
        except TimeoutError:
            await self._conclude(
                Crashed(name=TIMED_OUT, message=f"Ended {CONCLUDE_SECONDS:g} s after its deadline, still running")
            )
            return 1
        except ProcessLost as lost:
            await self._conclude(self._lost(str(lost), PROCESS_LOST if lost.by_itself else None))
            return 1
        if ended.trouble:
            await self._conclude(self._lost(ended.trouble))
        return int(ended.trouble is not None)

    async def _in_a_process(self, order: Order) -> Ended:
        """Run it in a process, and in another one when that is lost before the run has begun.

        Raises `ProcessLost`, and `TimeoutError` when it was killed at its deadline.
        """
        try:
            return await self._attempt(order)
        except ProcessLost:
            if self._signalled or not await self._has_not_begun():
                raise
        return await self._attempt(order)

    async def _attempt(self, order: Order) -> Ended:
        process = await self._pool.take()
        ended: Ended | None = None
        try:
            self._process, self.process_id = process, process.pid
            if self._signalled:
                raise ProcessLost("it was stopped before it began")
            async with asyncio.timeout(self._left()):
                ended = await process.run(order)
            return ended
        except TimeoutError:
            process.kill()
            raise
        finally:
            self._process = None
            self._pool.give_back(process, ended)

    async def _has_not_begun(self) -> bool:
        """Whether Prefect still has the run as we claimed it: the first thing a run does is to change that."""
        try:
            state = await self._state()
        except (httpx.HTTPError, OSError, ObjectNotFound):
            return False
        return state is not None and self.run.state is not None and state.id == self.run.state.id

    def cancel(self) -> None:
        """Have the flow clean up and report itself cancelled; kill it when it does not."""
        self._tell(signal.SIGTERM)

    def stop(self) -> None:
        """The worker stops: have the flow clean up and report itself crashed; kill it when it does not."""
        self._tell(signal.SIGINT)

    def suspend(self, state_id: str) -> None:
        """Have the flow stop at its next step: an operator has suspended it from outside."""
        if self._process:
            self._process.suspend(state_id)

    async def claim(self, owner: Owner) -> bool:
        """Make the run ours: of all workers that have seen it, one gets it."""
        try:
            wanted: State[Any] = Pending(message=str(owner))
            answer: OrchestrationResult[Any] = await self._client.set_flow_run_state(self.run.id, wanted)
        finally:
            self.claimed.set()
        if answer.status is not SetStateStatus.ACCEPT or answer.state is None:
            return False
        self.run.state = answer.state
        return True

    async def check(self) -> None:
        """Ask whether it is to be stopped, or has been ended; an event that said so may have been lost."""
        with suppress(ObjectNotFound):
            state = await self._state()
            match react(state, datetime.now(UTC)):
                case Reaction.CANCEL:
                    self.cancel()
                case Reaction.SUSPEND if state:
                    self.suspend(str(state.id))
                case Reaction.KILL if self._process:
                    self._process.kill()

    async def refuse(self, reason: str) -> None:
        """End a run that this worker does not run."""
        await self._conclude(Crashed(name=REFUSED, message=reason))

    async def give_up(self, reason: str) -> None:
        """Something went wrong on our side: the run is not ours to leave under way."""
        if self._process:
            self._process.kill()
        await self._conclude(Crashed(message=reason))

    async def _state(self) -> State[Any] | None:
        """The run's state as Prefect has it now. Raises `ObjectNotFound`, and what its client raises."""
        return (await self._client.read_flow_run(self.run.id)).state

    def _tell(self, number: signal.Signals) -> None:
        if self._signalled:
            return
        self._signalled = number
        if process := self._process:
            process.tell(number)
            asyncio.get_running_loop().call_later(CLEAN_UP_SECONDS, process.kill)

    def _left(self) -> float | None:
        return None if self._deadline is None else self._deadline + CONCLUDE_SECONDS - time.time()

    def _lost(self, reason: str, name: str | None = None) -> State[Any]:
        if self._signalled is signal.SIGTERM:
            return Cancelled(message="Cancelled; the process of this run was ended")
        if self._signalled is signal.SIGINT:
            return Crashed(message="The worker was stopped while this run was under way")
        return Crashed(name=name, message=f"The process of this run was lost: {reason}")

    async def _conclude(self, state: State[Any]) -> None:
        """Report the end of a run that did not do it itself."""
        for pause in PAUSES:
            try:
                current = await self._state()
                if current and current.type in UNDER_WAY:  # in any other state, it was concluded in Prefect
                    await self._client.set_flow_run_state(self.run.id, state, force=True)
            except ObjectNotFound:
                return
            except (httpx.HTTPError, OSError):
                await asyncio.sleep(pause)
            else:
                return
