"""The interface of every database, so that no step asks which one it is."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from enum import StrEnum
from functools import partial
from importlib.util import find_spec
from typing import Any, ClassVar, Literal

import msgspec
from msgspec import Struct

from datasources.databases.globs import Globs
from datasources.databases.names import split_schema
from datasources.databases.opening import patiently, recognising
from datasources.model.errors import SourceUnreachable
from datasources.model.source import Options, Source
from datasources.model.vocabulary import ConfigurationCheckStep, ErrorCode
from datasources.network.tls import Verification


class Identity(Struct, kw_only=True, frozen=True):
    """Who we are on the server, and over what kind of connection."""

    user: str | None
    """None if there is no login."""
    database: str
    address: str
    """Where the connection leads; for a file, its path as the source names it."""
    tls: bool
    tls_verified: Verification | None
    """How much of the server's certificate was verified; None without TLS."""
    tls_version: str | None = None
    stages_ms: dict[str, float] = {}
    """Milliseconds of each stage of the connection: resolve, tcp, tls, login."""


class Column(Struct, kw_only=True, frozen=True, omit_defaults=True):
    """One column, its type as the server writes it; `datasources.model.column_kinds` says of which kind that is."""

    name: str
    type: str
    nullable: bool = True
    default: str | None = None
    """The expression for a missing value, or that computes the value, as the server writes it."""
    comment: str | None = None


class TableName(Struct, frozen=True, order=True):
    """Schema and name of a table, kept apart: either may have dots in it."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


class ForeignKey(Struct, kw_only=True, frozen=True):
    """A reference from columns here to columns there."""

    columns: list[str]
    table: TableName
    referenced: list[str]


class Table(Struct, kw_only=True, frozen=True, omit_defaults=True):
    """One table, view or materialized view."""

    schema: str
    name: str
    kind: str
    columns: list[Column]
    """In the server's order: the index of a column is its position."""
    primary_key: list[str] = []
    foreign_keys: list[ForeignKey] = []
    comment: str | None = None
    rows: int | None = None
    """The server's own estimate; None if it has none."""
    definition: str | None = None
    """A view's text as the server keeps it: its query, or the statement that made it. None where the user may not see
    it, and for what is no view."""


class Origin(StrEnum):
    """How an edge of the lineage became known."""

    dependency_record = "dependency_record"
    """The server's own record of what depends on what."""
    view_text = "view_text"
    """A view's definition, which we parsed."""
    query_history = "query_history"
    """The queries that the server has kept, or its own lineage of them."""


class ColumnEdge(Struct, frozen=True, order=True):
    """A column of the target is made from a column of the source."""

    source: str
    target: str


class LineageEdge(Struct, kw_only=True, frozen=True, omit_defaults=True):
    """`target` (a view, or a table that a query fills) is made from `source`."""

    source: TableName
    target: TableName
    columns: list[str] = []
    """Every column of the source that the target reads, if only to filter by it."""
    column_edges: list[ColumnEdge] = []
    """Which column of the target is made from which of the source; empty where that is not known."""
    origin: Origin = Origin.view_text

    def is_wanted(self, wanted: Globs, database: str) -> bool:
        """Whether both of its ends are."""
        return all(wanted.match(end.schema, end.name, database) for end in (self.source, self.target))


def in_order(edges: Iterable[LineageEdge]) -> list[LineageEdge]:
    """One edge for each pair of tables, the last of several, in the order of the tables that are made."""
    pairs = {(edge.target, edge.source): edge for edge in edges}
    return [pairs[ends] for ends in sorted(pairs)]


class History(Struct, kw_only=True, frozen=True, omit_defaults=True):
    """What reading the server's record of earlier statements gave."""

    read_from: str
    """Where the server keeps it."""
    statements: int = 0
    """How many that made one table from others were read."""
    unread: int = 0
    """How many of them were not understood."""
    missing: str | None = None
    """Why it could not be read, with the statement or console step that grants access."""
    kept: bool = True
    """Whether the server keeps such a record; where it keeps none, `missing` says how it would."""


