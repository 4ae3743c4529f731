"""Which warm process runs something else: one that is neither worn, nor busy with what a run has left behind."""

import asyncio
import threading

import pytest

from datasources.network import threads
from datasources.network.threads import in_thread, threads_left
from deployments.worker.processes.pool import Limits
from deployments.worker.processes.protocol import Ended

LIMITS = Limits(runs=3, rss=100)


@pytest.mark.parametrize(
    ("runs", "ended", "allowed"),
    [
        (1, Ended(), True),
        (2, Ended(trouble="x", rss=99), True),
        (0, None, True),
        (3, Ended(), False),
        (1, Ended(rss=100), False),
        (1, Ended(threads=1), False),
    ],
)
def test_another_run(runs: int, ended: Ended | None, allowed: bool) -> None:
    """After its number of runs, with much memory, or with a thread that is still at work, it is replaced."""
    assert LIMITS.allow_another(runs, ended) is allowed


async def test_a_thread_that_nothing_could_end_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A parser that a text keeps busy, or a driver that does not end when it is interrupted."""
    monkeypatch.setattr(threads, "NAME", "work-of-this-test")  # threads of other tests may end meanwhile
    begun, over = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        over.wait()

    task = asyncio.create_task(in_thread(work))
    await asyncio.to_thread(begun.wait)
    assert threads_left() == 1
    over.set()
    await task
