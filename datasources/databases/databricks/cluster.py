"""Runs statements on a cluster, through Hive's Thrift service: each call is a request of our own HTTP layer.

No driver opens connections: `warehouse/http.py` checks addresses and TLS, enforces limits and cancels, as for every
request, and `messages` only writes and reads bodies. We leave out what Databricks' connector does besides: retries,
telemetry, browser logins, results behind links to other hosts, and files that the server asks for.
"""

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import suppress
from functools import partial
from typing import Any, ClassVar

from datasources.databases.databricks.asker import CANCEL_SECONDS, FIRST_WAIT, LONGEST_WAIT, DatabricksAsker
from datasources.databases.databricks.errors import failed_operation, refused_call
from datasources.databases.databricks.messages import (
    PROTOCOL,
    CloseSession,
    Code,
    ExecuteStatement,
    FetchResults,
    Message,
    OfOperation,
    OpenSession,
    SessionOpened,
    State,
    StatementBegun,
    read,
    written,
)
from datasources.databases.databricks.model import DatabricksSource
from datasources.databases.flood import ANSWER_BYTES, MEGABYTE, Flood
from datasources.databases.warehouse.asker import Row
from datasources.databases.warehouse.http import Way
from datasources.network.threads import in_thread

PAGE = 1000
"""Rows per page."""
RUNNING = (State.initialized, State.running, State.pending)
WRAPPED = re.compile(r"(?:\s|\(|--[^\n]*\n|/\*.*?\*/)*+(?:select|with|values)\b", re.IGNORECASE | re.DOTALL)
"""A query that can be limited to one row; other reading statements (SHOW, DESCRIBE, EXPLAIN) answer few rows."""
IN_LOOP_BYTES = MEGABYTE // 4
"""Longer answers are read in a thread: reading takes CPU, and limits have to be enforced meanwhile."""


class ClusterAsker(DatabricksAsker):
    """Runs statements in one session on one cluster."""

    product: ClassVar = "Databricks Runtime"
    release: ClassVar = "dbr_version"

    def __init__(self, way: Way, source: DatabricksSource) -> None:
        super().__init__(way, source)
        self._session: Any = None
        self._operation: Any = None

    async def begin(self) -> None:
        """Open a session in the source's catalog."""
        opened = await self.begun(self._call("OpenSession", OpenSession(protocol=PROTOCOL)))
        self._session = opened.session
        if self._options.database:
            name = self._options.database.replace("`", "``")
            await self.rows(f"SET CATALOG `{name}`")

    def query_pages(self, query: str) -> AsyncGenerator[list[Row], None]:
        """Its first row only: a cluster computes the whole answer before it sends any row."""
        if WRAPPED.match(query):
            query = f"SELECT * FROM (\n{query.rstrip().rstrip(';')}\n) LIMIT 1"  # noqa: S608 -- the guard has read it
        return self.pages(query)

    async def pages(self, statement: str, *, most: int = ANSWER_BYTES) -> AsyncGenerator[list[Row], None]:
        """The rows of one statement; `most` bytes are for all of them."""
        operation = await self._finished(statement)
        if operation.has_rows is False:
            return
        first, left = True, most
        while True:
            fetched, size = await self._fetched(operation, left, most)
            left -= size
            rows = fetched.rows()
            if rows is None:
                return
            if rows or first:
                yield rows
            if not rows or (len(rows) < PAGE and not fetched.has_more):  # Spark's server never sets has_more
                return
            first = False

    async def _finished(self, statement: str) -> Any:
        """Run the statement to its end; the operation holds its rows. Raises `Refused` if it fails."""
        request = ExecuteStatement(session=self._session, statement=statement, at_once=True)
        begun = await self.begun(self._call("ExecuteStatement", request))
        if begun.operation is None:
            raise ValueError("a statement without an operation")
        self._operation = begun.operation
        wait = FIRST_WAIT
        while True:
            found = await self._call("GetOperationStatus", OfOperation(operation=self._operation))
            if found.state not in RUNNING:
                break
            await asyncio.sleep(wait)
            wait = min(LONGEST_WAIT, wait * 1.5)
        operation, self._operation = self._operation, None
        if found.state != State.finished:
            ended = found.state != State.error
            raise failed_operation(found.shown or found.message or "", found.sqlstate, ended=ended)
        return operation

    async def _fetched(self, operation: Any, left: int, most: int) -> tuple[Any, int]:
        """The next rows, and how many bytes they took."""
        request = FetchResults(operation=operation, orientation=0, most=PAGE)
        try:
            body = await self._posted("FetchResults", request, left)
        except Flood as error:
            raise Flood(most - left + error.received, most) from error
        return await self._read("FetchResults", body), len(body)

    async def _call(self, function: str, request: Message, most: int = ANSWER_BYTES) -> Any:
        return await self._read(function, await self._posted(function, request, most))

    async def _posted(self, function: str, request: Message, most: int) -> bytes:
        answer = await self._way.call(
            "POST",
            f"{self._base}/{self._options.cluster}",
            headers={
                "Authorization": f"Bearer {self._token}",
                "Content-Type": "application/x-thrift",
                "Accept": "application/x-thrift",
            },
            content=written(function, request),
            most=most,
        )
        if answer.status != 200:
            raise refused_call(answer)
        return answer.body

    async def _read(self, function: str, body: bytes) -> Any:
        """Parse an answer. Raises `Refused` if the server refused the call."""
        answer = read(function, body) if len(body) < IN_LOOP_BYTES else await in_thread(partial(read, function, body))
        status = answer.status
        if status is None or status.code in (Code.error, Code.invalid_handle):
            raise failed_operation((status and status.message) or "", status and status.sqlstate)
        return answer

    async def cancel(self) -> None:
        """Cancel the statement that was cut off, and close the session with everything that it keeps on the cluster."""
        with suppress(Exception):
            async with asyncio.timeout(CANCEL_SECONDS):
                late = await self.late()
                if isinstance(late, SessionOpened):
                    self._session = late.session
                elif isinstance(late, StatementBegun):
                    self._operation = late.operation
                if self._operation is not None:
                    await self._call("CancelOperation", OfOperation(operation=self._operation))
                if self._session is not None:
                    await self._call("CloseSession", CloseSession(session=self._session))
