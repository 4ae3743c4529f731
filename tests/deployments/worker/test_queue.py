"""Runs that a worker is told of: Prefect tells before it commits, so that what is read first may be what was before."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.exceptions import ObjectNotFound

from deployments.worker import queue
from deployments.worker.queue import RunQueue

RUN = UUID("0a9fbd8e-7d6f-4b5e-9f59-3c1f6e5d2a10")


class Reads:
    """What Prefect answers when the run is read, one answer after the other; None is a run that is not there."""

    def __init__(self, *types: StateType | None) -> None:
        self.left = list(types)

    async def read_flow_run(self, run_id: UUID) -> FlowRun:
        """The next answer. Raises `ObjectNotFound`."""
        if (type_ := self.left.pop(0)) is None:
            raise ObjectNotFound(Exception("404"))
        return FlowRun(id=run_id, flow_id=uuid4(), state=State[Any](type=type_), state_type=type_)


async def taken(monkeypatch: pytest.MonkeyPatch, *types: StateType | None) -> tuple[list[FlowRun], Reads]:
    """What the queue hands out within a moment, when the run is found so when it is read."""
    monkeypatch.setattr(queue, "COMMIT_SECONDS", (0.0, 0.0))
    reads: Any = Reads(*types)
    runs = RunQueue(reads, "pool", ())
    runs.limits.absent, runs._asking = True, False
    runs.tell(RUN)
    found: list[FlowRun] = []
    for _ in range(5):
        found += await runs.next(1) if runs.more else []
        await asyncio.sleep(0.01)
    return found, reads


@pytest.mark.parametrize("before", [None, StateType.PAUSED, StateType.CRASHED])
async def test_a_run_that_is_not_yet_as_it_was_told(monkeypatch: pytest.MonkeyPatch, before: StateType | None) -> None:
    """It is read again, and taken up."""
    found, _ = await taken(monkeypatch, before, StateType.SCHEDULED)
    assert [run.id for run in found] == [RUN]


async def test_a_run_that_never_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read as often as there are pauses, and no more."""
    found, reads = await taken(monkeypatch, None, None, None, StateType.SCHEDULED)
    assert found == []
    assert len(reads.left) == 1


@pytest.mark.parametrize("state", [StateType.PENDING, StateType.RUNNING])
async def test_a_run_that_another_worker_has(monkeypatch: pytest.MonkeyPatch, state: StateType) -> None:
    """It is read once."""
    found, reads = await taken(monkeypatch, state, StateType.SCHEDULED)
    assert found == []
    assert len(reads.left) == 1
