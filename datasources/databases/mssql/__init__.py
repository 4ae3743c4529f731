"""SQL Server, and what speaks like it: Azure SQL by the same type, Azure Synapse Analytics, Microsoft Fabric."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

from datasources.databases.base import Database, Driver, Verified
from datasources.databases.mssql.asker import MssqlAsker
from datasources.databases.mssql.model import (
    AzureSynapseSource,
    FabricOptions,
    MicrosoftFabricSource,
    MssqlOptions,
    MssqlSource,
)
from datasources.databases.mssql.session import MssqlSession
from datasources.databases.warehouse.login import let_in
from datasources.model.source import Options, Source

DOCUMENTS = "Microsoft's documentation and MS-TDS; logins by our own double; no server"


class Mssql(Database):
    """SQL Server and Azure SQL, by python-tds behind a relay of ours that speaks TLS."""

    title = "Microsoft SQL Server"
    source: ClassVar[type[Source]] = MssqlSource
    options: ClassVar[type[Options]] = MssqlOptions
    driver = Driver("pytds", "mssql")
    verified = Verified("documents", DOCUMENTS, "2026-11-26")
    fabric: ClassVar[bool] = False

    @classmethod
    @asynccontextmanager
    async def open(cls, source: Any, *, read_only: bool) -> AsyncIterator[MssqlSession]:
        """A login. Raises `SourceUnreachable`. There is no read-only session: the guard is on the test query."""
        asker = MssqlAsker(source, read_only=read_only)
        async with let_in(source, asker, asker.begin):
            yield MssqlSession(asker, source.query_timeout, fabric=cls.fabric)


class AzureSynapse(Mssql):
    """A dedicated or serverless SQL pool."""

    title = "Azure Synapse Analytics"
    source: ClassVar[type[Source]] = AzureSynapseSource
    options: ClassVar[type[Options]] = MssqlOptions
    verified = Verified("documents", DOCUMENTS, "2026-11-26")


class MicrosoftFabric(Mssql):
    """A warehouse or a SQL endpoint, as an application of Microsoft Entra."""

    title = "Microsoft Fabric"
    source: ClassVar[type[Source]] = MicrosoftFabricSource
    options: ClassVar[type[Options]] = FabricOptions
    fabric = True
    verified = Verified("documents", DOCUMENTS, "2026-11-26")
