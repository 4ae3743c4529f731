"""One open connection to Redshift: PostgreSQL's session, but for what is asked of the catalogue."""

import re

from datasources.databases.base import History, LineageEdge
from datasources.databases.history.apart import history_of_texts
from datasources.databases.history.edges import FoldedNames, Written
from datasources.databases.limits import Limit
from datasources.databases.postgres import scratch
from datasources.databases.postgres.plain import PlainSession
from datasources.databases.redshift import catalog, queries
from datasources.databases.redshift.terms import constant
from datasources.databases.warehouse.catalog import Catalog, Member, by_table
from datasources.model.errors import SourceUnreachable
from datasources.model.vocabulary import ErrorCode

KEPT_IN = "sys_query_history (7 days; the user's own statements, unless ALTER USER … SYSLOG ACCESS UNRESTRICTED)"
NO_HISTORY = "GRANT SELECT ON sys_query_history, sys_query_text TO …, and ALTER USER … SYSLOG ACCESS UNRESTRICTED"


class RedshiftSession(PlainSession):
    """Questions to one open connection, each in a transaction of its own."""

    dialect = "redshift"
    dependencies = queries.DEPENDENCIES

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

    async def _history(self, found: Catalog, database: str) -> tuple[list[LineageEdge], History | None]:
        """What statements of the last days have made from what."""
        rows = await self._read_if_granted("history", queries.HISTORY, catalog.TextRow)
        if rows is None:
            return [], History(read_from=KEPT_IN, missing=NO_HISTORY)
        texts: dict[str, str] = {}
        for number, piece in rows:  # of 4,000 characters each
            texts[number] = texts.get(number, "") + piece
        written = [Written(text, "public") for text in texts.values()]
        names = FoldedNames(found.columns, database)
        return await history_of_texts(written, names, self.dialect, Limit(self._terms.seconds), KEPT_IN)

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
        rows = await self._read_if_granted(stage, queries.ROWS, catalog.CountRow)
        return {(schema, name): count for schema, name, count in rows or []}
