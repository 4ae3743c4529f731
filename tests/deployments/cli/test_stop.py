"""A command that is told to stop cleans up, however often it is told."""

import asyncio
import os
import signal

import pytest

from deployments.cli.main import _until_signal


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_does_not_cut_the_stop_off(number: signal.Signals) -> None:
    """An impatient Ctrl-C, or a service manager beside a terminal: what was started is stopped all the same."""
    stopped = []

    async def work() -> None:
        try:
            os.kill(os.getpid(), number)
            await asyncio.Event().wait()
        finally:
            os.kill(os.getpid(), number)
            await asyncio.sleep(0.05)
            stopped.append("everything")

    with pytest.raises(asyncio.CancelledError):
        _until_signal(work())
    assert stopped == ["everything"]
