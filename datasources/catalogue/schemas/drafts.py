"""A download while it is read, held against what is kept: it ends as the difference, ready to be stored."""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from msgspec import Struct

from datasources.catalogue.schemas.compare import (
    Change,
    EdgeChange,
    TableChange,
    compare_edges,
    compare_tables,
    renames,
)
from datasources.catalogue.schemas.content import Encoded, KeptEdgeForm, KeptForm, form_of, with_definition
from datasources.databases.base import LineageEdge, Origin, Table, TableName

MOST_TABLES = 200_000
"""Tables that are kept of one source; of those beyond it nothing is kept, and the download says so."""
MOVED = 0.1
"""An estimate that moved by less than this share of itself stays as it was."""


class Known(NamedTuple):
    """What is known of a kept table without reading it."""

    since: int
    fingerprint: bytes
    shape: bytes
    rows: int | None
    kind: str


class Difference(Struct, frozen=True, kw_only=True):
    """What a download says that the kept schema does not."""

    written: list[KeptForm]
    """Tables that are new, or otherwise than before."""
    closed: list[TableName]
    """Tables that are gone, or are written anew."""
    estimates: dict[TableName, int | None]
    """Estimates that have moved, of tables that are as they were."""
    changes: list[TableChange]


class SchemaDraft:
    """Takes the tables of a download, a batch at a time; holds no more of them than what is to be written."""

    def __init__(self, known: Mapping[TableName, Known]) -> None:
        self._known = known
        self._seen: set[TableName] = set()
        self._new: list[Encoded] = []
        self._changed: dict[TableName, Encoded] = {}
        self._estimates: dict[TableName, int | None] = {}
        self.left_out = 0
        """Tables beyond what is kept of one source."""

    def add(self, batch: Iterable[Encoded]) -> None:
        """The next tables; of two with the same name, the first counts."""
        for found in batch:
            if found.name in self._seen:
                continue
            if len(self._seen) >= MOST_TABLES:
                self.left_out += 1
                continue
            self._seen.add(found.name)
            known = self._known.get(found.name)
            if known is None:
                self._new.append(found)
            elif known.fingerprint != found.fingerprint:
                self._changed[found.name] = found
            elif has_moved(known.rows, found.rows):
                self._estimates[found.name] = found.rows

    @property
    def changed(self) -> list[TableName]:
        """Tables that may be otherwise than before: what they were has to be read for `settle`."""
        return list(self._changed)

    def settle(self, before: Mapping[TableName, Table]) -> list[TableChange]:
        """Compare these changed tables with what they were. Where only a view's text could not be read, none is."""
        changes = []
        for name, was in before.items():
            found = self._changed[name]
            if found.table.definition is None and was.definition is not None and found.table.kind == was.kind:
                found = self._changed[name] = with_definition(found, was.definition)
            if found.fingerprint == self._known[name].fingerprint:
                del self._changed[name]
                continue
            changes.append(compare_tables(was, found.table))
        return changes

    def difference(self, changes: list[TableChange]) -> Difference:
        """All that is different, given what `settle` found."""
        written = [form_of(found) for found in (*self._new, *self._changed.values())]
        gone = {name: known for name, known in self._known.items() if name not in self._seen}
        added = {form.name: form for form in written if form.name not in self._changed}
        former = renames(
            {name: known.shape for name, known in gone.items()}, {name: form.shape for name, form in added.items()}
        )
        renamed = set(former.values())
        told = [*changes]
        for name, form in added.items():
            was = former.get(name)
            told.append(
                TableChange(
                    change=Change.renamed if was else Change.added,
                    schema=name.schema,
                    name=name.name,
                    kind=form.kind,
                    was_named=was,
                )
            )
        for name, known in gone.items():
            if name not in renamed:
                told.append(TableChange(change=Change.removed, schema=name.schema, name=name.name, kind=known.kind))
        return Difference(
            written=written,
            closed=[*gone, *self._changed],
            estimates=self._estimates,
            changes=sorted(told, key=lambda change: (change.schema, change.name)),
        )


def has_moved(was: int | None, now: int | None) -> bool:
    """Whether an estimate is worth writing down again."""
    if was is None or now is None:
        return was is not now
    return abs(now - was) > MOVED * max(was, now)


class EdgeDifference(Struct, frozen=True, kw_only=True):
    """What a download of the lineage says that the kept one does not."""

    written: list[KeptEdgeForm]
    closed: list[int]
    """Ids of kept edges that are gone, or are written anew."""
    changes: list[EdgeChange]


class KnownEdge(NamedTuple):
    """An edge that is kept."""

    id: int
    fingerprint: bytes


EdgeKey = tuple[TableName, TableName, str]


def edge_difference(
    found: Iterable[KeptEdgeForm], known: Mapping[EdgeKey, KnownEdge], tables: Collection[TableName]
) -> EdgeDifference:
    """Hold the edges of a download against those that are kept. Of a change, what the edge was is told no more.

    `tables` are there now. A server's record of queries reaches some days back: an edge that is not in it any more
    stays as long as both of its ends do.
    """
    by_key = {form.key: form for form in found}
    written = [form for key, form in by_key.items() if key not in known or known[key].fingerprint != form.fingerprint]
    changes = [compare_edges(form.edge if form.key in known else None, form.edge) for form in written]
    gone = [key for key in known if key not in by_key and not _stays(key, tables)]
    for source, target, origin in gone:
        changes.append(compare_edges(_bare(source, target, origin), None))
    closed = [known[key].id for key in gone] + [known[form.key].id for form in written if form.key in known]
    return EdgeDifference(written=written, closed=closed, changes=changes)


def _stays(key: EdgeKey, tables: Collection[TableName]) -> bool:
    source, target, origin = key
    return origin == Origin.query_history and source in tables and target in tables


def _bare(source: TableName, target: TableName, origin: str) -> LineageEdge:
    return LineageEdge(source=source, target=target, origin=Origin(origin))
