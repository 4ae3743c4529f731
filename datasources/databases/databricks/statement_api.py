"""Databricks' Statement Execution API: we post a statement, poll its state, and fetch its chunks."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any, ClassVar, TypeVar
from urllib.parse import quote

import msgspec
from msgspec import Struct

from datasources.databases.databricks.asker import CANCEL_SECONDS, FIRST_WAIT, LONGEST_WAIT, DatabricksAsker
from datasources.databases.databricks.errors import failed_statement, refusal_in
from datasources.databases.databricks.model import DatabricksSource
from datasources.databases.flood import ANSWER_BYTES
from datasources.databases.warehouse.asker import Row
from datasources.databases.warehouse.http import Way

T = TypeVar("T")

WAITS = "0s"
"""The server returns a statement's id at once, so that we can cancel it from then on."""
RUNNING = ("PENDING", "RUNNING")
STATEMENTS = "/api/2.0/sql/statements"


class Problem(Struct, frozen=True):
    """Why a statement failed."""

    error_code: str = ""
    message: str = ""


class Status(Struct, frozen=True):
    """The state of a statement."""

    state: str = ""
    error: Problem | None = None


class Schema(Struct, frozen=True):
    """The columns of an answer."""

    column_count: int = 0


class Manifest(Struct, frozen=True):
    """The description of an answer."""

    schema: Schema = Schema()


class Chunk(Struct, frozen=True):
    """Some rows of an answer."""

    data_array: list[list[Any]] | None = None
    next_chunk_index: int | None = None


class Statement(Struct, frozen=True):
    """A statement as the API returns it."""

    statement_id: str = ""
    status: Status = Status()
    manifest: Manifest | None = None
    result: Chunk | None = None


class WarehouseAsker(DatabricksAsker):
    """Runs statements on one SQL warehouse."""

    product: ClassVar = "Databricks"
    release: ClassVar = "dbsql_version"

    def __init__(self, way: Way, source: DatabricksSource) -> None:
        super().__init__(way, source)
        self._running: str | None = None

    def query_pages(self, query: str) -> AsyncGenerator[list[Row], None]:
        """The query unchanged: the server sends its answer in chunks."""
        return self.pages(query)

    async def pages(self, statement: str, *, most: int = ANSWER_BYTES) -> AsyncGenerator[list[Row], None]:
        """The chunks of one statement; none if it returns no rows."""
        found = await self._finished(statement, most)
        if found.manifest is None or not found.manifest.schema.column_count:
            return
        chunk = found.result or Chunk()
        yield chunk.data_array or []
        while chunk.next_chunk_index is not None:
            path = f"{STATEMENTS}/{quote(found.statement_id, safe='')}/result/chunks/{chunk.next_chunk_index}"
            chunk = await self._call("GET", path, Chunk, None, most)
            if chunk.data_array:
                yield chunk.data_array

    async def _finished(self, statement: str, most: int) -> Statement:
        asked = {
            "statement": statement,
            "warehouse_id": self._options.warehouse,
            "wait_timeout": WAITS,
            "on_wait_timeout": "CONTINUE",
            "disposition": "INLINE",
            "format": "JSON_ARRAY",
        } | ({"catalog": self._options.database} if self._options.database else {})
        found = await self.begun(self._call("POST", STATEMENTS, Statement, asked, most))
        wait = FIRST_WAIT
        while found.status.state in RUNNING:
            self._running = found.statement_id
            await asyncio.sleep(wait)
            wait = min(LONGEST_WAIT, wait * 1.5)
            found = await self._call("GET", f"{STATEMENTS}/{quote(self._running, safe='')}", Statement, None, most)
        self._running = None
        if found.status.state != "SUCCEEDED":
            problem = found.status.error or Problem()
            raise failed_statement(found.status.state, problem.error_code, problem.message)
        return found

    async def cancel(self) -> None:
        """Cancel the statement that was cut off."""
        with suppress(Exception):
            async with asyncio.timeout(CANCEL_SECONDS):
                if isinstance(found := await self.late(), Statement):
                    self._running = found.statement_id
                if self._running is None:
                    return
                await self._call("POST", f"{STATEMENTS}/{quote(self._running, safe='')}/cancel", dict[str, Any], {})

    async def _call(self, method: str, path: str, kind: type[T], body: object, most: int = ANSWER_BYTES) -> T:
        answer = await self._way.call(
            method,
            self._base + path,
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
            content=b"" if body is None else msgspec.json.encode(body),
            most=most,
        )
        if answer.status != 200:
            raise refusal_in(answer)
        return answer.read(kind)
