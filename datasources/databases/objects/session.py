"""A store of objects that has let us in."""

import secrets
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial

from datasources.databases.base import Identity, Lineage, QueryAnswer, Session, Table
from datasources.databases.globs import Globs
from datasources.databases.limits import Limit
from datasources.databases.objects.connect import Opened
from datasources.databases.objects.folders import MOST_OBJECTS, tables_of
from datasources.databases.scratch import MARK, dropped, leftovers, marked_name, require_written
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode

BATCH = 500
"""Folders handed on at a time."""
MOST_LEFTOVERS = 1000
NO_QUERIES = "An object store has no SQL, so it cannot run a test query"
NO_LINEAGE = "An object store has no views, and no record of what is made from what"


class StoreSession(Session):
    """Questions to one store. Each takes `seconds` at most, whatever the service does."""

    def __init__(self, opened: Opened, seconds: float) -> None:
        self._opened = opened
        self._store = opened.store
        self._seconds = seconds

    async def identity(self) -> Identity:
        """Who we are over there. TLS is always on."""
        await self._opened.within(Limit(self._seconds), "identity", self._store.log_in)
        return Identity(
            user=self._store.user,
            database=self._store.bucket,
            address=self._opened.outlet.address,
            tls=True,
            tls_verified="full",
            stages_ms=self._opened.stages_ms,
        )

    async def version(self) -> str:
        """The service's name: none tells a version."""
        return self._store.version

    async def sweep(self, schema: str) -> list[str]:
        """Delete objects with our mark below the prefix that are older than an hour; answers their names."""
        limit, swept = Limit(self._seconds), []
        list_ours = partial(self._store.items, below(schema, MARK), MOST_LEFTOVERS)
        items = await self._opened.within(limit, "sweep", list_ours)
        for name in leftovers(item.name.rpartition("/")[2] for item in items):
            with suppress(CheckError):  # the user may not delete it
                await self._opened.within(limit, "sweep", partial(self._store.delete, below(schema, name)))
                swept.append(name)
        return swept

    async def write_and_drop(self, schema: str) -> None:
        """Write, read and delete an object below the prefix. A cut may leave it to a later sweep."""
        name, token, limit = marked_name(), secrets.token_hex(8).encode(), Limit(self._seconds)
        path = below(schema, name)
        shown = f'"{self._store.bucket}"."{path}"'

        async def delete() -> None:
            remove = partial(self._store.delete, path)
            await self._opened.within(limit, "drop", remove, f"Unable to delete object {shown}: ")

        write = partial(self._store.put, path, token)
        await self._opened.within(limit, "create", write, f"Unable to write object {shown}: ")
        async with dropped(delete):
            read = partial(self._store.get, path)
            found = await self._opened.within(limit, "read", read, f"Unable to read object {shown}: ")
            require_written(found, token, f"object {shown}")

    async def tables(self, wanted: Globs) -> AsyncIterator[list[Table]]:
        """Folders and files in batches, in the order of their names, of the objects that are listed first."""
        list_all = partial(self._store.items, "", MOST_OBJECTS + 1)
        items = await self._opened.within(Limit(self._seconds), "tables", list_all)
        if len(items) > MOST_OBJECTS:
            self.caveat = f"Only the first {MOST_OBJECTS} objects were listed: there are more"
        found = tables_of(items[:MOST_OBJECTS])
        kept = [table for table in found if wanted.match(table.schema, table.name, self._store.bucket)]
        for start in range(0, len(kept), BATCH):
            yield kept[start : start + BATCH]

    async def lineage(self, wanted: Globs) -> Lineage:
        """Raises `CheckError`: there is none."""
        raise CheckError(ErrorCode.QUERY_ERROR, NO_LINEAGE, {"stage": "lineage"})

    async def query(self, sql: str) -> QueryAnswer:
        """Raises `CheckError`: there is no SQL."""
        raise CheckError(ErrorCode.QUERY_ERROR, NO_QUERIES, {"stage": "query"})


def below(prefix: str, name: str) -> str:
    """The name of an object below a prefix."""
    return f"{prefix}/{name}" if prefix else name
