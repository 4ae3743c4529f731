"""Logging in to one MongoDB server, through a relay of ours: the driver resolves names and discovers servers itself."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, TypeVar
from urllib.parse import quote

from datasources.databases.limits import Limit
from datasources.databases.mongodb.errors import translated
from datasources.databases.mongodb.model import MongodbOptions, MongodbSource
from datasources.databases.opening import addresses_of, opening
from datasources.model.errors import SourceUnreachable
from datasources.model.vocabulary import ErrorCode
from datasources.network.tls import MODES, context_of
from datasources.network.way_out import Relay, open_relay

T = TypeVar("T")

LEAVING_SECONDS = 0.5
CONNECTIONS = 4
"""Of one session, beside the one by which the driver watches the server."""


class Server:
    """A server that has let us in."""

    def __init__(self, client: Any, relay: Relay, options: MongodbOptions) -> None:
        self.client = client
        self.relay = relay
        self.options = options
        self.database = options.database
        self.user: str | None = None
        self.stages_ms: dict[str, float] = {}

    async def within(self, limit: Limit, stage: str, work: Coroutine[Any, Any, T], prefix: str = "") -> T:
        """What `work` returns. Raises `CheckError`."""
        with translated(stage, prefix):
            async with limit.round(stage):
                return await self.ask(work)

    async def ask(self, work: Coroutine[Any, Any, T]) -> T:
        """What `work` returns; a connection that failed ends it at once, while the driver would try again."""
        call = asyncio.ensure_future(work)
        broken = asyncio.ensure_future(self.relay.failed.wait())
        try:
            await asyncio.wait([call, broken], return_when=asyncio.FIRST_COMPLETED)
            if self.relay.failure is not None:
                raise self.relay.failure
            return await call
        finally:
            for task in (call, broken):
                task.cancel()
            await asyncio.gather(call, broken, return_exceptions=True)


@asynccontextmanager
async def opened(source: MongodbSource) -> AsyncIterator[Server]:
    """A server that has let us in, by a connection to it alone. Raises `SourceUnreachable`."""
    options = source.options
    async with AsyncExitStack() as stack:
        async with opening(source.connection_timeout) as progress:
            addresses, port = await addresses_of(source)
            verification = MODES[options.tls]
            context = None if verification is None else context_of(options.rootcert, verification)
            relay = Relay(addresses, port, context=context, name=options.host, progress=progress)
            path = await stack.enter_async_context(open_relay(relay))
            with translated("login", kind=SourceUnreachable):
                client = _client(source, path)
            stack.push_async_callback(_leave, client, relay)
            server = Server(client, relay, options)
            await _log_in(server)
            progress.end()
            server.stages_ms = progress.stages_ms
        yield server


def _client(source: MongodbSource, path: str) -> Any:
    from pymongo import AsyncMongoClient

    options = source.options
    connecting, asking = round(source.connection_timeout * 1000), round(source.query_timeout * 1000)
    login = {"username": options.username, "password": options.password} if options.password else {}
    return AsyncMongoClient(
        f"mongodb://{quote(path, safe='')}",
        directConnection=True,  # to this server, and to none that it names
        serverMonitoringMode="poll",
        connectTimeoutMS=min(options.connect_timeout_ms, connecting),
        serverSelectionTimeoutMS=min(options.server_selection_timeout_ms, connecting),
        socketTimeoutMS=min(options.socket_timeout_ms, asking),
        retryReads=False,
        retryWrites=False,
        maxPoolSize=CONNECTIONS,
        appname="sourcecheck",
        unicode_decode_error_handler="replace",
        datetime_conversion="DATETIME_AUTO",
        authSource=options.auth_source or "admin",
        **login,
    )


async def _log_in(server: Server) -> None:
    """Raises `SourceUnreachable`: a login that is refused, or no right in the database."""
    options = server.options
    if not options.password:
        message = "The source has no password"
        details = {"stage": "login", "secret_missing": True, "missing": list(options.asked_fields)}
        raise SourceUnreachable(ErrorCode.AUTHENTICATION_FAILED, message, details)
    with translated("login", kind=SourceUnreachable):
        status = await server.ask(server.client.admin.command("connectionStatus"))
        users = status["authInfo"]["authenticatedUsers"]
        server.user = str(users[0]["user"]) if users else None
    with translated("database", kind=SourceUnreachable):
        listing = {"nameOnly": True, "authorizedCollections": True, "cursor": {"batchSize": 1}}
        await server.ask(server.client[server.database].command("listCollections", **listing))


async def _leave(client: Any, relay: Relay) -> None:
    """Without a farewell that would have to be waited for."""
    relay.shut()
    with suppress(Exception):
        async with asyncio.timeout(LEAVING_SECONDS):
            await client.close()
