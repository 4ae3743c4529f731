"""What views read, from their definitions: for servers that keep no record of it themselves."""

import asyncio
import logging
import resource
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple, cast
from weakref import WeakKeyDictionary

import msgspec
import sqlglot
from msgspec import Struct
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, traverse_scope

from datasources.databases.base import ColumnEdge, Lineage, LineageEdge, TableName

LENGTH_LIMIT = 200_000
"""Characters of a definition that is read; a longer one counts as unread."""

APART_SECONDS = 5
APART_BYTES = 2**30
"""What reading texts in a process of its own may take, once it is there."""
READY_SECONDS = 30
"""How long a process may take to be there; what it imports is ours, and a busy machine is no fault of the texts."""
READY = b"\n"
"""What it says then."""
AT_ONCE = 2
"""Such processes; the requests beyond wait."""
_room: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()

Name = tuple[str, str]
"""Schema and table."""

logging.getLogger("sqlglot").setLevel(logging.CRITICAL)  # its warnings quote the definitions


class View(Struct, frozen=True):
    """A view as the server keeps it."""

    schema: str
    name: str
    definition: str | None
    """The whole statement or its query; None where the user may not read it."""


class Texts(Struct, frozen=True):
    """What `lineage_of` is asked, as it goes to a process of its own."""

    views: list[View]
    columns: list[tuple[Name, list[str]]]
    dialect: str


def lineage_of(
    views: Iterable[View],
    columns: Mapping[Name, Iterable[str]],
    dialect: str,
    *,
    folded: bool = True,
    database: str = "",
) -> Lineage:
    """The edges of all views, and the views of which nothing is known.

    `columns` are those of every table and view, in their order: by them a star is resolved, and a column that is not
    qualified. `folded`: names that differ only in case are the same. `database`: where it is given, a table that a
    definition names in another one is in no edge. A definition that sqlglot does not understand, or takes for a
    command, counts as unread: never as a view that reads nothing. Takes CPU: run it in a thread.
    """
    known = _Known(columns, folded=folded, database=database)
    edges, unread = list[LineageEdge](), []
    for view in views:
        target = TableName(view.schema, view.name)
        try:
            edges += _edges(view, target, known, dialect)
        except (_Unreadable, SqlglotError, RecursionError, ValueError, KeyError):
            unread.append(target)
    return Lineage(edges=sorted(edges, key=lambda edge: (edge.target, edge.source)), unread=sorted(unread))


async def lineage_apart(texts: Texts) -> Lineage | None:
    """The same in a process of its own; None when it took too long, or too much memory.

    The server writes these texts: two hundred characters may take the parser minutes, and a thread cannot be ended.
    """
    loop = asyncio.get_running_loop()
    async with _room.setdefault(loop, asyncio.Semaphore(AT_ONCE)):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-m", "datasources.databases.view_lineage", env={},
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            async with asyncio.timeout(READY_SECONDS):
                await _reader(process).readexactly(len(READY))
            async with asyncio.timeout(APART_SECONDS):
                found, _ = await process.communicate(msgspec.json.encode(texts))
        except (TimeoutError, asyncio.IncompleteReadError):
            return None
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return msgspec.json.decode(found, type=Lineage) if process.returncode == 0 else None


def _reader(process: asyncio.subprocess.Process) -> asyncio.StreamReader:
    assert process.stdout is not None  # noqa: S101 -- it is a pipe
    return process.stdout


def _apart() -> None:
    """Answer `lineage_apart`: within limits that the system enforces."""
    resource.setrlimit(resource.RLIMIT_CPU, (APART_SECONDS, APART_SECONDS))
    with suppress(ValueError, OSError):  # not every system has it
        resource.setrlimit(resource.RLIMIT_AS, (APART_BYTES, APART_BYTES))
    sys.stdout.buffer.write(READY)
    sys.stdout.buffer.flush()
    texts = msgspec.json.decode(sys.stdin.buffer.read(), type=Texts)
    sys.stdout.buffer.write(msgspec.json.encode(lineage_of(texts.views, dict(texts.columns), texts.dialect)))


class _Unreadable(Exception):
    """Nothing is known of what a view reads."""


class _Known:
    """The names of tables and columns, as the server writes them and as a definition may."""

    def __init__(self, columns: Mapping[Name, Iterable[str]], *, folded: bool, database: str) -> None:
        self.folded = folded
        self._database = database
        self._tables = {self.fold(*name): name for name in columns}
        self._columns = {
            self.fold(*name): {self.fold(column)[0]: column for column in names} for name, names in columns.items()
        }
        self.schema: dict[str, object] = {}
        """As sqlglot wants it: schema, table, column, type; types do not matter here, and no table may be empty."""
        for (schema, table), names in self._columns.items():
            if names:
                tables = cast(dict[str, object], self.schema.setdefault(schema, {}))
                tables[table] = dict.fromkeys(names, "text")

    def fold(self, *names: str) -> tuple[str, ...]:
        return tuple(name.lower() for name in names) if self.folded else names

    def is_elsewhere(self, table: exp.Table) -> bool:
        """Whether a definition names this table in another database."""
        return bool(self._database and table.catalog) and self.fold(table.catalog) != self.fold(self._database)

    def table(self, schema: str, table: str) -> Name:
        """The table as the server writes it, or as it is written here if the server does not show it."""
        return self._tables.get(self.fold(schema, table), (schema, table))

    def columns_of(self, schema: str, table: str) -> list[str]:
        """Its columns in their order; none of one that the server does not show."""
        return list(self._columns.get(self.fold(schema, table), {}).values())

    def column(self, schema: str, table: str, column: str) -> str:
        """The same for a column."""
        return self._columns.get(self.fold(schema, table), {}).get(self.fold(column)[0], column)


