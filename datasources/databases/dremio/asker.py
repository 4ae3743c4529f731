"""Dremio's REST API: a job is posted, watched, and its rows are fetched by pages of 500."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from datasources.databases.dremio.errors import failed_job, refusal_in
from datasources.databases.dremio.model import DremioOptions
from datasources.databases.flood import ANSWER_BYTES
from datasources.databases.warehouse.asker import Asker, Row
from datasources.databases.warehouse.errors import Refused
from datasources.databases.warehouse.http import Way
from datasources.model.vocabulary import ErrorCode

T = TypeVar("T")

CANCEL_SECONDS = 1.0
PAGE = 500
"""The most that the API gives at once."""
FIRST_WAIT, LONGEST_WAIT = 0.05, 1.0
ENDED = ("COMPLETED", "FAILED", "CANCELED")
CATALOG = "DREMIO"
"""TABLE_CATALOG of everything."""


class Token(Struct, frozen=True):
    """Of a login."""

    token: str


class Posted(Struct, frozen=True):
    """A job that was taken."""

    id: str


class Job(Struct, frozen=True, rename="camel"):
    """A job, as it stands."""

    job_state: str = ""
    row_count: int | None = None
    error_message: str = ""


class Field(Struct, frozen=True):
    """A column of an answer."""

    name: str


class Results(Struct, frozen=True, rename="camel"):
    """Some rows of an answer."""

    row_count: int = 0
    schema: list[Field] = []
    rows: list[dict[str, Any]] = []


class DremioAsker(Asker):
    """One user's jobs."""

    def __init__(self, way: Way, options: DremioOptions) -> None:
        super().__init__()
        self._way = way
        self._options = options
        host, port = options.target
        named = f"[{host}]" if ":" in host else host
        self._base = f"http{'s' if options.tls else ''}://{named}:{port}"
        self._api = f"/v0/projects/{options.project_id}" if options.project_id else "/api/v3"
        self._authorization = ""
        self._running: str | None = None
        self.tls = options.tls
        self.database = CATALOG

    async def log_in(self) -> None:
        """Get a token, if none is given, and learn by a first job who we are."""
        if self._options.token:
            self._authorization = f"Bearer {self._options.token}"
        elif self._options.password:
            login = {"userName": self._options.username or "", "password": self._options.password}
            found = await self._call("POST", "/apiv2/login", Token, login)
            self._authorization = f"_dremio{found.token}"
        else:
            raise Refused(ErrorCode.AUTHENTICATION_FAILED, "A password or a token is missing")
        ((self.user,),) = await self.rows("SELECT QUERY_USER()")
        self.version = "Dremio Cloud"
        if not self._options.project_id:
            ((version,),) = await self.rows("SELECT version FROM sys.version")
            self.version = f"Dremio {str(version)[:100]}"

    async def pages(self, statement: str, *, most: int = ANSWER_BYTES) -> AsyncGenerator[list[Row], None]:
        """The pages of one job. A statement that answers no rows has a job of one row, about itself."""
        posted = await self.begun(self._call("POST", f"{self._api}/sql", Posted, {"sql": statement}))
        self._running = posted.id
        job, wait = Job(), FIRST_WAIT
        while job.job_state not in ENDED:
            if job.job_state:
                await asyncio.sleep(wait)
                wait = min(LONGEST_WAIT, wait * 1.5)
            job = await self._call("GET", f"{self._api}/job/{posted.id}", Job, None)
        self._running = None
        if job.job_state != "COMPLETED":
            raise failed_job(job.job_state, job.error_message)
        done = 0
        while True:
            path = f"{self._api}/job/{posted.id}/results?offset={done}&limit={PAGE}"
            found = await self._call("GET", path, Results, None, most)
            if done == 0 and not found.schema:
                return
            names = [field.name for field in found.schema]
            done += len(found.rows)
            if found.rows or done == 0:
                yield [[row.get(name) for name in names] for row in found.rows]
            if not found.rows or done >= found.row_count:
                return

    async def cancel(self) -> None:
        """End over there what was cut off."""
        with suppress(Exception):
            async with asyncio.timeout(CANCEL_SECONDS):
                if isinstance(posted := await self.late(), Posted):
                    self._running = posted.id
                if self._running is None:
                    return
                await self._call("POST", f"{self._api}/job/{self._running}/cancel", dict[str, Any], {})

    async def _call(self, method: str, path: str, kind: type[T], body: object, most: int = ANSWER_BYTES) -> T:
        headers = {"Content-Type": "application/json"}
        if self._authorization:
            headers["Authorization"] = self._authorization
        content = b"" if body is None else msgspec.json.encode(body)
        answer = await self._way.call(method, self._base + path, headers=headers, content=content, most=most)
        if answer.status not in (200, 201, 204):
            raise refusal_in(answer)
        return answer.read(kind) if answer.body else msgspec.convert({}, kind)
