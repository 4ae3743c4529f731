"""Tables from the rows of a few catalogue queries, and the edges of the views among them."""

import re
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from datasources.databases.base import Column, ForeignKey, Lineage, LineageEdge, Table
from datasources.databases.view_lineage import LENGTH_LIMIT, View, lineage_of

Name = tuple[str, str]
"""Schema and table."""
Rewriting = Sequence[tuple[re.Pattern[str], str]]
"""Patterns, and what is put in their place, in this order."""
VIEWS = frozenset({"view", "materialized view"})


class Member(Struct, kw_only=True, frozen=True):
    """One table or view, without its columns."""

    schema: str
    name: str
    kind: str
    comment: str | None = None
    rows: int | None = None
    definition: str | None = None
    """Of a view; None where the user may not read it."""


class Catalog(Struct, kw_only=True):
    """All that was read, by name."""

    members: list[Member]
    columns: dict[Name, list[Column]]
    primary: Mapping[Name, list[str]] = {}
    foreign: Mapping[Name, list[ForeignKey]] = {}

    def table(self, member: Member) -> Table:
        """One table with its columns and keys."""
        name = (member.schema, member.name)
        return Table(
            schema=member.schema,
            name=member.name,
            kind=member.kind,
            comment=member.comment or None,
            rows=member.rows,
            columns=self.columns.get(name, []),
            primary_key=self.primary.get(name, []),
            foreign_keys=self.foreign.get(name, []),
            definition=(member.definition or None) if member.kind in VIEWS else None,
        )

    def view_lineage(
        self,
        dialect: str,
        *,
        folded: bool,
        database: str = "",
        recorded: Iterable[LineageEdge] | None = None,
        near: bool = False,
        rewritten: Rewriting = (),
    ) -> Lineage:
        """What each view reads: by the server's record of it, with the columns of its text, or else by its text.

        `near`: the dialect is another product's, so that the text of a view without a record counts as unread.
        `rewritten`: of the product's syntax, what the dialect has otherwise. Takes CPU: run it in a thread.
        """
        told: dict[Name, list[Name]] = {}
        for edge in recorded or ():
            told.setdefault((edge.target.schema, edge.target.name), []).append((edge.source.schema, edge.source.name))
        views = [
            View(*name, None if near and name not in told else _written(member.definition, rewritten), told.get(name))
            for member in self.members
            if member.kind in VIEWS and (name := (member.schema, member.name))
        ]
        return lineage_of(views, self.names, dialect, folded=folded, database=database)

    @property
    def names(self) -> dict[Name, list[str]]:
        """The columns of each table by their names."""
        return {name: [column.name for column in columns] for name, columns in self.columns.items()}


def _written(text: str | None, rewritten: Rewriting) -> str | None:
    """A view's text as it is parsed; a long one is not looked at, for it is not parsed either."""
    if text is None or len(text) > LENGTH_LIMIT:
        return text
    for pattern, instead in rewritten:
        text = pattern.sub(instead, text)
    return text


def by_table(rows: Iterable[tuple[str, str, Column]]) -> dict[Name, list[Column]]:
    """The columns of each table, in the order in which they come."""
    found: dict[Name, list[Column]] = {}
    for schema, table, column in rows:
        found.setdefault((schema, table), []).append(column)
    return found
