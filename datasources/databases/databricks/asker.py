"""Databricks' Statement Execution API: a statement is posted, watched, and its chunks are fetched."""

import asyncio
import base64
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Struct

from datasources.databases.databricks.errors import failed_statement, refusal_in
from datasources.databases.databricks.model import DatabricksOptions, DatabricksSource
from datasources.databases.flood import ANSWER_BYTES
from datasources.databases.warehouse.asker import Asker, Row
from datasources.databases.warehouse.entra import token_of
from datasources.databases.warehouse.errors import Refused
from datasources.databases.warehouse.http import Way
from datasources.model.vocabulary import ErrorCode

T = TypeVar("T")

CANCEL_SECONDS = 1.0
FIRST_WAIT, LONGEST_WAIT = 0.1, 2.0
WAITS = "0s"
"""The server answers the id of a statement at once, so that it can be cancelled from then on."""
ENTRA_SCOPE = "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d/.default"
"""Databricks itself, as Microsoft Entra knows it."""
RUNNING = ("PENDING", "RUNNING")
STATEMENTS = "/api/2.0/sql/statements"


class Problem(Struct, frozen=True):
    """Why a statement failed."""

    error_code: str = ""
    message: str = ""


class Status(Struct, frozen=True):
    """Of a statement."""

    state: str = ""
    error: Problem | None = None


class Schema(Struct, frozen=True):
    """Of an answer."""

    column_count: int = 0


class Manifest(Struct, frozen=True):
    """Of an answer."""

    schema: Schema = Schema()


class Chunk(Struct, frozen=True):
    """Some rows of an answer."""

    data_array: list[list[Any]] | None = None
    next_chunk_index: int | None = None


class Statement(Struct, frozen=True):
    """A statement as the API answers it."""

    statement_id: str = ""
    status: Status = Status()
    manifest: Manifest | None = None
    result: Chunk | None = None


class Token(Struct, frozen=True):
    """Of the workspace's own authority."""

    access_token: str


class DatabricksAsker(Asker):
    """One principal's statements at one warehouse."""

    def __init__(self, way: Way, source: DatabricksSource) -> None:
        super().__init__()
        self._way = way
        self._source = source
        self._options: DatabricksOptions = source.options
        host = f"[{self._options.host}]" if ":" in self._options.host else self._options.host
        self._base = f"http{'s' if self._options.tls else ''}://{host}:{self._options.port}"
        self._token = ""
        self._running: str | None = None
        self.tls = self._options.tls
        self.database = self._options.database or ""

    async def log_in(self) -> None:
        """Get a token, and learn by a first statement who we are, in which catalog, at which version."""
        if self._options.warehouse is None:
            raise Refused(
                ErrorCode.DATABASE_NOT_FOUND, "http_path is missing: it names the SQL warehouse that runs statements"
            )
        self._token = await self._shown()
        ((self.user, self.database),) = await self.rows("SELECT current_user(), current_catalog()")
        try:
            ((version,),) = await self.rows("SELECT current_version().dbsql_version")
            self.version = f"Databricks {str(version)[:100]}"
        except Refused as error:
            if error.code is not ErrorCode.QUERY_ERROR:
                raise
            ((version,),) = await self.rows("SELECT version()")
            self.version = f"Spark {str(version).split(' ')[0][:100]}"

    async def pages(self, statement: str, *, most: int = ANSWER_BYTES) -> AsyncGenerator[list[Row], None]:
        """The chunks of one statement; none where it answers no rows."""
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
        """End over there what was cut off."""
        with suppress(Exception):
            async with asyncio.timeout(CANCEL_SECONDS):
                if isinstance(found := await self.late(), Statement):
                    self._running = found.statement_id
                if self._running is None:
                    return
                await self._call("POST", f"{STATEMENTS}/{quote(self._running, safe='')}/cancel", dict[str, Any], {})

    async def _shown(self) -> str:
        """The token to show: the given one, or one of an authority for the application."""
        options = self._options
        if options.method == "azure_entra":
            return await token_of(self._source, self._way.progress, ENTRA_SCOPE)
        if options.method == "m2m_oauth":
            return await self._of_workspace()
        if not options.http_password:
            missing = {"secret_missing": True, "missing": list(options.asked_fields)}
            raise Refused(ErrorCode.AUTHENTICATION_FAILED, "An access token is missing", missing)
        return options.http_password

    async def _of_workspace(self) -> str:
        login = f"{self._options.m2m_client_id or ''}:{self._options.m2m_client_secret or ''}".encode()
        answer = await self._way.call(
            "POST",
            f"{self._base}/oidc/v1/token",
            headers={
                "Authorization": "Basic " + base64.b64encode(login).decode(),
                "Content-Type": "application/x-www-form-urlencoded",
            },
            content=urlencode({"grant_type": "client_credentials", "scope": "all-apis"}).encode(),
        )
        if answer.status != 200:
            raise refusal_in(answer)
        return answer.read(Token).access_token

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
