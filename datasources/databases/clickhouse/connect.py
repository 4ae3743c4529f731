"""Asking by HTTP: at an address that was resolved once, without redirects and proxies, capped and bounded."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import msgspec

from datasources.databases.clickhouse.errors import Refused, translated
from datasources.databases.clickhouse.model import ClickhouseOptions, ClickhouseSource
from datasources.databases.flood import ANSWER_BYTES, Flood
from datasources.databases.limits import Limit
from datasources.databases.opening import addresses_of, opening
from datasources.model.errors import CheckError, SourceUnreachable
from datasources.model.vocabulary import ErrorCode
from datasources.network.dial import share
from datasources.network.progress import Progress
from datasources.network.tls import MODES, context_of

KILL_SECONDS = 1.0
"""How long telling the server that we no longer wait may take."""
WHO = "SELECT currentUser(), currentDatabase(), version(), getSetting('readonly')"
WHOLE = {"output_format_json_quote_denormals": "1"}
"""So that `nan` and `inf` are no nulls; not for a user who may change no setting."""
NUMBER = "X-ClickHouse-Exception-Code"
CLEARTEXT = (
    "HTTP sends the password in clear text, and the connection is not encrypted: use tls, or set "
    "allow_cleartext_password if you trust the network in between"
)


class Asker:
    """One client of the server's HTTP interface. Each question is a request of its own, on one connection."""

    def __init__(self, client: httpx.AsyncClient, options: ClickhouseOptions, address: str, port: int) -> None:
        self._client = client
        self._options = options
        self.address = address
        self.verification = MODES[options.tls]
        host = f"[{address}]" if ":" in address else address
        self._url = f"http{'' if options.tls == 'off' else 's'}://{host}:{port}/"
        self.settings: dict[str, str] = {}
        """Sent with every question."""
        self.user = self.database = self.version = ""
        self.stages_ms: dict[str, float] = {}
        self._running: str | None = None

    async def rows(
        self, statement: str, *, most: int = ANSWER_BYTES, settings: dict[str, str] | None = None
    ) -> list[list[Any]]:
        """The rows of one statement, each value as JSON has it. Raises `Refused`, `Flood`, and httpx's errors."""
        body = await self._ask(statement, most, (settings or {}) | {"default_format": "JSONCompact"})
        if not body.strip():
            return []
        answer: dict[str, Any] = msgspec.json.decode(body)
        rows: list[list[Any]] = answer["data"]
        return rows

    async def within(self, limit: Limit, stage: str, statement: str, prefix: str = "", **more: Any) -> list[list[Any]]:
        """The same within a limit. Raises `CheckError`."""
        async with limit.round(stage):
            with translated(stage, prefix):
                return await self.rows(statement, **more)

    async def _ask(self, statement: str, most: int, settings: dict[str, str]) -> bytes:
        body = bytearray()
        async with self._answer(statement, settings) as response:
            async for piece in response.aiter_raw():
                body += piece
                if len(body) > most:
                    raise Flood(len(body), most)
        return bytes(body)

    async def first_lines(self, statement: str, count: int) -> list[bytes]:
        """The first lines of an answer whose rows are JSON, one a line; the rest is not read. Raises as `rows`."""
        found, form = b"", {"default_format": "JSONCompactEachRowWithNames"}
        async with self._answer(statement, form | (WHOLE if self.settings else {})) as response:
            async for piece in response.aiter_raw():
                found += piece
                if found.count(b"\n") >= count:
                    break
                if len(found) > ANSWER_BYTES:
                    raise Flood(len(found), ANSWER_BYTES)
        return found.split(b"\n")[:count]

    @asynccontextmanager
    async def _answer(self, statement: str, settings: dict[str, str]) -> AsyncIterator[httpx.Response]:
        """The beginning of an answer that is none of an error."""
        self._running = str(uuid.uuid4())
        parameters = self.settings | settings | {"database": self._options.database, "query_id": self._running}
        request = self._client.build_request(
            "POST",
            self._url,
            params=parameters,
            content=statement.encode(errors="replace"),
            headers=[
                (b"Host", f"{_named(self._options.host)}:{self._options.port}".encode()),
                (b"X-ClickHouse-User", self._options.user.encode()),  # as bytes: a name may have any letter
                (b"X-ClickHouse-Key", (self._options.password or "").encode()),
                (b"Accept-Encoding", b"identity"),
                (b"User-Agent", b"sourcecheck"),
            ],
            extensions={"sni_hostname": self._options.host},
        )
        response = await self._client.send(request, stream=True)
        try:
            number = response.headers.get(NUMBER)
            if response.status_code != 200 or number:
                text = (await anext(response.aiter_raw(), b"")).decode(errors="replace")
                raise Refused(int(number) if number and number.isdecimal() else None, response.status_code, text)
            yield response
            self._running = None
        except Refused:
            self._running = None
            raise
        finally:
            await response.aclose()

    async def kill(self) -> None:
        """End over there what this was asking when it was cut off."""
        if self._running is None:
            return
        query = f"KILL QUERY WHERE query_id = '{self._running}' ASYNC"
        self.settings = {}
        with suppress(Exception):
            async with asyncio.timeout(KILL_SECONDS):
                await self.rows(query)


