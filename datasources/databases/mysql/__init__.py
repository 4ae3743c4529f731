"""MySQL and MariaDB."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

from datasources.databases.base import Database, Driver, Verified
from datasources.databases.mysql.catalog import CATALOG
from datasources.databases.mysql.connect import opened
from datasources.databases.mysql.model import MariadbSource, MysqlOptions, MysqlSource
from datasources.databases.mysql.session import MysqlSession
from datasources.model.source import Source


class Mysql(Database):
    """MySQL, by PyMySQL."""

    title = "MySQL"
    protocol = "MySQL"
    source: ClassVar[type[Source]] = MysqlSource
    options: ClassVar = MysqlOptions
    driver = Driver("pymysql", "mysql")
    verified = Verified(
        "emulator", "MariaDB 10.11 that reports MySQL 8, with our own record of views; no MySQL server", "2026-11-26"
    )

    @classmethod
    def elsewhere(cls, source: Any, database: str) -> Any:
        """A schema is a database here, so that `database.schema` may only name the source's own, or `def`."""
        if database not in (CATALOG, source.options.db):
            raise cls.no_schemas()
        return source

    @classmethod
    @asynccontextmanager
    async def open(cls, source: Any, *, read_only: bool) -> AsyncIterator[MysqlSession]:
        """A fresh connection, never pooled. Raises `SourceUnreachable`."""
        async with opened(source, read_only=read_only) as connection:
            yield MysqlSession(connection, source.query_timeout)


class Mariadb(Mysql):
    """MariaDB, by PyMySQL."""

    title = "MariaDB"
    source: ClassVar[type[Source]] = MariadbSource
    options: ClassVar = MysqlOptions
    verified = Verified("engine", "MariaDB 10.11", "2026-11-25")
