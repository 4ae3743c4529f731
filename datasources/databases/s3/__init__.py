"""Amazon S3, and stores that speak its protocol."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import ClassVar

from datasources.databases.base import Driver, Verified
from datasources.databases.objects.connect import opened, require_login
from datasources.databases.objects.database import StoreDatabase
from datasources.databases.objects.session import StoreSession
from datasources.databases.s3.model import S3Options, S3Source
from datasources.databases.s3.store import S3Store, endpoint_of


class S3(StoreDatabase):
    """Amazon S3, by botocore."""

    title = "Amazon S3"
    source: ClassVar = S3Source
    options: ClassVar = S3Options
    verified = Verified("emulator", "moto 5.2 with signatures and IAM policies on", "2026-11-26")
    driver = Driver("botocore", "aws")

    @classmethod
    @asynccontextmanager
    async def open(cls, source: S3Source, *, read_only: bool) -> AsyncIterator[StoreSession]:
        """A bucket that has let us in. Nothing is written but by `write_and_drop`."""
        options = source.options
        require_login(options, ("key_id", "secret"))
        async with opened(source, options, [endpoint_of(options)], partial(S3Store, options)) as found:
            yield StoreSession(found, source.query_timeout)