@asynccontextmanager
async def opened(source: ClickhouseSource, *, read_only: bool) -> AsyncIterator[Asker]:
    """A client that has been let in, with our limits; what still runs for it at the end is killed."""
    options = source.options
    if options.tls == "off" and options.password and not options.allow_cleartext_password:
        raise SourceUnreachable(ErrorCode.AUTHENTICATION_FAILED, CLEARTEXT, {"stage": "login", "cleartext": True})
    context = context_of(options.rootcert, MODES[options.tls] or "full")
    transport = httpx.AsyncHTTPTransport(verify=context, trust_env=False, retries=0)
    # Neither proxies nor netrc of the worker's environment, and no redirect: the address is the one that was checked.
    async with httpx.AsyncClient(
        transport=transport, trust_env=False, follow_redirects=False, timeout=source.query_timeout
    ) as client:
        async with opening(source.connection_timeout) as progress:
            asker = await _let_in(client, source, progress, read_only)
        try:
            yield asker
        finally:
            await asker.kill()


async def _let_in(client: httpx.AsyncClient, source: ClickhouseSource, progress: Progress, read_only: bool) -> Asker:
    addresses, port = await addresses_of(source)
    progress.reached("tcp")
    for number, address in enumerate(addresses):
        asker = Asker(client, source.options, address, port)
        client.timeout = httpx.Timeout(None, connect=share(progress, len(addresses) - number))
        try:
            with _refusals(source.options):
                ((asker.user, asker.database, asker.version, level),) = await asker.rows(WHO)
        except (httpx.ConnectTimeout, SourceUnreachable) as error:
            last = number == len(addresses) - 1
            if isinstance(error, SourceUnreachable) and (last or error.details.get("stage") != "tcp"):
                raise
            if last:
                raise TimeoutError from error
            continue
        progress.end()
        asker.stages_ms = progress.stages_ms
        if str(level) == "0":  # a user who may only read may not change a setting either
            asker.settings = {"max_execution_time": str(max(1, round(source.query_timeout)))}
            if read_only:
                asker.settings |= {"readonly": "1"}
        return asker
    raise AssertionError("a host has an address")


class _refusals:
    """A refused connection or login as ours; without a password, it says that one is missing."""

    def __init__(self, options: ClickhouseOptions) -> None:
        self._options = options

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if not isinstance(error, Exception) or isinstance(error, (CheckError, TimeoutError, httpx.ConnectTimeout)):
            return
        stage = "tcp" if isinstance(error, httpx.ConnectError) else "login"
        try:
            with translated(stage, kind=SourceUnreachable):
                raise error
        except SourceUnreachable as refusal:
            if refusal.code is ErrorCode.TLS_ERROR:
                refusal.details["stage"] = "tls"
            if refusal.code is ErrorCode.AUTHENTICATION_FAILED and not self._options.password:
                refusal.details.update(secret_missing=True, missing=list(self._options.asked_fields))
            raise


def _named(host: str) -> str:
    return f"[{host}]" if ":" in host else host
