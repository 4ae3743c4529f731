"""What has changed from one download to the next: rules without any IO."""

from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, ClassVar

import msgspec
from msgspec import Struct

from datasources.databases.base import Column, LineageEdge, Table, TableName

FACETS = ("kind", "comment", "primary_key", "foreign_keys", "definition")
"""Of a table, beside its columns."""
COLUMN_FACETS = ("type", "nullable", "default", "comment")
ORDER = "column_order"
"""A facet of a table whose columns stand in another order, and are the same otherwise."""
TEXT_SHOWN = 2_000
"""Characters shown of what a facet was and became."""
COLUMNS_SHOWN = 200
"""Changed columns that are named of one table; all of them are counted."""


class Change(StrEnum):
    """What happened to a table, a column or an edge."""

    added = "added"
    removed = "removed"
    renamed = "renamed"
    changed = "changed"


class Facet(Struct, frozen=True):
    """One thing that is said of a table or column, before and after."""

    was: Any
    became: Any


class ColumnChange(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What happened to a column."""

    change: Change
    name: str
    was_named: str | None = None
    """Of a renamed column: it stands at the same place and is of the same type."""
    facets: dict[str, Facet] = {}


class TableChange(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What happened to a table; of one that was added or removed, no more is told."""

    change: Change
    schema: str
    name: str
    kind: str
    was_named: TableName | None = None
    """Of a renamed table: it has the same columns as one that is gone, and no other does."""
    facets: dict[str, Facet] = {}
    columns: list[ColumnChange] = []
    column_count: int = 0
    """How many columns have changed, where not all are named."""

    @property
    def about(self) -> TableName:
        """The table as it is named now, or was named last."""
        return TableName(self.schema, self.name)

    @property
    def is_announced(self) -> bool:
        """Whether a rule asks for an event: what queries rely on is gone, or is of another type."""
        if self.change in (Change.removed, Change.renamed):
            return True
        return any(
            column.change in (Change.removed, Change.renamed) or "type" in column.facets for column in self.columns
        )

    @property
    def sentence(self) -> str:
        """What happened, for people."""
        name = f"{self.kind} {self.schema}.{self.name}"
        if self.change is Change.renamed:
            return f"{name} was named {self.was_named}"
        if self.change is not Change.changed:
            return f"{name} was {self.change}"
        said = [_column_sentence(column) for column in self.columns[:3]]
        said += [f"its {facet.replace('_', ' ')} changed" for facet in self.facets]
        more = max(self.column_count, len(self.columns)) - 3
        return f"{name}: {', '.join(said)}" + (f" and {more} more columns" if more > 0 else "")


class EdgeChange(Struct, frozen=True, kw_only=True):
    """What happened to an edge of the lineage; `columns` are those of the source that it reads now, or did."""

    change: Change
    source: TableName
    target: TableName
    origin: str
    columns: list[str]
    is_announced: ClassVar[bool] = False
    """No rule asks for an event about the lineage."""

    @property
    def about(self) -> TableName:
        """What the edge leads to."""
        return self.target

    @property
    def sentence(self) -> str:
        """What happened, for people."""
        verb = {Change.added: "now reads", Change.removed: "no longer reads"}.get(self.change, "reads other columns of")
        return f"{self.target} {verb} {self.source}"


def compare_tables(before: Table, after: Table) -> TableChange:
    """What is different in a table that is there before and after."""
    columns = compare_columns(before.columns, after.columns)
    facets = _facets(before, after, FACETS)
    if not columns and before.columns != after.columns:
        facets[ORDER] = Facet([c.name for c in before.columns], [c.name for c in after.columns])
    return TableChange(
        change=Change.changed,
        schema=after.schema,
        name=after.name,
        kind=after.kind,
        facets=facets,
        columns=columns[:COLUMNS_SHOWN],
        column_count=len(columns) if len(columns) > COLUMNS_SHOWN else 0,
    )


def compare_columns(before: list[Column], after: list[Column]) -> list[ColumnChange]:
    """What happened to the columns, in the order of their places."""
    old = {column.name: (place, column) for place, column in enumerate(before)}
    new = {column.name: (place, column) for place, column in enumerate(after)}
    gone = {(place, column.type): column for name, (place, column) in old.items() if name not in new}
    changes = []
    for name, (place, column) in new.items():
        if name in old:
            if facets := _facets(old[name][1], column, COLUMN_FACETS):
                changes.append(ColumnChange(change=Change.changed, name=name, facets=facets))
        elif former := gone.pop((place, column.type), None):
            facets = _facets(former, column, COLUMN_FACETS)
            changes.append(ColumnChange(change=Change.renamed, name=name, was_named=former.name, facets=facets))
        else:
            changes.append(ColumnChange(change=Change.added, name=name))
    return changes + [ColumnChange(change=Change.removed, name=column.name) for column in gone.values()]


def renames(removed: Mapping[TableName, bytes], added: Mapping[TableName, bytes]) -> dict[TableName, TableName]:
    """Which added table is which removed one, by the shapes of their columns: where there is one of each, and no doubt.

    A table without columns has an empty shape, which says nothing.
    """
    once = {shape for shape, count in Counter(removed.values()).items() if count == 1 and shape}
    once &= {shape for shape, count in Counter(added.values()).items() if count == 1}
    former = {shape: name for name, shape in removed.items() if shape in once}
    return {name: former[shape] for name, shape in added.items() if shape in former}


def count(changes: Iterable[TableChange | EdgeChange]) -> dict[str, int]:
    """How many there are of each kind, in the order in which they are told."""
    found = Counter(str(change.change) for change in changes)
    return {change.value: found[change] for change in Change if found[change]}


TOLD = {Change.added: "new", Change.removed: "gone", Change.renamed: "renamed", Change.changed: "changed"}


def told(counts: Mapping[str, int]) -> str:
    """The counts as the end of a message, like ` (2 new, 1 gone)`; empty when nothing changed."""
    said = [f"{counts[change]} {word}" for change, word in TOLD.items() if counts.get(change)]
    return f" ({', '.join(said)})" if said else ""


def compare_edges(before: LineageEdge | None, after: LineageEdge | None) -> EdgeChange:
    """What happened to an edge, of which one of both is there at least."""
    edge = after or before
    assert edge is not None  # noqa: S101 -- the caller compares what is there
    change = Change.changed if before and after else Change.added if after else Change.removed
    return EdgeChange(
        change=change,
        source=edge.source,
        target=edge.target,
        origin=edge.origin,
        columns=edge.columns[:COLUMNS_SHOWN],
    )


def _facets(before: Any, after: Any, names: Iterable[str]) -> dict[str, Facet]:
    return {
        name: Facet(_shown(was), _shown(became))
        for name in names
        if (was := getattr(before, name)) != (became := getattr(after, name))
    }


def _shown(value: Any) -> Any:
    plain = msgspec.to_builtins(value)
    return plain[:TEXT_SHOWN] if isinstance(plain, str) else plain


def _column_sentence(column: ColumnChange) -> str:
    if column.change is Change.renamed:
        return f"column {column.was_named} is now {column.name}"
    if "type" in column.facets:
        facet = column.facets["type"]
        return f"column {column.name} was {facet.was} and is {facet.became}"
    if column.change is Change.changed:
        return f"{' and '.join(column.facets)} of column {column.name} changed"
    return f"column {column.name} was {column.change}"
