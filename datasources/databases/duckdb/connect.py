"""Opening a file: alone, without a way to any other file, and never for longer than its limit."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from datasources.databases.blocking import Calls, open_in_thread
from datasources.databases.duckdb.errors import translated
from datasources.databases.duckdb.model import DuckdbSource
from datasources.databases.files import file_of
from datasources.databases.limits import Limit
from datasources.databases.opening import opening
from datasources.model.errors import SourceUnreachable
from datasources.network.threads import in_thread

T = TypeVar("T")

LOCKED: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",  # no other file, and no network: no read_csv, COPY, ATTACH, EXPORT
    "autoload_known_extensions": "false",
    "autoinstall_known_extensions": "false",
    "allow_community_extensions": "false",
    "temp_directory": "",  # nothing is written beside the file
    "memory_limit": "512MB",
    "threads": "2",
    "lock_configuration": "true",
}
"""What no statement can change (security row 5). Read-only alone allows all of that."""
COMPANIONS = (".wal",)
CLOSING_SECONDS = 0.5


class File:
    """An open file, where it lies, and how long opening took in milliseconds."""

    def __init__(self, path: Path, shown: str, *, read_only: bool) -> None:
        import duckdb

        self.connection = duckdb.connect(str(path), read_only=read_only, config=LOCKED)
        self.path = path
        self.shown = shown
        self.database = path.stem
        self.stages_ms: dict[str, float] = {}
        self.calls = Calls(self.connection.interrupt)

    def close(self) -> None:
        """Blocks while a statement is under way."""
        self.connection.close()

    async def within(self, limit: Limit, stage: str, work: Callable[[Any], T], prefix: str = "") -> T:
        """What `work` returns of the connection. Raises `CheckError`."""
        with translated(stage, self.path, prefix):
            return await self.calls.within(limit, stage, lambda: work(self.connection))


@asynccontextmanager
async def opened(source: DuckdbSource, *, read_only: bool) -> AsyncIterator[File]:
    """The file of this source, closed at the end. Raises `SourceUnreachable`."""
    shown = source.options.path
    async with opening(source.connection_timeout) as progress:
        progress.reached("file")
        started = time.monotonic()
        path = await in_thread(lambda: file_of(source.options, COMPANIONS))
        with translated("file", path, f"{shown}: ", kind=SourceUnreachable):
            file = await open_in_thread(lambda: File(path, shown, read_only=read_only), File.close)
        file.stages_ms = {"file": round((time.monotonic() - started) * 1000, 2)}
    try:
        yield file
    finally:
        file.connection.interrupt()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSING_SECONDS):
                await in_thread(file.close)
