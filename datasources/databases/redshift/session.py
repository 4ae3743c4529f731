"""One open connection to Redshift: PostgreSQL's session, but for what is asked of the catalogue."""

import re
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

from datasources.databases.base import History, Lineage, LineageEdge, Table
from datasources.databases.globs import Globs
from datasources.databases.limits import Limit
from datasources.databases.postgres import scratch
from datasources.databases.postgres.answers import read
from datasources.databases.postgres.session import BATCH, END, PgSession
from datasources.databases.redshift import catalog, queries
from datasources.databases.redshift.terms import constant
from datasources.databases.view_lineage import View, lineage_of
from datasources.databases.warehouse.catalog import Catalog, Member, by_table
from datasources.databases.warehouse.history import Written, edges_of
from datasources.model.errors import CheckError, SourceUnreachable
from datasources.model.vocabulary import ErrorCode
from datasources.network.threads import in_thread

REFUSED = frozenset({ErrorCode.PERMISSION_DENIED, ErrorCode.QUERY_ERROR})
"""How a system view is refused that is for superusers, or that a cluster of this kind does not have."""
KEPT_IN = "sys_query_history (7 days; the user's own statements, unless ALTER USER … SYSLOG ACCESS UNRESTRICTED)"
NO_HISTORY = "GRANT SELECT ON sys_query_history, sys_query_text TO …, and ALTER USER … SYSLOG ACCESS UNRESTRICTED"


class RedshiftSession(PgSession):
    """Questions to one open connection, each in a transaction of its own."""

    async def require_role(self, role: str | None) -> None:
        """A role that the source names has to be granted: Redshift activates all that are, and takes on none.

        Raises `SourceUnreachable`.
        """
        if role is None:
            return
        if not await self._read("login", queries.HAS_ROLE.format(role=constant(role)), tuple[str]):
            message = f'The user does not have the role "{role}"'
            advice = f'GRANT ROLE "{role}" TO the user of this source, or leave the role out.'
            raise SourceUnreachable(ErrorCode.PERMISSION_DENIED, message, {"stage": "login"}, advice)

    async def version(self) -> str:
        """Like `Redshift 1.0.12103`: the version of PostgreSQL that it reports is that of its protocol."""
        ((text,),) = await self._read("version", queries.VERSION, tuple[str])
        found = re.search(r"Redshift ([\d.]+)", text)
        return f"Redshift {found[1]}" if found else (await super().version())

    async def sweep(self, schema: str) -> list[str]:
        """Drop leftovers of tests that were cut off; answers their names."""
        listed = queries.LEFTOVERS.format(schema=constant(schema))
        return await scratch.sweep(self._connection, self._terms, schema, listed)

    async def count_unreadable(self) -> int:
        """Nothing tells: its views show what the user may see."""
        return 0

    async def tables(self, wanted: Globs) -> AsyncIterator[list[Table]]:
        """All tables in batches, in the order of their names, by five queries."""
        database = (await self._identity()).database
        found = await self._catalog("tables")
        kept = [member for member in found.members if wanted.match(member.schema, member.name, database)]
        for start in range(0, len(kept), BATCH):
            yield [found.table(member) for member in kept[start : start + BATCH]]

    async def lineage(self, wanted: Globs) -> Lineage:
        """What views read by Redshift's own records; late-binding views, of which it keeps none, by their texts."""
        database = (await self._identity()).database
        found = await self._catalog("lineage")
        edges = catalog.edges_of(await self._read("lineage", queries.DEPENDENCIES, catalog.EdgeRow))
        recorded = {edge.target for edge in edges}
        views = [
            View(member.schema, member.name, member.definition)
            for member in found.members
            if "view" in member.kind and (member.schema, member.name) not in {(n.schema, n.name) for n in recorded}
        ]
        async with Limit(self._terms.seconds).round("lineage"):
            read_by_us = await in_thread(partial(lineage_of, views, found.names, "redshift"))
        made, history = await self._history(found, database)
        known = {(edge.source, edge.target): edge for edge in [*made, *read_by_us.edges, *edges]}
        ordered = sorted(known.values(), key=lambda edge: (edge.target, edge.source))
        return Lineage(edges=ordered, unread=read_by_us.unread, history=history).only(wanted, database)

    async def _history(self, found: Catalog, database: str) -> tuple[list[LineageEdge], History]:
        """What statements of the last days have made from what."""
        try:
            rows = await self._read("history", queries.HISTORY, catalog.TextRow)
        except CheckError as error:
            if error.code not in REFUSED:
                raise
            return [], History(read_from=KEPT_IN, missing=NO_HISTORY)
        texts: dict[str, str] = {}
        for number, piece in rows:  # of 4,000 characters each
            texts[number] = texts.get(number, "") + piece
        written = [Written(text, "public") for text in texts.values()]
        async with Limit(self._terms.seconds).round("history"):
            edges, count, unread = await in_thread(partial(edges_of, written, found.columns, "redshift", database))
        return edges, History(read_from=KEPT_IN, statements=count, unread=unread)

    async def _catalog(self, stage: str) -> Catalog:
        members = await self._read(stage, queries.MEMBERS, catalog.MemberRow)
        columns = await self._read(stage, queries.COLUMNS, catalog.ColumnRow)
        primary, foreign = catalog.keys_of(await self._read(stage, queries.KEYS, catalog.KeyRow))
        views = await self._read(stage, queries.VIEWS, catalog.ViewRow)
        texts = {(schema, name): text for schema, name, text in views}
        counts = await self._counts(stage)
        return Catalog(
            members=[
                Member(
                    schema=schema,
                    name=name,
                    kind=catalog.kind_of(kind, texts.get((schema, name))),
                    comment=comment,
                    rows=counts.get((schema, name)),
                    definition=texts.get((schema, name)),
                )
                for schema, name, kind, comment in members
            ],
            columns=by_table((row[0], row[1], catalog.column_of(row)) for row in columns),
            primary=primary,
            foreign=foreign,
        )

    async def _counts(self, stage: str) -> dict[tuple[str, str], int | None]:
        """Rows of tables, of which Redshift tells superusers, and users to whom the view was granted."""
        try:
            rows = await self._read(stage, queries.ROWS, catalog.CountRow)
        except CheckError as error:
            if error.code not in REFUSED:
                raise
            return {}
        return {(schema, name): count for schema, name, count in rows}

    async def _read(self, stage: str, statement: str, kind: Any) -> list[Any]:
        """All rows of one of our own statements, read one by one in a transaction of its own."""
        limit = Limit(self._terms.seconds)
        parse = partial(read, kind=kind)
        return [row async for row, _ in self._stream(stage, limit, parse, self._terms.begin(), statement, END)]
