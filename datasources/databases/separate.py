"""Separate processes for parsing: users of a server wrote the texts, and a thread that parses cannot be killed."""

import asyncio
import resource
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from weakref import WeakKeyDictionary

MOST_BYTES = 2**30
"""Memory limit of such a process."""
AT_ONCE = 2
"""How many such processes run at a time; further requests wait."""
_room: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


@asynccontextmanager
async def process_of(module: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that runs this module of ours, without our environment; leaving the context kills it."""
    loop = asyncio.get_running_loop()
    async with _room.setdefault(loop, asyncio.Semaphore(AT_ONCE)):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-m", module, env={},
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def limit_memory() -> None:
    """In such a process: have the operating system enforce `MOST_BYTES`."""
    with suppress(ValueError, OSError):  # not every system has this limit
        resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