def _edges(view: View, target: TableName, known: _Known, dialect: str) -> Iterator[LineageEdge]:
    """Each table that this view reads, which of its columns, and what the view makes of them."""
    scopes = list(traverse_scope(_query(view, known, dialect)))
    read: dict[Name, set[str]] = {}
    for name, columns in _read(scopes, known):
        read.setdefault(name, set()).update(columns)
    made: dict[Name, set[ColumnEdge]] = {}
    names, origins = known.columns_of(view.schema, view.name), _Origins(scopes)
    for number, projection in enumerate(_selects(scopes[-1].expression)):
        column = names[number] if number < len(names) else projection.alias_or_name
        for origin in origins.of(scopes[-1].expression, number):
            if known.is_elsewhere(origin.table):
                continue
            source = known.column(origin.table.db, origin.table.name, origin.column)
            made.setdefault(known.table(origin.table.db, origin.table.name), set()).add(ColumnEdge(source, column))
    for found, columns in read.items():
        yield LineageEdge(
            source=TableName(*found),
            target=target,
            columns=sorted(columns),
            column_edges=sorted(made.get(found, ())),
        )


def _read(scopes: Iterable[Scope], known: _Known) -> Iterator[tuple[Name, set[str]]]:
    """Tables that are read, and columns, as often as they are named."""
    for scope in scopes:
        for source in scope.sources.values():
            if isinstance(source, exp.Table) and source.name and not known.is_elsewhere(source):
                yield known.table(source.db, source.name), set()
        for column in scope.columns:
            table = _source(scope, column.table)
            if table is not None and table.name and not known.is_elsewhere(table):
                yield known.table(table.db, table.name), {known.column(table.db, table.name, column.name)}


class _Origin(NamedTuple):
    """A column of a table, as the definition has it."""

    table: exp.Table
    column: str


class _Origins:
    """Where the columns that a query answers come from; of what is around them (joins, filters) nothing counts."""

    def __init__(self, scopes: Iterable[Scope]) -> None:
        self._home: dict[int, Scope] = {}
        for scope in scopes:  # inner ones come first
            for column in scope.columns:
                self._home.setdefault(id(column), scope)
        self._known: dict[tuple[int, int], list[_Origin]] = {}

    def of(self, query: exp.Expr, number: int) -> list[_Origin]:
        """Where the column at this place in the answer of the query comes from."""
        key = (id(query), number)
        if key not in self._known:
            self._known[key] = []  # a recursive query reads itself
            self._known[key] = list(self._found(query, number))
        return self._known[key]

    def _found(self, query: exp.Expr, number: int) -> Iterator[_Origin]:
        query = query.unnest()
        if isinstance(query, exp.SetOperation):
            for part in (query.left, query.right):
                yield from self.of(part, number)
            return
        for projection in _selects(query)[number : number + 1]:
            for column in projection.find_all(exp.Column):
                yield from self._behind(column)

    def _behind(self, column: exp.Column) -> Iterator[_Origin]:
        source = _behind(self._home.get(id(column)), column.table)
        if isinstance(source, exp.Table) and source.name:
            yield _Origin(source, column.name)
        elif isinstance(source, Scope):
            names = [select.alias_or_name for select in _selects(source.expression)]
            if column.name in names:
                yield from self.of(source.expression, names.index(column.name))


def _selects(query: exp.Expr) -> list[exp.Expr]:
    """What a query answers, column by column."""
    return query.selects if isinstance(query, exp.Query) else []


def _query(view: View, known: _Known, dialect: str) -> exp.Query:
    if view.definition is None or not view.definition.strip() or len(view.definition) > LENGTH_LIMIT:
        raise _Unreadable
    statements = sqlglot.parse(view.definition, dialect=dialect)
    tree = statements[0] if len(statements) == 1 else None
    query = tree.expression if isinstance(tree, exp.Create) else tree
    if not isinstance(query, exp.Query):
        raise _Unreadable
    if known.folded:  # quotes make no difference then, but to a dialect that folds names the other way
        for name in query.find_all(exp.Identifier):
            name.set("quoted", False)
    return qualify(
        query,
        dialect=dialect,
        schema=known.schema,
        db=known.fold(view.schema)[0],
        validate_qualify_columns=False,
        quote_identifiers=False,
        identify=False,
    )


def _source(scope: Scope | None, alias: str) -> exp.Table | None:
    """The table behind an alias, here or in a query around this one."""
    found = _behind(scope, alias)
    return found if isinstance(found, exp.Table) else None


def _behind(scope: Scope | None, alias: str) -> exp.Table | Scope | None:
    """The table or the query behind an alias, here or in a query around this one."""
    if not alias and scope is not None and len(scope.sources) == 1:  # of a table whose columns are not known
        alias = next(iter(scope.sources))
    while scope is not None:
        if alias in scope.sources:
            found: exp.Table | Scope = scope.sources[alias]
            return found
        scope = scope.parent
    return None


if __name__ == "__main__":
    _apart()
