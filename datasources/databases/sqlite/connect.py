"""Opening a file: read-only, alone, and never for longer than its limit."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from datasources.databases.blocking import Calls, open_in_thread
from datasources.databases.files import file_of
from datasources.databases.limits import Limit
from datasources.databases.opening import opening
from datasources.databases.sqlite.errors import translated
from datasources.databases.sqlite.model import SqliteSource
from datasources.model.errors import SourceUnreachable
from datasources.network.threads import in_thread

T = TypeVar("T")

COMPANIONS = ("-wal", "-shm", "-journal")
VALUE_BYTES = 8 * 1024 * 1024
"""Of one value or row: what is longer is an error of the query."""
STEPS = 10_000
"""Instructions of SQLite's machine between two looks at whether it has to stop: well below a millisecond."""
CLOSING_SECONDS = 0.5
READS = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE})
"""All that a query may do."""


class File:
    """An open file, where it lies, and how long each stage took in milliseconds."""

    def __init__(self, path: Path, shown: str, read_only: bool, patience: float) -> None:
        """`patience`: seconds for which SQLite waits for another process that writes."""
        mode = "ro" if read_only else "rw"
        self.connection = sqlite3.connect(
            f"file:{quote(str(path))}?mode={mode}",
            uri=True,
            timeout=patience,
            isolation_level=None,
            check_same_thread=False,  # one call at a time, each in a thread of its own
            cached_statements=0,
        )
        self.connection.text_factory = _as_text
        self.shown = shown
        self.database = path.stem
        self.stages_ms: dict[str, float] = {}
        self._ended = False
        self.calls = Calls(self.interrupt)
        self._guard(read_only)

    def _guard(self, read_only: bool) -> None:
        """No statement can open or make another file (security row 5)."""
        connection = self.connection
        connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)  # ATTACH and VACUUM INTO make files even when read-only
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, VALUE_BYTES)
        connection.setlimit(sqlite3.SQLITE_LIMIT_WORKER_THREADS, 0)
        connection.set_progress_handler(lambda: self._ended, STEPS)
        connection.execute("PRAGMA trusted_schema = OFF")  # no function with side effects in a view or an index
        connection.execute("PRAGMA temp_store = MEMORY")
        if read_only:
            connection.execute("PRAGMA query_only = ON")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # only now it is read

    def allow_reading_only(self) -> None:
        """From now on a statement may read and call functions, and nothing else."""
        self.connection.set_authorizer(lambda action, *_: sqlite3.SQLITE_OK if action in READS else sqlite3.SQLITE_DENY)

    def interrupt(self) -> None:
        """End what is being done, for good."""
        self._ended = True
        self.connection.interrupt()

    def close(self) -> None:
        """Blocks while a statement is under way."""
        self.connection.close()

    async def within(self, limit: Limit, stage: str, work: Callable[[sqlite3.Connection], T], prefix: str = "") -> T:
        """What `work` returns. Raises `CheckError`."""
        with translated(stage, prefix):
            return await self.calls.within(limit, stage, lambda: work(self.connection))


def _as_text(value: bytes) -> str:
    """SQLite keeps whatever bytes it was given as a text: those that are none are shown as U+FFFD."""
    return value.decode(errors="replace")


@asynccontextmanager
async def opened(source: SqliteSource, *, read_only: bool) -> AsyncIterator[File]:
    """The file of this source, closed at the end. Raises `SourceUnreachable`."""
    shown = source.options.path
    async with opening(source.connection_timeout) as progress:
        progress.reached("file")
        started = time.monotonic()
        path = await in_thread(lambda: file_of(source.options, COMPANIONS))
        with translated("file", f"{shown}: ", kind=SourceUnreachable):
            file = await open_in_thread(lambda: File(path, shown, read_only, source.query_timeout), File.close)
        file.stages_ms = {"file": round((time.monotonic() - started) * 1000, 2)}
    try:
        yield file
    finally:
        file.interrupt()
        with suppress(TimeoutError, sqlite3.Error):
            async with asyncio.timeout(CLOSING_SECONDS):
                await in_thread(file.close)
