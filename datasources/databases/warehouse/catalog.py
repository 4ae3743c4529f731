"""Tables from the rows of a few catalogue queries, and the edges of the views among them."""

from collections.abc import Iterable, Mapping

from msgspec import Struct

from datasources.databases.base import Column, ForeignKey, Lineage, Table, TableName
from datasources.databases.view_lineage import View, lineage_of

Name = tuple[str, str]
"""Schema and table."""
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

    def view_lineage(self, dialect: str, *, folded: bool, database: str = "") -> Lineage:
        """What each view reads, by its definition; all are unread without a dialect. Takes CPU: run it in a thread."""
        views = [View(member.schema, member.name, member.definition) for member in self.members if member.kind in VIEWS]
        if not dialect:
            return Lineage(edges=[], unread=sorted(TableName(view.schema, view.name) for view in views))
        return lineage_of(views, self.names, dialect, folded=folded, database=database)

    @property
    def names(self) -> dict[Name, list[str]]:
        """The columns of each table by their names."""
        return {name: [column.name for column in columns] for name, columns in self.columns.items()}


def by_table(rows: Iterable[tuple[str, str, Column]]) -> dict[Name, list[Column]]:
    """The columns of each table, in the order in which they come."""
    found: dict[Name, list[Column]] = {}
    for schema, table, column in rows:
        found.setdefault((schema, table), []).append(column)
    return found
