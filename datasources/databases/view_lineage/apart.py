"""Texts of views that a server may have written to do harm: read in a process of its own, which can be ended."""

import asyncio
import sys
from contextlib import suppress
from weakref import WeakKeyDictionary

import msgspec
from msgspec import Struct

from datasources.databases.base import Lineage
from datasources.databases.view_lineage.names import Name
from datasources.databases.view_lineage.reading import View

APART_SECONDS = 5
APART_BYTES = 2**30
"""What reading texts in a process of its own may take, once it is there."""
READY_SECONDS = 30
"""How long a process may take to be there; what it imports is ours, and a busy machine is no fault of the texts."""
READY = b"\n"
"""What it says then."""
AT_ONCE = 2
"""Such processes; the requests beyond wait."""
_room: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


class Texts(Struct, frozen=True):
    """What `lineage_of` is asked, as it goes to a process of its own."""

    views: list[View]
    columns: list[tuple[Name, list[str]]]
    dialect: str


async def lineage_apart(texts: Texts) -> Lineage | None:
    """What `lineage_of` answers, in a process of its own; None when it took too long, or too much memory.

    The server writes these texts: two hundred characters may take the parser minutes, and a thread cannot be ended.
    """
    loop = asyncio.get_running_loop()
    async with _room.setdefault(loop, asyncio.Semaphore(AT_ONCE)):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-m", "datasources.databases.view_lineage", env={},
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            async with asyncio.timeout(READY_SECONDS):
                await _reader(process).readexactly(len(READY))
            async with asyncio.timeout(APART_SECONDS):
                found, _ = await process.communicate(msgspec.json.encode(texts))
        except (TimeoutError, asyncio.IncompleteReadError):
            return None
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return msgspec.json.decode(found, type=Lineage) if process.returncode == 0 else None


def _reader(process: asyncio.subprocess.Process) -> asyncio.StreamReader:
    assert process.stdout is not None  # noqa: S101 -- it is a pipe
    return process.stdout
