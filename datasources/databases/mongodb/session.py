"""A MongoDB server that has let us in."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from datasources.databases.base import Column, Identity, Lineage, QueryAnswer, Session, Table
from datasources.databases.globs import Globs
from datasources.databases.limits import Limit
from datasources.databases.mongodb import catalog
from datasources.databases.mongodb.connect import Server
from datasources.databases.scratch import dropped, leftovers, marked_name, require_written
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode
from datasources.network.tls import MODES

T = TypeVar("T")

BATCH = 100
"""Collections that are described at a time, by as many connections as the session has."""
SAMPLE = 100
"""Documents of a collection without validator that are read for its fields."""
NO_QUERIES = "MongoDB has no SQL, so it cannot run a test query"


class MongodbSession(Session):
    """Questions to one server. Each takes `seconds` at most, whatever the server does."""

    def __init__(self, server: Server, seconds: float) -> None:
        self._server = server
        self._seconds = seconds
        self._database = server.client[server.database]

    async def identity(self) -> Identity:
        """The user that the server took us for, and whether TLS is on."""
        server = self._server
        await self._ask("identity", server.client.admin.command("ping"))
        return Identity(
            user=server.user,
            database=server.database,
            address=server.relay.address,
            tls=server.options.tls != "off",
            tls_verified=MODES[server.options.tls],
            tls_version=server.relay.tls_version,
            stages_ms=server.stages_ms,
        )

    async def version(self) -> str:
        """Like `MongoDB 8.0.4`."""
        return f"MongoDB {(await self._ask('version', self._server.client.admin.command('buildInfo')))['version']}"

    async def sweep(self, schema: str) -> list[str]:
        """Drop collections with our mark that are older than an hour; answers their names."""
        limit, swept, database = Limit(self._seconds), [], self._server.client[schema]
        names = await self._ask("sweep", database.list_collection_names(), limit)
        for name in leftovers(names):
            with suppress(CheckError):  # the user may not drop it
                await self._ask("sweep", database.command("drop", name), limit)
                swept.append(name)
        return swept

    async def write_and_drop(self, schema: str) -> None:
        """Create, write, read and drop a collection. A cut may leave it to a later sweep, for nothing undoes it."""
        name, token, limit = marked_name(), secrets.token_hex(8), Limit(self._seconds)
        shown = f'"{self._server.database}"."{schema}"."{name}"'
        database = await self._database_called(schema)
        await self._ask("create", database.command("create", name), limit, f"Unable to create collection {shown}: ")

        async def drop() -> None:
            await self._ask("drop", database.command("drop", name), limit, f"Unable to drop collection {shown}: ")

        async with dropped(drop):
            document = {"_id": 1, "token": token}
            write = database.command("insert", name, documents=[document])
            done = await self._ask("write", write, limit, f"Unable to write to collection {shown}: ")
            if done.get("writeErrors"):
                message = f"Unable to write to collection {shown}: {done['writeErrors'][0].get('errmsg')}"
                raise CheckError(ErrorCode.QUERY_ERROR, message, {"stage": "write"})
            found = await self._ask("read", database[name].find_one(), limit, f"Unable to read collection {shown}: ")
            require_written(found, document, f"collection {shown}")

    async def tables(self, wanted: Globs) -> AsyncIterator[list[Table]]:
        """The collections and views of the source's database in batches, in the order of their names."""
        limit = Limit(self._seconds)
        infos = await self._infos("tables", limit)
        kept = [info for info in infos if wanted.match(self._server.database, info["name"], self._server.database)]
        for start in range(0, len(kept), BATCH):
            describing = (self._table(info, limit) for info in kept[start : start + BATCH])
            yield list(await asyncio.gather(*describing))

    async def lineage(self, wanted: Globs) -> Lineage:
        """What each view reads, by its pipeline; MongoDB has no record of columns."""
        found = catalog.read_lineage(self._server.database, await self._infos("lineage", Limit(self._seconds)))
        return found.only(wanted, self._server.database)

    async def query(self, sql: str) -> QueryAnswer:
        """Raises `CheckError`: there is no SQL."""
        raise CheckError(ErrorCode.QUERY_ERROR, NO_QUERIES, {"stage": "query"})

    async def _infos(self, stage: str, limit: Limit) -> list[catalog.Info]:
        async def listed() -> list[catalog.Info]:
            return [info async for info in await self._database.list_collections() if catalog.is_ours(info)]

        return sorted(await self._ask(stage, listed(), limit), key=lambda info: str(info["name"]))

    async def _table(self, info: catalog.Info, limit: Limit) -> Table:
        name, kind = str(info["name"]), catalog.KINDS.get(str(info.get("type")), "collection")
        schema = catalog.schema_of(info)
        comment = (schema or {}).get("description")
        return Table(
            schema=self._server.database,
            name=name,
            kind=kind,
            columns=catalog.declared_columns(schema) if schema else await self._sampled(name, kind, limit),
            primary_key=[] if kind == "view" else ["_id"],
            comment=str(comment) if comment else None,
            rows=await self._count(name, kind, limit),
            definition=catalog.definition_of(info),
        )

    async def _sampled(self, name: str, kind: str, limit: Limit) -> list[Column]:
        """The fields of a few documents; none where the user may not read them, or a view is broken."""
        stage = {"$limit": SAMPLE} if kind == "view" else {"$sample": {"size": SAMPLE}}

        async def sample() -> list[dict[str, Any]]:
            documents: list[dict[str, Any]] = await (await self._database[name].aggregate([stage])).to_list(SAMPLE)
            return documents

        return catalog.sampled_columns(await self._readable(sample(), limit) or [])

    async def _count(self, name: str, kind: str, limit: Limit) -> int | None:
        if kind == "view":
            return None
        return await self._readable(self._database[name].estimated_document_count(), limit)

    async def _readable(self, work: Coroutine[Any, Any, T], limit: Limit) -> T | None:
        try:
            return await self._ask("tables", work, limit)
        except CheckError as error:
            if error.code in (ErrorCode.PERMISSION_DENIED, ErrorCode.QUERY_ERROR):
                return None
            raise

    async def _database_called(self, schema: str) -> Any:
        async def made() -> Any:
            return self._server.client[schema]

        return await self._ask("create", made())

    async def _ask(self, stage: str, work: Coroutine[Any, Any, T], limit: Limit | None = None, prefix: str = "") -> T:
        return await self._server.within(limit or Limit(self._seconds), stage, work, prefix)