class Lineage(Struct, kw_only=True, frozen=True):
    """What is made from what."""

    edges: list[LineageEdge]
    unread: list[TableName] = []
    """Views whose definition could not be read or parsed, so that what they read is unknown."""
    columns_unread: list[TableName] = []
    """Views whose tables the server records, but whose columns are unknown: their definition could not be read, or does
    not say what the server says."""
    history: History | None = None
    """None if the server keeps none, or we do not read it."""

    def only(self, wanted: Globs, database: str) -> "Lineage":
        """What is left of it by the lists of a source."""
        return Lineage(
            edges=[edge for edge in self.edges if edge.is_wanted(wanted, database)],
            unread=[view for view in self.unread if wanted.match(view.schema, view.name, database)],
            columns_unread=[view for view in self.columns_unread if wanted.match(view.schema, view.name, database)],
            history=self.history,
        )


class QueryAnswer(Struct, kw_only=True, frozen=True):
    """The first value of a query as text, and how long it took on the open connection."""

    value: str | None
    """None for a null, and if there is no row."""
    response_time_ms: float
    has_row: bool = True


class Session(ABC):
    """One open connection. Every method raises `CheckError` and nothing foreign."""

    caveat: str | None = None
    """What the last result of `tables` leaves out, as a sentence; None if it is complete."""

    @abstractmethod
    async def identity(self) -> Identity:
        """Who am I, and is TLS on."""

    @abstractmethod
    async def version(self) -> str:
        """Product and version, like `PostgreSQL 14.5`."""

    @abstractmethod
    async def sweep(self, schema: str) -> list[str]:
        """Drop our own marked tables in `schema` that are older than an hour, and nothing else; answers their names."""

    @abstractmethod
    async def write_and_drop(self, schema: str) -> None:
        """Create, write, read and drop a table of random name in `schema`; always clean up, report when that fails."""

    @abstractmethod
    def tables(self, wanted: Globs) -> AsyncIterator[list[Table]]:
        """The wanted tables in batches, by few queries. `wanted` is asked about every table that the user may read."""

    @abstractmethod
    async def lineage(self, wanted: Globs) -> Lineage:
        """What is made from what: from the server's own records of it, or else from the views' definitions.

        An edge is there when both of its ends are wanted.
        """

    async def count_unreadable(self) -> int:
        """How many tables there are that the user may not read; 0 where nothing tells."""
        return 0

    @abstractmethod
    async def query(self, sql: str) -> QueryAnswer:
        """Run one statement that only reads, enforced by the session, and roll back."""


class Verified(Struct, frozen=True):
    """What our tests of a database ran against: the label on its type."""

    level: Literal["engine", "emulator", "protocol", "documents"]
    """The product's own code, a re-implementation by others, a double of ours that speaks the protocol, or nothing."""
    against: str
    """Product and versions, in words."""
    date: str
    """Of the last change to it, ISO 8601."""


class Driver(Struct, frozen=True):
    """A driver that is not installed unasked."""

    module: str
    """What is imported."""
    extra: str
    """The optional dependency of ours that brings it."""

    @property
    def missing(self) -> str | None:
        """The sentence that says how to install it; None when it is here."""
        try:
            here = find_spec(self.module) is not None
        except ModuleNotFoundError:  # what it is a part of is not there
            here = False
        return None if here else f"The driver {self.module} is not installed: pip install 'sourcecheck[{self.extra}]'"


