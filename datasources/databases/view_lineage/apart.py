"""Parses the texts of views in a separate process, which can be killed: a hostile server may have written them."""

import asyncio

import msgspec
from msgspec import Struct

from datasources.databases.base import Lineage
from datasources.databases.separate import process_of
from datasources.databases.view_lineage.names import Name
from datasources.databases.view_lineage.reading import View

APART_SECONDS = 5
"""How much CPU time parsing may take in that process, once it is ready."""
READY_SECONDS = 30
"""How long the process may take to start: it imports only our code, and a busy machine is no fault of the texts."""
READY = b"\n"
"""What the process writes when it is ready."""


class Texts(Struct, frozen=True):
    """The arguments of `lineage_of`, as they are sent to the process."""

    views: list[View]
    columns: list[tuple[Name, list[str]]]
    dialect: str


async def lineage_apart(texts: Texts) -> Lineage | None:
    """The result of `lineage_of`, from a separate process; None if that takes too long or too much memory.

    The server sends these texts: two hundred characters may keep the parser busy for minutes, and a thread cannot be
    killed.
    """
    async with process_of("datasources.databases.view_lineage") as process:
        try:
            async with asyncio.timeout(READY_SECONDS):
                await _reader(process).readexactly(len(READY))
            async with asyncio.timeout(APART_SECONDS):
                found, _ = await process.communicate(msgspec.json.encode(texts))
        except (TimeoutError, asyncio.IncompleteReadError):
            return None
    return msgspec.json.decode(found, type=Lineage) if process.returncode == 0 else None


def _reader(process: asyncio.subprocess.Process) -> asyncio.StreamReader:
    assert process.stdout is not None  # noqa: S101 -- it is a pipe
    return process.stdout
