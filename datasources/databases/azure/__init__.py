"""Azure storage: accounts of Data Lake Gen2 among them, by the Blob service that they answer as well."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import ClassVar

from datasources.databases.azure.model import AzureOptions, AzureSource
from datasources.databases.azure.store import AzureStore, authority_of, endpoint_of
from datasources.databases.base import Driver, Verified
from datasources.databases.objects.connect import opened, require_login
from datasources.databases.objects.database import StoreDatabase
from datasources.databases.objects.session import StoreSession


class Azure(StoreDatabase):
    """Azure storage, by Azure's libraries."""

    title = "Azure Data Lake Storage"
    source: ClassVar = AzureSource
    options: ClassVar = AzureOptions
    verified = Verified("emulator", "Azurite 3.35 for the Blob service, and a small double of Entra", "2026-11-26")
    driver = Driver("azure.storage.blob", "azure")

    @classmethod
    @asynccontextmanager
    async def open(cls, source: AzureSource, *, read_only: bool) -> AsyncIterator[StoreSession]:
        """An account that has let us in. Nothing is written but by `write_and_drop`."""
        options = source.options
        require_login(options, ("tenant_id", "client_id", "client_secret"))
        places = [endpoint_of(options), authority_of(options)]
        async with opened(source, options, places, partial(AzureStore, options)) as found:
            yield StoreSession(found, source.query_timeout)
