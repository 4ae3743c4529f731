"""What a step is given."""

from contextlib import AbstractAsyncContextManager

from msgspec import Struct, field

from datasources.databases import database_of
from datasources.databases.base import Session
from datasources.model.errors import CheckError
from datasources.model.results import Published
from datasources.model.source import Source
from datasources.secrecy.scrubber import Scrubber
from tasks.outbox import Outbox


class Check(Struct, kw_only=True, frozen=True):
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
    """Whether somebody has allowed to try the query, whatever it looks like."""
    unreachable: CheckError | None = None
    """Why the way to the source could not be opened; then `source` is as it was registered."""
    opening_seconds: float = 0.0
    """How long it took to open the way to the source, or to find that it cannot be; part of the connection step."""
    may_ask: bool = False
    """Whether somebody may be asked before a no is said."""
    doubts: list[CheckError] = field(default_factory=list)
    """Each no that somebody is to be asked about first; it has not been published."""
    versions: list[str] = field(default_factory=list)
    """What the connection step was told of product and version on its way, so that nobody has to connect for it."""
    published: dict[str, Published] = field(default_factory=dict)
    """What the steps that have ended found, by task."""
    outbox: Outbox = field(default_factory=Outbox)
    """By which they get into Prefect."""

    def session(
        self, *, read_only: bool = True, database: str | None = None, patient: bool = True
    ) -> AbstractAsyncContextManager[Session]:
        """A fresh connection to the source, or to another `database` of its server, for a step's own use.

        `patient`: the steps of a test run side by side, so a server that is full is asked again for a while. Raises
        `SourceUnreachable`.
        """
        patience = self.source.connection_timeout if patient else 0
        return database_of(self.source).connect(self.source, read_only=read_only, patience=patience, database=database)
