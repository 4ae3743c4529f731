"""What sessions on files share: no login, and a table that is created and dropped in one transaction."""

import secrets
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from datasources.databases.base import Identity, Session
from datasources.databases.limits import Limit
from datasources.databases.scratch import marked_name, require_written

T = TypeVar("T")


class OpenFile(Protocol):
    """An open database file, which is asked in a thread of its own."""

    database: str
    shown: str
    """Its path as the source names it."""
    stages_ms: dict[str, float]

    async def within(self, limit: Limit, stage: str, work: Callable[[Any], T], prefix: str = "") -> T:
        """What `work` returns of the connection. Raises `CheckError`."""


F = TypeVar("F", bound=OpenFile)


class FileSession(Session, Generic[F]):
    """Questions to one open file. Each takes `seconds` at most."""

    begin: ClassVar[str]
    """The statement that begins a transaction which writes."""

    def __init__(self, file: F, seconds: float) -> None:
        self._file = file
        self._seconds = seconds

    async def identity(self) -> Identity:
        """A file has no user to log in as."""
        return Identity(
            user=None,
            database=self._file.database,
            address=self._file.shown,
            tls=False,
            tls_verified=None,
            stages_ms=self._file.stages_ms,
        )

    async def _write_and_drop(self, schema: str, quoted_schema: str, limit: Limit) -> None:
        """Create, write, read and drop a table, in one transaction: nothing can stay behind."""
        name, token = marked_name(), secrets.token_hex(8)
        shown, table = f'"{self._file.database}"."{schema}"."{name}"', f'{quoted_schema}."{name}"'
        steps = (
            ("begin", "Unable to create table", self.begin),
            ("create", "Unable to create table", f"CREATE TABLE {table} (token varchar)"),
            ("write", "Unable to write to table", f"INSERT INTO {table} VALUES ('{token}')"),  # noqa: S608 -- ours
            ("read", "Unable to read table", f"SELECT token FROM {table}"),  # noqa: S608 -- ours
            ("drop", "Unable to drop table", f"DROP TABLE {table}"),
            ("commit", "Unable to commit table", "COMMIT"),
        )
        for stage, failure, statement in steps:
            rows = await self._file.within(limit, stage, partial(rows_of, statement), f"{failure} {shown}: ")
            if stage == "read":
                require_written(rows, [(token,)], f"table {shown}")


def rows_of(statement: str, connection: Any) -> list[tuple[Any, ...]]:
    """Every row of a statement of ours."""
    rows: list[tuple[Any, ...]] = connection.execute(statement).fetchall()
    return rows
