"""The edges of views: from the server's own record if it keeps one, with the columns that their texts add."""

from collections.abc import Iterable, Mapping

from datasources.databases.base import Lineage, LineageEdge, Origin, TableName
from datasources.databases.view_lineage.agreement import agrees
from datasources.databases.view_lineage.names import KnownNames, Name
from datasources.databases.view_lineage.reading import Reading, Unreadable, View, read_view


def lineage_of(
    views: Iterable[View],
    columns: Mapping[Name, Iterable[str]],
    dialect: str,
    *,
    folded: bool = True,
    database: str = "",
) -> Lineage:
    """The edges of all views, the views that could not be read, and those whose columns could not be read.

    `columns` are those of every table and view, in order: they resolve stars and unqualified columns. `folded`: the
    server ignores the case of names. `database`: if given, no edge has a table that a definition names in another
    database. If the server keeps a record of a view, its edges come from that record, and its text adds columns if it
    agrees; otherwise they come from its text. A definition that sqlglot does not understand, or takes for a command,
    counts as unread, never as a view that reads nothing. Takes CPU: run it in a thread.
    """
    views = list(views)
    named: dict[Name, Iterable[str]] = {name: () for view in views for name in view.recorded or ()}
    known = KnownNames(named | dict(columns), folded=folded, database=database)
    edges, unread, bare = list[LineageEdge](), [], []
    for view in views:
        target = TableName(view.schema, view.name)
        reading = _reading(view, known, dialect)
        if view.recorded is not None:
            believed = reading if reading is not None and _is_believed(view, reading, known) else None
            edges += [_recorded(source, target, believed) for source in view.recorded]
            bare += [] if believed else [target]
        elif reading is not None:
            edges += [_read(source, target, reading) for source in reading.claim.read]
        else:
            unread.append(target)
    return Lineage(
        edges=sorted(edges, key=lambda edge: (edge.target, edge.source)),
        unread=sorted(unread),
        columns_unread=sorted(bare),
    )


def _reading(view: View, known: KnownNames, dialect: str) -> Reading | None:
    try:
        return read_view(view, known, dialect)
    except Unreadable:
        return None


def _is_believed(view: View, reading: Reading, known: KnownNames) -> bool:
    """Whether the text agrees with the record, and none of its names is ambiguous."""
    claim = reading.claim
    columns = {name: known.columns_of(*name) for name in claim.read}
    width = len(known.columns_of(view.schema, view.name))
    doubtful = any(known.is_doubtful(*name) for name in [(view.schema, view.name), *claim.read])
    return not doubtful and agrees(claim, view.recorded or [], columns, width)


def _recorded(source: Name, target: TableName, believed: Reading | None) -> LineageEdge:
    return LineageEdge(
        source=TableName(*source),
        target=target,
        columns=sorted(believed.claim.read[source]) if believed else [],
        column_edges=sorted(believed.made.get(source, ())) if believed else [],
        origin=Origin.dependency_record,
    )


def _read(source: Name, target: TableName, reading: Reading) -> LineageEdge:
    return LineageEdge(
        source=TableName(*source),
        target=target,
        columns=sorted(reading.claim.read[source]),
        column_edges=sorted(reading.made.get(source, ())),
    )
