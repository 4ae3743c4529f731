"""Google Cloud Storage."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import ClassVar

from datasources.databases.base import Driver, Verified
from datasources.databases.gcs.model import GcsOptions, GcsSource
from datasources.databases.gcs.store import GcsStore, endpoint_of
from datasources.databases.objects.connect import opened, require_login
from datasources.databases.objects.database import StoreDatabase
from datasources.databases.objects.session import StoreSession


class Gcs(StoreDatabase):
    """Google Cloud Storage, by Google's library."""

    title = "Google Cloud Storage"
    source: ClassVar = GcsSource
    options: ClassVar = GcsOptions
    verified = Verified(
        "emulator", "gcp-storage-emulator 2026.7 behind our own front end, which checks tokens and rights", "2026-11-26"
    )
    driver = Driver("google.cloud.storage", "gcp")

    @classmethod
    @asynccontextmanager
    async def open(cls, source: GcsSource, *, read_only: bool) -> AsyncIterator[StoreSession]:
        """A bucket that has let us in. Nothing is written but by `write_and_drop`."""
        options = source.options
        require_login(options, ("jsonKeyFile",))
        async with opened(source, options, [endpoint_of(options)], partial(GcsStore, options)) as found:
            yield StoreSession(found, source.query_timeout)