class Database(ABC):
    """How one kind of data source is reached: what its file says of it, checked when the class is made."""

    title: ClassVar[str]
    """The product's own name."""
    source: ClassVar[type[Source]]
    options: ClassVar[type[Options]]
    verified: ClassVar[Verified]
    aliases: ClassVar[tuple[str, ...]] = ()
    """Other words for the type that clients may send."""
    hyphen_word: ClassVar[str | None] = None
    """The word for the type in the hyphen API; None means the first alias, or else the published word."""
    driver: ClassVar[Driver | None] = None
    """None where what is always installed is enough for every source."""
    protocol: ClassVar[str | None] = None
    """What `recognise` calls the protocol that it speaks itself; None where it knows none."""
    name_bytes: ClassVar[int | None] = None
    """Bytes of a name that the server keeps, where it cuts the rest off without a word."""
    scratch_word: ClassVar[str] = "Schema"
    """What `temp_schema` names here."""
    dependency_dialect: ClassVar[str | None] = None
    """sqlglot's word for its SQL, where its record of dependencies does not say which column is made from which."""
    lacks: ClassVar[Mapping[str, str]] = {}
    """Steps that this kind of source cannot have, and why: the message of the skipped step."""

    def __init_subclass__(cls, **rest: Any) -> None:
        """Raises `TypeError` for options with a field that is in no group, and for a database without a label."""
        super().__init_subclass__(**rest)
        if "options" in cls.__dict__:
            require_sorted_fields(cls.options)
            cls.verified  # noqa: B018 -- a database without a label does not start

    @classmethod
    def word(cls) -> str:
        """The published word for the type."""
        return str(cls.source.__struct_config__.tag)

    @classmethod
    def words(cls) -> tuple[str, ...]:
        """Every word for the type that clients may send."""
        return tuple(dict.fromkeys([cls.word(), *cls.aliases, *([cls.hyphen_word] if cls.hyphen_word else [])]))

    @classmethod
    def shown_word(cls) -> str:
        """The word for the type in answers of the hyphen API."""
        return cls.hyphen_word or (cls.aliases[0] if cls.aliases else cls.word())

    @classmethod
    def features(cls) -> list[str]:
        """The published steps that it has."""
        return [step for step in ConfigurationCheckStep if step not in cls.lacks]

    @classmethod
    def driver_for(cls, options: Mapping[str, Any]) -> Driver | None:
        """The driver that a source with these options needs; None where it needs none."""
        return cls.driver

    @classmethod
    def missing_driver(cls, options: Mapping[str, Any]) -> str | None:
        """The sentence that says how to install what these options need; None when nothing is missing."""
        driver = cls.driver_for(options)
        return driver.missing if driver is not None else None

    @classmethod
    @abstractmethod
    def open(cls, source: Any, *, read_only: bool) -> AbstractAsyncContextManager[Session]:
        """A fresh connection, never pooled, for a session that cannot write if it is `read_only`.

        Takes `connection_timeout` at most. Raises `SourceUnreachable`, TOO_MANY_CONNECTIONS where the server is full.
        """

    @classmethod
    def no_schemas(cls) -> SourceUnreachable:
        """The error for `database.schema` at a product whose schemas are databases, so that none lies in another."""
        message = f"{cls.title} has no schemas in a database: temp_schema has to be the name of a database"
        return SourceUnreachable(ErrorCode.DATABASE_NOT_FOUND, message, {"stage": "database"})

    @classmethod
    def elsewhere(cls, source: Any, database: str) -> Any:
        """The source, but with another database on the same server."""
        field = cls.options.shown_as.get("database_name")
        if field is None:
            message = f"{cls.title} has no other databases: temp_schema has to be `schema`"
            raise SourceUnreachable(ErrorCode.DATABASE_NOT_FOUND, message, {"stage": "database"})
        return msgspec.structs.replace(source, options=msgspec.structs.replace(source.options, **{field: database}))

    @classmethod
    def scratch_place(cls, source: Any) -> tuple[str | None, str] | None:
        """Database, if it names one, and schema of `temp_schema`; None where there is none. Raises `ValueError`."""
        return split_schema(source.temp_schema) if source.temp_schema else None

    @classmethod
    @asynccontextmanager
    async def connect(
        cls, source: Any, *, read_only: bool = True, patience: float = 0, database: str | None = None
    ) -> AsyncIterator[Session]:
        """A session of `open`, on `database` if that is not the source's own.

        `patience`: seconds for which a server that is full is asked again. Raises `SourceUnreachable`, DRIVER_MISSING
        among others.
        """
        if missing := cls.missing_driver(source.options.public()):
            raise SourceUnreachable(ErrorCode.DRIVER_MISSING, missing, {"stage": "driver"})
        if database is not None:
            source = cls.elsewhere(source, database)
        open_once = partial(cls.open, source, read_only=read_only)
        async with patiently(partial(recognising, source, cls.title, cls.protocol, open_once), patience) as session:
            yield session


def require_sorted_fields(options: type[Options]) -> None:
    """Each field is in one group of `Options`, and what it names is there. Raises `TypeError` naming the field."""
    groups = [getattr(options, name, None) for name in ("destination_fields", "secret_fields", "harmless_fields")]
    if None in groups:
        raise TypeError(f"{options.__name__} has to name its destination_fields, secret_fields and harmless_fields")
    named = [name for group in groups for name in group or ()]
    wrong = [name for name in {*named, *options.__struct_fields__} if named.count(name) != 1]
    wrong += {*named, *options.shown_as.values()} - {*options.__struct_fields__}
    wrong += {*options.asked_fields, *options.trust_fields} - {*options.secret_fields}
    if wrong:
        raise TypeError(f"{options.__name__}: {wrong[0]} has to be a field, and in exactly one group of fields")
