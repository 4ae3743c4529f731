"""What the steps of a test give their downloads to: it compares them with what is kept, and stores what is different.

The process that carries a test out writes them itself: it has the catalogue's address for the job's sake, and a schema
is far too large for the metadata of a Prefect run. Nothing is stored of a download that was cut off.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from hashlib import blake2b
from typing import TypeVar

import msgspec
import psycopg
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError

from datasources.catalogue.engine import session_scope
from datasources.catalogue.schemas import store
from datasources.catalogue.schemas.compare import TableChange
from datasources.catalogue.schemas.content import edge_form_of, encoded
from datasources.catalogue.schemas.drafts import SchemaDraft, edge_difference
from datasources.catalogue.schemas.figures import Figures
from datasources.catalogue.schemas.kept import SENTENCES, Kept, kept_of
from datasources.databases.base import Lineage, Table
from datasources.model.settings import Settings
from datasources.model.source import Source
from datasources.secrecy.scrubber import Scrubber

logger = logging.getLogger("sourcecheck.schemas")
READ_AT_ONCE = 500
"""Changed tables whose former content is held in memory at a time."""
NOT_KEPT = "the catalogue could not keep it"

UNAVAILABLE = (OperationalError, InterfaceError)
"""What SQLAlchemy raises when the catalogue is being restarted; anything else is a fault of ours."""

T = TypeVar("T")


class Keeper:
    """Keeps what one test finds of one source."""

    def __init__(self, settings: Settings, source: Source, source_id: int, job_id: int, scrubber: Scrubber) -> None:
        self._settings = settings
        self._source_id = source_id
        self._job_id = job_id
        self._scrubber = scrubber
        self._scope = scope_of(source)
        self._turn = asyncio.Lock()
        """The steps store one after the other, on the one connection that the process keeps: a login costs more."""

    async def begin(self) -> "SchemaDownload | None":
        """Begin with a download of the schema; None when the catalogue does not answer."""
        return await self._trying(self._begin)

    async def _begin(self) -> "SchemaDownload":
        async with session_scope(self._settings) as session:
            newest = await store.head(session, self._source_id, store.SCHEMA)
            known = await store.known_tables(session, self._source_id) if newest else {}
        return SchemaDownload(self, SchemaDraft(known), newest.number if newest else 0)

    async def keep_lineage(self, lineage: Lineage, began: float) -> Kept | None:
        """Store a lineage that began to be read then (monotonic seconds); None when it could not be kept."""

        async def keep() -> Kept | None:
            return await self._keep_lineage(lineage, began)

        return await self._trying(keep)

    async def _keep_lineage(self, lineage: Lineage, began: float) -> Kept | None:
        forms = [edge_form_of(edge, self._scrubber) for edge in lineage.edges]
        unread = self._scrubber.data(msgspec.to_builtins(lineage.unread[:SENTENCES]))
        found = self.found(began, {"edges": len(forms), "unread_count": len(lineage.unread), "unread": unread})
        async with session_scope(self._settings) as session:
            if not await store.lock(session, self._source_id):
                return None
            newest = await store.head(session, self._source_id, store.LINEAGE)
            number = newest.number if newest else 0
            known = await store.known_edges(session, self._source_id)
            difference = edge_difference(forms, known, await store.known_tables(session, self._source_id))
            since = newest.confirmed_at if newest else None
            if newest is not None and not difference.changes:
                store.confirm(newest, found)
                return Kept(version=number, since=since)
            await store.add_version(session, store.LINEAGE, number + 1, found, difference.changes, announce=False)
            await store.write_edges(session, number + 1, found, difference)
        return kept_of(number + 1, since, difference.changes)

    async def finish(self, download: "SchemaDownload") -> Kept | None:
        """Store a download of the schema that has ended; None when it could not be kept."""

        async def keep() -> Kept | None:
            return await self._finish(download)

        return await self._trying(keep)

    async def _finish(self, download: "SchemaDownload") -> Kept | None:
        draft, number = download.draft, download.compared_with
        found = self.found(download.began, msgspec.to_builtins(download.figures))
        async with session_scope(self._settings) as session:
            if not await store.lock(session, self._source_id):
                return None
            newest = await store.head(session, self._source_id, store.SCHEMA)
            if (newest.number if newest else 0) != number:
                return None
            changes: list[TableChange] = []
            names = draft.changed
            for start in range(0, len(names), READ_AT_ONCE):
                some = names[start : start + READ_AT_ONCE]
                changes += draft.settle(await store.tables_named(session, self._source_id, some))
            difference = draft.difference(changes)
            await store.move_estimates(session, self._source_id, difference.estimates)
            since = newest.confirmed_at if newest else None
            if newest is not None and not difference.changes:
                store.confirm(newest, found)
                return Kept(version=number, since=since, left_out=draft.left_out)
            announce = newest is not None and newest.scope == self._scope
            await store.add_version(session, store.SCHEMA, number + 1, found, difference.changes, announce=announce)
            await store.write_tables(session, number + 1, found, difference)
        return kept_of(number + 1, since, difference.changes, draft.left_out)

    def encode(self, batch: Iterable[Table], download: "SchemaDownload") -> None:
        """Take the next tables of a download."""
        found = [encoded(table, self._scrubber) for table in batch]
        download.figures.add(item.table for item in found)
        download.draft.add(found)

    def found(self, began: float, figures: dict[str, object]) -> store.Found:
        """What is said of a download that ends now."""
        return store.Found(
            source_id=self._source_id,
            job_id=self._job_id,
            at=datetime.now(UTC),
            duration_ms=max(1, round((time.monotonic() - began) * 1000)),
            scope=self._scope,
            figures=figures,
        )

    async def _trying(self, keep: Callable[[], Awaitable[T]]) -> T | None:
        """A catalogue that fails is no verdict on the source: the step goes on without it."""
        try:
            async with self._turn:
                return await keep()
        except (SQLAlchemyError, psycopg.Error, OSError) as error:
            is_ours = not isinstance(error, (*UNAVAILABLE, psycopg.OperationalError, OSError))
            logger.warning("%s: %s", NOT_KEPT, type(error).__name__, exc_info=error if is_ours else None)
            return None


class SchemaDownload:
    """One download of a source's schema, while it is read."""

    def __init__(self, keeper: Keeper, draft: SchemaDraft, compared_with: int) -> None:
        self._keeper = keeper
        self.draft = draft
        self.compared_with = compared_with
        self.figures = Figures()
        self.began = time.monotonic()

    def add(self, batch: Iterable[Table]) -> None:
        """The next tables."""
        self._keeper.encode(batch, self)

    async def keep(self) -> Kept | None:
        """Store it, now that it is whole; None when it could not be kept."""
        return await self._keeper.finish(self)


def scope_of(source: Source) -> bytes:
    """A fingerprint of what a user can change about which tables are seen: where the source is, as whom, and its lists.

    No secret is part of it.
    """
    lists = (source.catalog_include_list, source.catalog_exclude_list)
    return blake2b(msgspec.json.encode((source.options.public(), lists)), digest_size=16).digest()
