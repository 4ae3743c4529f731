"""What a step receives, and what records its finding."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from msgspec import Struct, field

from datasources.catalogue.schemas.kept import Kept
from datasources.databases import database_of
from datasources.databases.base import Lineage, Session, Table
from datasources.model.errors import CheckError
from datasources.model.questions import Answer
from datasources.model.results import Published
from datasources.model.source import Source
from datasources.secrecy.scrubber import Scrubber


class Delivery(Protocol):
    """Delivers results to where clients read them: `tasks.outbox.Outbox`, into Prefect's run metadata."""

    def put(self, published: Published, until: float) -> None:
        """Have the result written; try until `until` (Unix seconds)."""


class Download(Protocol):
    """A download of the schema while it is read: `datasources.catalogue.schemas.keeper.SchemaDownload`."""

    def add(self, batch: list[Table]) -> None:
        """The next tables."""

    async def keep(self) -> Kept | None:
        """Store it, now that it is whole; None when it could not be kept."""


class Keeper(Protocol):
    """What keeps what the downloads find: `datasources.catalogue.schemas.keeper.Keeper`, in the catalogue."""

    async def begin(self) -> Download | None:
        """Begin with a download of the schema; None when it cannot be kept."""

    async def keep_lineage(self, lineage: Lineage, began: float) -> Kept | None:
        """Store a lineage that began to be read then (monotonic seconds); None when it could not be kept."""


class Recorder(Struct, kw_only=True):
    """What the steps of one test have found so far; all of them share it, and nothing else changes while they run."""

    published: dict[str, Published] = field(default_factory=dict)
    """What the steps that have ended found, by step."""
    pending: dict[str, CheckError] = field(default_factory=dict)
    """Failures to ask a person about before they count, by step; none of them has been published."""
    version: str | None = None
    """Product and version, if the connection step learnt them."""
    outbox: Delivery | None = None
    """None if only the caller reads the results."""

    def publish(self, published: Published, until: float) -> None:
        """Keep what a step found, and have it delivered until then (Unix seconds)."""
        self.published[published.task] = published
        if self.outbox is not None:
            self.outbox.put(published, until=until)


class StepContext(Struct, kw_only=True, frozen=True):
    """One test of one source, with everything its steps need. Lives in the worker's process only."""

    job_id: int
    source_id: int
    source: Source
    """With secrets, as seen from here (behind its tunnel, if it has one)."""
    scrubber: Scrubber
    deadline: float
    """Unix time by which the whole job has to be over."""
    test_query: str | None = None
    query_confirmed: bool = False
    """Whether a person has approved the query, although it may do more than read."""
    unreachable: CheckError | None = None
    """Why the way to the source could not be opened; `source` is then as registered."""
    opening_seconds: float = 0.0
    """How long opening the way to the source took, successful or not; part of the connection step."""
    may_ask: bool = False
    """Whether a person may be asked before a failure counts."""
    answers: list[Answer] = []
    """What users have answered in this test so far."""
    recorder: Recorder = field(default_factory=Recorder)
    keeper: Keeper | None = None
    """Keeps what the downloads find; None where nothing is to be kept."""

    def session(self, *, read_only: bool = True, database: str | None = None) -> AbstractAsyncContextManager[Session]:
        """A fresh connection to the source, or to another `database` of its server, for a step's own use.

        A server whose refusal is transient is asked again within the limit. Raises `SourceUnreachable`.
        """
        patience = self.source.connection_timeout
        return database_of(self.source).connect(self.source, read_only=read_only, patience=patience, database=database)
