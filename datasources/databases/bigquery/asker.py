"""BigQuery's REST API: a job for each statement, its pages fetched one by one, and a dry run before a test query."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec
from msgspec import Struct

from datasources.databases.bigquery.errors import refusal_in, refusal_of
from datasources.databases.bigquery.keys import ServiceAccount, service_account
from datasources.databases.bigquery.model import BigqueryOptions
from datasources.databases.flood import ANSWER_BYTES
from datasources.databases.warehouse.asker import Asker, Row
from datasources.databases.warehouse.errors import Refused
from datasources.databases.warehouse.http import Way
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode

T = TypeVar("T")

AUDIENCE = "https://bigquery.googleapis.com/"
CANCEL_SECONDS = 1.0
PAGE = 10_000
FIRST_WAIT_MS = 500
"""The id of a job is known from the first answer on, and with it how to cancel it."""
WAITS_MS = 10_000
"""How long the server may hold a request whose job is not done yet."""
MEGABYTE = 1_000_000
READS = "SELECT"
"""The statement type of a query that reads."""


class JobReference(Struct, frozen=True, rename="camel"):
    """Where a job is."""

    job_id: str = ""
    location: str = ""


class Cell(Struct, frozen=True):
    """A value: text, null, or a repeated or nested one."""

    v: Any = None


class Cells(Struct, frozen=True):
    """A row."""

    f: list[Cell] = []


class Reason(Struct, frozen=True):
    """Why a job failed."""

    reason: str = ""
    message: str = ""


class Page(Struct, frozen=True, rename="camel"):
    """An answer of `jobs.query` and `jobs.getQueryResults`."""

    job_complete: bool = False
    job_reference: JobReference = JobReference()
    schema: dict[str, Any] | None = None
    rows: list[Cells] | None = None
    page_token: str | None = None
    errors: list[Reason] = []


class QueryStatistics(Struct, frozen=True, rename="camel"):
    """What a dry run finds out."""

    statement_type: str = ""


class Statistics(Struct, frozen=True):
    """Of a job."""

    query: QueryStatistics = QueryStatistics()


class JobStatus(Struct, frozen=True, rename="camel"):
    """Of a job."""

    error_result: Reason | None = None


class Job(Struct, frozen=True):
    """An answer of `jobs.insert`."""

    statistics: Statistics = Statistics()
    status: JobStatus = JobStatus()


class BigqueryAsker(Asker):
    """One service account's jobs in one project."""

    def __init__(self, way: Way, options: BigqueryOptions, seconds: float) -> None:
        super().__init__()
        self._way = way
        self._options = options
        self._seconds = seconds
        self._account: ServiceAccount | None = None
        self._until = 0.0
        self._token = ""
        self._running: JobReference | None = None
        host, port = options.target
        named = f"[{host}]" if ":" in host else host
        self._base = (
            f"http{'s' if options.tls else ''}://{named}:{port}/bigquery/v2/projects/{quote(options.projectId)}"
        )
        self.tls = options.tls
        self.database = options.projectId

    async def log_in(self) -> None:
        """By a first statement, which reads nothing and costs nothing."""
        if not self._options.jsonKeyFile:
            raise Refused(ErrorCode.AUTHENTICATION_FAILED, "The key of a service account is missing")
        self._account = service_account(self._options.jsonKeyFile)
        ((self.user,),) = await self.rows("SELECT SESSION_USER()")
        self.version = f"BigQuery v2 ({self._options.location})"

    async def pages(self, statement: str, *, most: int = ANSWER_BYTES) -> AsyncGenerator[list[Row], None]:
        """The pages of one statement; none where it answers no rows."""
        page = await self._begin(statement, most)
        shown = False
        while True:
            self._running = None if page.job_complete else page.job_reference
            if page.job_complete:
                if page.rows:
                    shown = True
                    yield [[cell.v for cell in row.f] for row in page.rows]
                if page.page_token is None:
                    if not shown and (page.schema or {}).get("fields"):
                        yield []
                    return
            page = await self._more(page, most)

    async def require_reading(self, sql: str) -> None:
        """Have the server say what kind of statement this is, without running it. Raises `CheckError`, `Refused`."""
        job = {"configuration": {"dryRun": True, "query": self._query(sql)}}
        found = await self._call("POST", "/jobs", Job, job)
        if found.status.error_result is not None:
            raise refusal_of(found.status.error_result.reason, found.status.error_result.message)
        kind = found.statistics.query.statement_type
        if kind != READS:
            message = f"Use a single statement that only reads: BigQuery says that this one is {kind or 'of no kind'}"
            raise CheckError(ErrorCode.QUERY_NOT_READ_ONLY, message, {"stage": "query"})

    async def cancel(self) -> None:
        """End over there what was cut off."""
        with suppress(Exception):
            async with asyncio.timeout(CANCEL_SECONDS):
                if isinstance(page := await self.late(), Page) and not page.job_complete:
                    self._running = page.job_reference
                if self._running is None:
                    return
                place = f"/jobs/{quote(self._running.job_id)}/cancel?location={quote(self._running.location)}"
                await self._call("POST", place, dict[str, Any], {})

    async def _begin(self, statement: str, most: int) -> Page:
        asked = self._query(statement) | {
            "maxResults": PAGE,
            "timeoutMs": FIRST_WAIT_MS,
            "location": self._options.location,
            "jobTimeoutMs": str(max(1000, round(self._seconds * 1000))),
            "labels": {"from": "sourcecheck"},
        }
        return await self.begun(self._page("POST", "/queries", asked, most))

    async def _more(self, page: Page, most: int) -> Page:
        reference = page.job_reference
        query = f"location={quote(reference.location or self._options.location)}&maxResults={PAGE}&timeoutMs={WAITS_MS}"
        if page.page_token is not None:
            query += f"&pageToken={quote(page.page_token, safe='')}"
        return await self._page("GET", f"/queries/{quote(reference.job_id, safe='')}?{query}", None, most)

    async def _page(self, method: str, path: str, body: object, most: int) -> Page:
        page = await self._call(method, path, Page, body, most)
        if page.errors and not page.job_complete:
            raise refusal_of(page.errors[0].reason, page.errors[0].message)
        return page

    def _query(self, statement: str) -> dict[str, Any]:
        limit = self._options.totalMBytesProcessedLimit
        billed = {"maximumBytesBilled": str(limit * MEGABYTE)} if limit else {}
        return {"query": statement, "useLegacySql": False} | billed

    async def _call(self, method: str, path: str, kind: type[T], body: object, most: int = ANSWER_BYTES) -> T:
        content = b"" if body is None else msgspec.json.encode(body)
        headers = {"Authorization": f"Bearer {self._shown()}", "Content-Type": "application/json"}
        answer = await self._way.call(method, self._base + path, headers=headers, content=content, most=most)
        if answer.status != 200:
            raise refusal_in(answer)
        return answer.read(kind)

    def _shown(self) -> str:
        """The account's token, made anew before it is too old."""
        if time.monotonic() > self._until:
            assert self._account is not None  # noqa: S101 -- for the type checker
            self._token = self._account.signed(AUDIENCE)
            self._until = time.monotonic() + 1800
        return self._token
