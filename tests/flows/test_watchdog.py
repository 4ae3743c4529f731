"""A process whose event loop stands still ends, and one whose loop goes round does not."""

import signal
import subprocess
import sys

import pytest

PROGRAM = """
import asyncio, time
from flows import watchdog

watchdog.STANDSTILL_SECONDS, watchdog.WIND_SECONDS = 1, 0.1

async def main():
    async with watchdog.watched():
        await asyncio.sleep(0.2)
        {block}
    time.sleep(1.5)  # nothing is wound up any more, and nothing rings

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("block", "code"),
    [
        pytest.param("time.sleep(60)", -signal.SIGALRM, id="a driver that never returns"),
        pytest.param("await asyncio.sleep(1.5)", 0, id="a wait"),
        pytest.param("await asyncio.to_thread(time.sleep, 1.5)", 0, id="a driver that blocks in a thread"),
    ],
)
def test_a_process_whose_loop_stands_still(block: str, code: int) -> None:
    """The kernel ends it, whatever holds the interpreter; what blocks in a thread of its own is no standstill."""
    done = subprocess.run([sys.executable, "-c", PROGRAM.format(block=block)], check=False, timeout=50)
    assert done.returncode == code
