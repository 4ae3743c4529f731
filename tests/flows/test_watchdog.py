"""A process whose event loop stands still ends, and one whose loop goes round does not."""

import signal
import subprocess
import sys

PROGRAM = """
import asyncio, time
from flows import watchdog

watchdog.STANDSTILL_SECONDS, watchdog.WIND_SECONDS = 3, 0.1

async def main():
    async with watchdog.watched():
        await asyncio.sleep(0.2)
        {block}
    time.sleep(3.5)  # nothing is wound up any more, and nothing rings

asyncio.run(main())
"""
BLOCKS = {
    "a driver that never returns": ("time.sleep(60)", -signal.SIGALRM),
    "a wait": ("await asyncio.sleep(3.5)", 0),
    "a driver that blocks in a thread": ("await asyncio.to_thread(time.sleep, 3.5)", 0),
}


def test_a_process_whose_loop_stands_still() -> None:
    """The kernel ends it, whatever holds the interpreter; what blocks in a thread of its own is no standstill."""
    processes = {
        name: subprocess.Popen([sys.executable, "-c", PROGRAM.format(block=block)])
        for name, (block, _) in BLOCKS.items()
    }
    codes = {name: process.wait(50) for name, process in processes.items()}
    assert codes == {name: code for name, (_, code) in BLOCKS.items()}
