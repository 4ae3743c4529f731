"""SQLite files."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar

from datasources.databases.base import Verified
from datasources.databases.files import FileDatabase
from datasources.databases.sqlite.connect import opened
from datasources.databases.sqlite.model import SqliteOptions, SqliteSource
from datasources.databases.sqlite.session import SqliteSession


class Sqlite(FileDatabase):
    """SQLite, by Python's own module."""

    title = "SQLite"
    source: ClassVar = SqliteSource
    options: ClassVar = SqliteOptions
    aliases = ("sqlite3",)
    hyphen_word = "sqlite"
    verified = Verified("engine", "SQLite 3.40", "2026-11-25")

    @classmethod
    @asynccontextmanager
    async def open(cls, source: SqliteSource, *, read_only: bool) -> AsyncIterator[SqliteSession]:
        """The file, opened anew. Raises `SourceUnreachable`."""
        async with opened(source, read_only=read_only) as file:
            yield SqliteSession(file, source.query_timeout)
