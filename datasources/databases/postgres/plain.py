"""PostgreSQL's session on a relative whose catalogue answers plain statements only, so that it is put together here.

No aggregates over arrays, no JSON and no lateral queries, of which each relative lacks another.
"""

from abc import abstractmethod
from collections.abc import AsyncIterator, Iterable
from functools import partial
from typing import Any, ClassVar

from datasources.databases.base import History, Lineage, LineageEdge, Origin, Table, TableName, in_order
from datasources.databases.globs import Globs
from datasources.databases.limits import Limit
from datasources.databases.postgres.session import BATCH, PgSession
from datasources.databases.view_lineage import View, lineage_of
from datasources.databases.warehouse.catalog import Catalog
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode
from datasources.network.threads import in_thread

REFUSED = frozenset({ErrorCode.PERMISSION_DENIED, ErrorCode.QUERY_ERROR})
"""How a system view is refused that is for superusers, or that a server of this kind does not have."""
EdgeRow = tuple[str, str, str, str, str | None]
"""Schema and name of what is read, of the view that reads it, and one column of the former."""


class PlainSession(PgSession):
    """Questions to one open connection; a relative says how its catalogue is asked."""

    dialect: ClassVar[str]
    """sqlglot's word for its SQL."""
    dependencies: ClassVar[str]
    """The statement for what its own records say that views read, as rows of `EdgeRow`."""

    @abstractmethod
    async def _catalog(self, stage: str) -> Catalog:
        """All tables, columns and keys, in the order of their names, by a constant number of statements."""

    async def _history(self, found: Catalog, database: str) -> tuple[list[LineageEdge], History | None]:
        """What statements of the last days have made from what; nothing where the server keeps none."""
        return [], None

    async def tables(self, wanted: Globs) -> AsyncIterator[list[Table]]:
        """All tables in batches, in the order of their names."""
        database = (await self._identity()).database
        found = await self._catalog("tables")
        kept = [member for member in found.members if wanted.match(member.schema, member.name, database)]
        for start in range(0, len(kept), BATCH):
            yield [found.table(member) for member in kept[start : start + BATCH]]

    async def lineage(self, wanted: Globs) -> Lineage:
        """What views read by the server's own records; views of which it keeps none, by their texts."""
        database = (await self._identity()).database
        found = await self._catalog("lineage")
        edges = edges_of(await self._read("lineage", self.dependencies, EdgeRow))
        recorded = {edge.target for edge in edges}
        views = [
            View(member.schema, member.name, member.definition)
            for member in found.members
            if "view" in member.kind and TableName(member.schema, member.name) not in recorded
        ]
        async with Limit(self._terms.seconds).round("lineage"):
            read_by_us = await in_thread(partial(lineage_of, views, found.names, self.dialect))
        made, history = await self._history(found, database)
        known = in_order([*made, *read_by_us.edges, *edges])
        return Lineage(edges=known, unread=read_by_us.unread, history=history).only(wanted, database)

    async def _read_if_granted(self, stage: str, statement: str, kind: Any) -> list[Any] | None:
        """The same, or None where the user may not ask that, or the server does not have it."""
        try:
            return await self._read(stage, statement, kind)
        except CheckError as error:
            if error.code not in REFUSED:
                raise
            return None


def edges_of(rows: Iterable[EdgeRow]) -> list[LineageEdge]:
    """The edges of the records of dependencies, each with its columns."""
    found: dict[tuple[TableName, TableName], set[str]] = {}
    for source_schema, source, schema, name, column in rows:
        columns = found.setdefault((TableName(source_schema, source), TableName(schema, name)), set())
        columns |= {column} if column else set()
    return [
        LineageEdge(source=source, target=target, columns=sorted(columns), origin=Origin.dependency_record)
        for (source, target), columns in found.items()
    ]
