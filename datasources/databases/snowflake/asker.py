"""Snowflake's connector, in a thread, behind an outlet: it finds no other way out, and no credential of its own."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import Any, TypeVar

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from datasources.databases.blocking import Calls, open_in_thread
from datasources.databases.flood import ANSWER_BYTES, LOGIN_BYTES
from datasources.databases.opening import place_of
from datasources.databases.snowflake.errors import refused
from datasources.databases.snowflake.library import connector
from datasources.databases.snowflake.model import SnowflakeOptions, SnowflakeSource, variables_of
from datasources.databases.warehouse.asker import Asker, Row
from datasources.databases.warehouse.entra import token_of
from datasources.databases.warehouse.errors import Refused
from datasources.model.errors import SourceUnreachable
from datasources.model.vocabulary import ErrorCode
from datasources.network.outlet import USER, Hosts, Outlet, open_outlet
from datasources.network.progress import Progress
from datasources.network.way_out import LOOPBACK

T = TypeVar("T")

PAGE = 1000
CLOSE_SECONDS = 0.5
"""How long the farewell may take."""
STAGES = (".amazonaws.com", ".blob.core.windows.net", ".storage.googleapis.com", ".snowflakecomputing.com")
"""Where Snowflake keeps the pages of a large answer, which the driver fetches by addresses signed for it."""
STAGE = ("storage.googleapis.com", 443)
"""The one that no name stands before."""
VERSION_LIMIT = 100


class SnowflakeAsker(Asker):
    """One login at one account."""

    def __init__(self, source: SnowflakeSource) -> None:
        super().__init__()
        self._source = source
        self._driver: Any = None
        self._stack = AsyncExitStack()
        self.database = source.options.default_db
        self.tls = source.options.tls

    def begin(self, progress: Progress) -> None:
        """The opening notes its stages here."""
        options = self._source.options
        hosts = Hosts(frozenset({options.target, STAGE}), STAGES)
        where = partial(place_of, self._source)
        self._progress = progress
        self._outlet = Outlet(hosts, progress, place_of=where, plain=not options.tls)
        self._calls = Calls(self._outlet.shut)

    async def log_in(self) -> None:
        """Log in, set the session's variables, and learn who we are."""
        await self._stack.enter_async_context(open_outlet(self._outlet))
        self._outlet.begin(LOGIN_BYTES)
        settings = await self._settings()
        with refused(self._outlet):
            self._driver = await open_in_thread(partial(_connect, settings), _close, self._outlet.shut)
        self.address = self._outlet.address
        self._progress.reached("database")
        for name, value in variables_of(self._source.options.sql_variables).items():
            await self.rows(f"SET {name} = {literal(value)}")
        if self.database:
            await self._require_database()
        ((self.user, version),) = await self.rows("SELECT CURRENT_USER(), CURRENT_VERSION()")
        self.version = f"Snowflake {str(version)[:VERSION_LIMIT]}"

    async def _require_database(self) -> None:
        """A database that is not there, or that the role may not use, is found at the connection."""
        name = self.database.replace('"', '""')
        try:
            await self.rows(f'SHOW SCHEMAS IN DATABASE "{name}" LIMIT 1')
        except Refused as error:
            if error.code not in (ErrorCode.QUERY_ERROR, ErrorCode.DATABASE_NOT_FOUND):
                raise
            advice = f'Check default_db, which is case sensitive, or: GRANT USAGE ON DATABASE "{name}" TO ROLE ….'
            raise Refused(ErrorCode.DATABASE_NOT_FOUND, error.message, error.details, advice) from error

    async def pages(self, statement: str, *, most: int = ANSWER_BYTES) -> AsyncGenerator[list[Row], None]:
        """Rows as the connector fetches them; no page for a statement that answers none."""
        self._outlet.begin(most)
        cursor = await self._call(partial(_execute, self._driver, statement))
        if cursor is None:
            return
        first = True
        while True:
            rows = await self._call(partial(cursor.fetchmany, PAGE))
            if rows or first:
                yield [list(row) for row in rows]
            if not rows:
                return
            first = False

    async def _call(self, work: Callable[[], T]) -> T:
        with refused(self._outlet):
            return await self._calls.run(work)

    async def cancel(self) -> None:
        """Say farewell, which ends what still runs in the session, and cut what is open."""
        if self._driver is not None:
            with suppress(Exception):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self._calls.run(partial(_close, self._driver))
        await self._stack.aclose()

    async def _settings(self) -> dict[str, Any]:
        """What the connector is told, all of it: nothing is left for it to look up by itself."""
        options, source = self._source.options, self._source
        host, port = options.target
        seconds = max(1, round(source.connection_timeout)) + 1
        settings: dict[str, Any] = {
            "account": options.account.partition(".")[0],
            "host": host,
            "port": port,
            "protocol": "https" if options.tls else "http",
            "user": options.user,
            "warehouse": options.warehouse or None,
            "role": options.role or None,
            "database": options.default_db or None,
            "schema": options.default_schema or None if options.default_db else None,
            "proxy_host": LOOPBACK,
            "proxy_port": self._outlet.port,
            "proxy_user": USER,
            "proxy_password": self._outlet.password,
            "use_proxy_env": False,
            "no_proxy": "",
            "application": "sourcecheck",
            "login_timeout": seconds,
            "connect_timeout": seconds,
            "query_timeout": max(1, round(source.query_timeout)) + 1,
            "request_timeout": seconds,
            "retry_max_attempts": 1,
            "enable_server_session_keep_alive_auto_detection": False,
            "logout_max_attempts": 1,
            "logout_total_timeout_seconds": 1,
            "client_store_temporary_credential": False,
            "crl_check_mode": "DISABLED",  # a certificate names the place of its list
            "session_parameters": {
                "STATEMENT_TIMEOUT_IN_SECONDS": max(1, round(source.query_timeout)),
                "CLIENT_TELEMETRY_ENABLED": False,
                "ABORT_DETACHED_QUERY": True,
                "QUOTED_IDENTIFIERS_IGNORE_CASE": options.quoted_identifiers_ignore_case,
                "QUERY_TAG": "sourcecheck",
            },
        }
        return settings | await self._login(options)

    async def _login(self, options: SnowflakeOptions) -> dict[str, Any]:
        if options.method == "keypair":
            return {"authenticator": "SNOWFLAKE_JWT", "private_key": _private_key(options.keyPairFile)}
        if options.method == "azure_entra":
            return {"authenticator": "OAUTH", "token": await token_of(self._source, self._progress)}
        if not options.password:
            missing = {"secret_missing": True, "missing": list(options.asked_fields)}
            raise Refused(ErrorCode.AUTHENTICATION_FAILED, "The source has no password", missing)
        return {"authenticator": "SNOWFLAKE", "password": options.password}


def _private_key(text: str | None) -> bytes:
    """The key as the connector takes it. Raises `SourceUnreachable`."""
    try:
        key = load_pem_private_key("\n".join((text or "").split("\\n")).encode(), None)
        return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    except (ValueError, TypeError) as error:
        message = "keyPairFile is not a private key in PEM form, or has a passphrase, which is not supported"
        raise SourceUnreachable(ErrorCode.AUTHENTICATION_FAILED, message, {"stage": "login"}) from error


def _connect(settings: dict[str, Any]) -> Any:
    module = connector()
    logging.getLogger("snowflake").setLevel(logging.CRITICAL)  # its messages quote statements and addresses
    return module.connect(**settings)


def _execute(driver: Any, statement: str) -> Any:
    cursor = driver.cursor()
    cursor.execute(statement)
    return cursor if cursor.description else None


def _close(driver: Any) -> None:
    driver.close()


def literal(text: str) -> str:
    """A text as a constant; a backslash escapes in it."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
