"""Views whose texts are read with the dialect of another product: what they read, and what they make of it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from datasources.databases.base import Column, LineageEdge, Origin, TableName
from datasources.databases.warehouse.catalog import Catalog, Member, Name, Rewriting, by_table

Columns = Mapping[Name, Sequence[str]]
Pair = tuple[Name, str, int]
"""A table, its column, and the place of the view's column that is made from it."""


@dataclass(frozen=True)
class NearView:
    """One view with the truth about it."""

    text: str
    reads: str
    """The tables that the server records, `schema.table`, with spaces between them."""
    made: str
    """`table.column>place`, with spaces between them; `column>place` where there is one table."""
    width: int = 0
    """How many columns it has, where the last one is made from nothing."""

    @property
    def recorded(self) -> list[Name]:
        """The tables that it reads."""
        return [(schema, table) for schema, _, table in (name.partition(".") for name in self.reads.split(" "))]

    @property
    def truth(self) -> set[Pair]:
        """What its columns are made from."""
        found = set()
        for said, place in re.findall(r" ?(.+?)>(\d+)", self.made):
            table, column = said.split(".") if "." in said else (self.recorded[0][1], said)
            found.add((next(name for name in self.recorded if name[1] == table), column, int(place)))
        return found

    @property
    def columns(self) -> list[str]:
        """The names of its columns."""
        return [f"C{place}" for place in range(self.width or 1 + max(place for _, _, place in self.truth))]


def believed(view: NearView, columns: Columns, home: str, dialect: str, rewritten: Rewriting = ()) -> set[Pair] | None:
    """What is believed of the columns of a view in this schema; None where they count as unread."""
    rows = [(*name, Column(name=column, type="int")) for name, listed in columns.items() for column in listed]
    rows += [(home, "V", Column(name=name, type="int")) for name in view.columns]
    members = [Member(schema=home, name="V", kind="view", definition=view.text)]
    recorded = [
        LineageEdge(source=TableName(*name), target=TableName(home, "V"), origin=Origin.dependency_record)
        for name in view.recorded
    ]
    found = Catalog(members=members, columns=by_table(rows)).view_lineage(
        dialect, folded=True, recorded=recorded, near=True, rewritten=rewritten
    )
    assert sorted(edge.source for edge in found.edges) == sorted(edge.source for edge in recorded)
    assert found.unread == []
    if found.columns_unread:
        assert not any(edge.columns or edge.column_edges for edge in found.edges)
        return None
    return {
        ((edge.source.schema, edge.source.name), pair.source, int(pair.target[1:]))
        for edge in found.edges
        for pair in edge.column_edges
    }


class Measured(NamedTuple):
    """How well a dialect does."""

    read: int
    """Views whose columns are believed."""
    right: int
    """Pairs of columns that are believed, and true."""
    wrong: int
    """Those that are believed, and not true."""
    all: int
    """Those that are true, of all views."""


def measure(
    views: Sequence[NearView], columns: Columns, home: str, dialect: str, rewritten: Rewriting = ()
) -> Measured:
    """All views by one dialect."""
    read = right = wrong = 0
    for view in views:
        found = believed(view, columns, home, dialect, rewritten)
        if found is not None:
            read += 1
            right += len(found & view.truth)
            wrong += len(found - view.truth)
    return Measured(read, right, wrong, sum(len(view.truth) for view in views))
