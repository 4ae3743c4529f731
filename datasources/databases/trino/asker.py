"""Trino's client protocol: a statement is posted, and its pages are fetched until none is left."""

import asyncio
import base64
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any
from urllib.parse import quote, urlsplit

from msgspec import Struct

from datasources.databases.flood import ANSWER_BYTES
from datasources.databases.trino.errors import Failure, refusal_of
from datasources.databases.trino.model import StarburstOptions, TrinoOptions
from datasources.databases.warehouse.asker import Asker, Row
from datasources.databases.warehouse.errors import Refused
from datasources.databases.warehouse.http import Answer, Way

CANCEL_SECONDS = 1.0
WAITS_SECONDS = 0.05
"""Between two questions of a server that has nothing yet; it makes us wait itself, up to a second."""
AWAY = (502, 503, 504)
PRECISIONS = {3: "MILLISECONDS", 6: "MICROSECONDS", 9: "NANOSECONDS"}
NONE = "NONE"
VERSION_LIMIT = 100
"""Characters of what a server may call its version."""


class QueryResults(Struct, frozen=True, rename="camel"):
    """What Trino answers to a statement and to each question for more of it (trino.io, "Client REST API")."""

    id: str
    next_uri: str | None = None
    columns: list[dict[str, Any]] | None = None
    data: list[list[Any]] | None = None
    error: Failure | None = None
    update_type: str | None = None


class NodeVersion(Struct, frozen=True):
    """Of a coordinator."""

    version: str


class Info(Struct, frozen=True, rename="camel"):
    """What `/v1/info` answers."""

    node_version: NodeVersion


class TrinoAsker(Asker):
    """One user's questions at one coordinator."""

    def __init__(self, way: Way, options: TrinoOptions | StarburstOptions, seconds: float) -> None:
        super().__init__()
        self._way = way
        self._catalog = options.dbname
        host = f"[{options.host}]" if ":" in options.host else options.host
        self._base = f"http{'s' if options.tls else ''}://{host}:{options.port}"
        self._headers = _headers(options, seconds)
        self._running: str | None = None
        self._transaction: str | None = None
        self.database = options.dbname or ""
        self.tls = options.tls

    async def pages(self, statement: str, *, most: int = ANSWER_BYTES) -> AsyncGenerator[list[Row], None]:
        """The pages of a statement, in the transaction that is open, if any."""
        headers = {"X-Trino-Transaction-Id": self._transaction or NONE}
        answer = await self._call(
            "POST", f"{self._base}/v1/statement", headers, statement.encode(errors="replace"), most
        )
        answers_rows = shown = False
        while True:
            results = answer.read(QueryResults)
            self._running = results.next_uri
            if results.error is not None:
                self._transaction = None
                raise refusal_of(results.error)
            self._transaction = answer.headers.get("X-Trino-Started-Transaction-Id", self._transaction)
            if answer.headers.get("X-Trino-Clear-Transaction-Id"):
                self._transaction = None
            answers_rows = answers_rows or (results.columns is not None and not results.update_type)
            if results.data:
                shown = True
                yield results.data
            if results.next_uri is None:
                if answers_rows and not shown:
                    yield []
                return
            if not results.data:
                await asyncio.sleep(WAITS_SECONDS)
            answer = await self._call("GET", self._own(results.next_uri), {}, b"", most)

    async def begin_reading(self) -> None:
        """Open a transaction in which nothing can be written: the server is the guard."""
        await self.rows("START TRANSACTION READ ONLY")

    async def log_in(self) -> None:
        """By a first statement, about the catalog if there is one; the version is told without a login."""
        named = quoted(self._catalog) if self._catalog else "system"
        found = await self.rows(f"SELECT current_user FROM {named}.information_schema.schemata LIMIT 1")  # noqa: S608 -- quoted
        self.user = str(found[0][0]) if found else None
        answer = await self._call("GET", f"{self._base}/v1/info", {}, b"", ANSWER_BYTES)
        self.version = f"Trino {answer.read(Info).node_version.version[:VERSION_LIMIT]}"

    async def cancel(self) -> None:
        """End over there what was cut off, and the transaction with it."""
        with suppress(Exception):
            async with asyncio.timeout(CANCEL_SECONDS):
                if self._running is not None:
                    await self._way.call("DELETE", self._own(self._running), headers=self._headers)
                if self._transaction is not None:
                    await self.rows("ROLLBACK")

    def _own(self, uri: str) -> str:
        """The next question, to the server that was asked: what it names is a path, and never another host."""
        parts = urlsplit(uri)
        if not parts.path.startswith("/"):
            raise ValueError("no path")
        return f"{self._base}{parts.path}{'?' + parts.query if parts.query else ''}"

    async def _call(self, method: str, url: str, headers: dict[str, str], content: bytes, most: int) -> Answer:
        answer = await self._way.call(method, url, headers=self._headers | headers, content=content, most=most)
        if answer.status != 200:
            raise Refused.by_status(answer.status, _sentence(answer))
        return answer


def _sentence(answer: Answer) -> str:
    """What the server says of a refused login; not a page of HTML, and not the challenge."""
    text = answer.body[:1000].decode(errors="replace").strip()
    return "" if text.startswith("<") or answer.status in AWAY else text


def _headers(options: TrinoOptions | StarburstOptions, seconds: float) -> dict[str, str]:
    session = [f"query_max_run_time={max(1, round(seconds))}s"]
    user = options.user if isinstance(options, TrinoOptions) else options.username
    headers = {
        "Content-Type": "text/plain; charset=utf-8",
        "X-Trino-Source": "sourcecheck",
        "X-Trino-Client-Capabilities": "PARAMETRIC_DATETIME",
        "X-Trino-Time-Zone": "UTC",
    }
    if user:
        headers["X-Trino-User"] = quote(user, safe=" !#$%&'()*+,-./:;<=>?@[]^_`{|}~") if not user.isascii() else user
    if options.dbname:
        headers["X-Trino-Catalog"] = quote(options.dbname) if not options.dbname.isascii() else options.dbname
    if isinstance(options, TrinoOptions) and options.hive_timestamp_precision:
        session.append(f"{options.dbname}.timestamp_precision={PRECISIONS[options.hive_timestamp_precision]}")
    headers["X-Trino-Session"] = ",".join(session)
    if isinstance(options, StarburstOptions) and options.token:
        headers["Authorization"] = f"Bearer {options.token}"
    elif options.password:
        login = f"{user or ''}:{options.password}".encode()
        headers["Authorization"] = "Basic " + base64.b64encode(login).decode()
    return headers


def quoted(name: str) -> str:
    """A name as an identifier."""
    return '"' + name.replace('"', '""') + '"'
