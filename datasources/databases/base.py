"""What every database answers, so that no step asks which one it is."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar

from msgspec import Struct

from datasources.model.source import Masked, Source


class Identity(Struct, kw_only=True, frozen=True):
    """Who we are over there, and over what."""

    user: str
    database: str
    address: str
    tls: bool
    tls_version: str | None = None
    stages_ms: dict[str, float] = {}
    """Milliseconds of each stage of the connection: resolve, tcp, tls, login."""


class Column(Struct, kw_only=True, frozen=True, omit_defaults=True):
    """One column, its type as the server writes it."""

    name: str
    type: str
    nullable: bool = True
    comment: str | None = None


class ForeignKey(Struct, kw_only=True, frozen=True):
    """A reference from columns here to columns there."""

    columns: list[str]
    table: str
    referenced: list[str]


class Table(Struct, kw_only=True, frozen=True, omit_defaults=True):
    """One table, view or materialized view."""

    schema: str
    name: str
    kind: str
    columns: list[Column]
    primary_key: list[str] = []
    foreign_keys: list[ForeignKey] = []
    comment: str | None = None
    rows: int | None = None
    """The server's own estimate; None where it has none."""


class LineageEdge(Struct, kw_only=True, frozen=True, omit_defaults=True):
    """`target` (a view) is made from `source`; `columns` are the columns of the source it reads."""

    source: str
    target: str
    columns: list[str] = []


class QueryAnswer(Struct, kw_only=True, frozen=True):
    """The first value of a query as text, and how long it took on the open connection."""

    value: str | None
    response_time_ms: float


class Session(ABC):
    """One open connection. Every method raises `CheckError` and nothing foreign."""

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
    def tables(self, include: str | None, exclude: str | None) -> AsyncIterator[list[Table]]:
        """All tables in batches, filtered by newline-separated globs on `schema.table`, in few queries."""

    @abstractmethod
    async def lineage(self) -> list[LineageEdge] | None:
        """What is made from what, from the server's own records; None where this database keeps none."""

    @abstractmethod
    async def query(self, sql: str) -> QueryAnswer:
        """Run one statement that only reads, enforced by the session, and roll back."""


class Database(ABC):
    """How one kind of data source is reached."""

    title: ClassVar[str]
    """The product's own name."""
    source: ClassVar[type[Source]]
    options: ClassVar[type[Masked]]
    features: ClassVar[tuple[str, ...]]

    @classmethod
    @abstractmethod
    def connect(
        cls, source: Any, *, read_only: bool = True, patience: float = 0, database: str | None = None
    ) -> AbstractAsyncContextManager[Session]:
        """A fresh connection, never pooled, to `database` if that is not the source's own.

        `patience`: seconds for which a server that is full is asked again. Raises `SourceUnreachable`.
        """
