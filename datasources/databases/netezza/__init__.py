"""IBM Netezza."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar

from datasources.databases.base import Database, Driver, Verified
from datasources.databases.netezza.asker import NetezzaAsker
from datasources.databases.netezza.model import NetezzaOptions, NetezzaSource
from datasources.databases.netezza.session import NetezzaSession
from datasources.databases.warehouse.login import let_in
from datasources.model.errors import SourceUnreachable
from datasources.model.vocabulary import ErrorCode

CLEARTEXT = (
    "Without tls the server may ask for the password in clear text, or as a hash that is soon guessed: use tls, or set "
    "allow_cleartext_password if you trust the network in between"
)


class Netezza(Database):
    """IBM Netezza, by IBM's own Python driver behind a relay of ours."""

    title = "IBM Netezza"
    source: ClassVar = NetezzaSource
    options: ClassVar = NetezzaOptions
    driver = Driver("nzpy", "netezza")
    verified = Verified(
        "documents", "IBM's documentation of Netezza Performance Server 11, and nzpy 1.17; no server", "2026-11-26"
    )

    @classmethod
    @asynccontextmanager
    async def open(cls, source: NetezzaSource, *, read_only: bool) -> AsyncIterator[NetezzaSession]:
        """A login, for a session that only reads where that is wanted. Raises `SourceUnreachable`."""
        options = source.options
        if not options.tls and not options.allow_cleartext_password:
            raise SourceUnreachable(ErrorCode.AUTHENTICATION_FAILED, CLEARTEXT, {"stage": "login", "cleartext": True})
        asker = NetezzaAsker(source, read_only=read_only)
        async with let_in(source, asker, asker.begin):
            yield NetezzaSession(asker, source.query_timeout)
