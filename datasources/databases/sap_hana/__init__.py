"""SAP HANA."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar

from datasources.databases.base import Database, Driver, Verified
from datasources.databases.sap_hana.asker import HanaAsker
from datasources.databases.sap_hana.model import HanaOptions, HanaSource
from datasources.databases.sap_hana.session import HanaSession
from datasources.databases.warehouse.login import let_in


class SapHana(Database):
    """SAP HANA, by SAP's own Python client behind a relay of ours."""

    title = "SAP HANA"
    source: ClassVar = HanaSource
    options: ClassVar = HanaOptions
    driver = Driver("hdbcli", "hana")
    verified = Verified(
        "documents", "SAP's documentation of HANA 2 and HANA Cloud, and hdbcli 2.30; no server", "2026-11-26"
    )

    @classmethod
    @asynccontextmanager
    async def open(cls, source: HanaSource, *, read_only: bool) -> AsyncIterator[HanaSession]:
        """A login, in one transaction that only reads where that is wanted. Raises `SourceUnreachable`."""
        asker = HanaAsker(source, read_only=read_only)
        async with let_in(source, asker, asker.begin):
            yield HanaSession(asker, source.query_timeout)
