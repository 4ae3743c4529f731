"""One login at SQL Server or one of its relatives, by python-tds."""

import socket
from collections.abc import Sequence
from typing import Any

from datasources.databases.dbapi.asker import DbapiAsker
from datasources.databases.dbapi.errors import missing_secret
from datasources.databases.mssql.driver import Login, Rerouted, first_error, is_closed, log_in
from datasources.databases.mssql.errors import refusal_of
from datasources.databases.mssql.model import FabricOptions, MssqlOptions
from datasources.databases.mssql.products import Product
from datasources.databases.mssql.relay import TdsRelay
from datasources.databases.mssql.script import statements_of
from datasources.databases.warehouse.entra import token_of
from datasources.databases.warehouse.errors import Refused
from datasources.model.settings import Settings
from datasources.model.source import Source
from datasources.model.vocabulary import ErrorCode
from datasources.network.addresses import Policy, resolve
from datasources.network.tls import Verification, context_of

CLOSED = "The server ended the connection"
SCOPE = "https://database.windows.net/.default"
GREETING = """
SELECT SUSER_SNAME(), DB_NAME(), CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)),
       CAST(SERVERPROPERTY('EngineEdition') AS int)
"""
LONGEST_WAIT = 2**31 - 1
"""Milliseconds for a lock."""
AZURE = (
    ".database.windows.net",
    ".database.usgovcloudapi.net",
    ".database.chinacloudapi.cn",
    ".sql.azuresynapse.net",
    ".database.fabric.microsoft.com",
    ".datawarehouse.fabric.microsoft.com",
    ".pbidedicated.windows.net",
)
"""Whose gateways send a client on to the node that has its database (connection policy: Redirect)."""


class MssqlAsker(DbapiAsker):
    """One login. Raises what `DbapiAsker` does."""

    def __init__(self, source: Source, *, read_only: bool) -> None:
        super().__init__(source)
        options = source.options
        assert isinstance(options, MssqlOptions | FabricOptions)  # noqa: S101 -- for the type checker
        self._options = options
        self._read_only = read_only and isinstance(options, MssqlOptions) and options.always_on
        self._place = options.target
        """Host and port of the server, after a gateway may have sent us on."""
        self._token: str | None = None
        self.product = Product("", 0)

    async def log_in(self) -> None:
        """As `DbapiAsker` has it; a gateway of Azure's, or of an availability group, may send us on once."""
        if isinstance(self._options, MssqlOptions):
            if not self._options.password:
                raise missing_secret("The source has no password", self._options.asked_fields)
        else:
            self._token = await self._entra_token()
        try:
            await super().log_in()
        except Rerouted as route:
            if not self._may_follow(route.place[0]):
                raise
            self._place = route.place
            await super().log_in()

    async def _entra_token(self) -> str:
        if not self._options.secrets():
            raise missing_secret("The source has no client_secret", self._options.asked_fields)
        return await token_of(self._source, self.progress, SCOPE)

    def _may_follow(self, host: str) -> bool:
        """Whether this source is one whose server sends clients on; behind a tunnel there is no way there."""
        if self._source.via is not None:
            return False
        name = host.lower()
        ours = self._options.host.lower()
        return self._read_only or (name.endswith(AZURE) and ours.endswith(AZURE))

    async def addresses(self) -> tuple[list[str], int]:
        """Of the source, or of the server that we were sent on to: either is judged by the policy."""
        if self._place == self._options.target:
            return await super().addresses()
        host, port = self._place
        return await resolve(host, port, Policy.from_settings(Settings.load())), port

    @property
    def _verification(self) -> Verification:
        """What of the server's certificate is verified."""
        return "none" if isinstance(self._options, MssqlOptions) and self._options.trust_server_certificate else "full"

    def relay_to(self, addresses: Sequence[str], port: int) -> TdsRelay:
        """A relay that speaks TLS for the driver. Raises `SourceUnreachable`."""
        options = self._options
        own = options if isinstance(options, MssqlOptions) else None
        return TdsRelay(
            addresses,
            port,
            tls=context_of(own.rootcert if own else None, self._verification),
            name=self._place[0],
            progress=self.progress,
            required=own is None or own.require_encryption,
            cleartext=own is not None and own.allow_cleartext_password,
        )

    def connect(self, port: int) -> Any:
        """A connection by the relay at this port."""
        sock = socket.create_connection((self.host, port))
        try:
            return log_in(sock, self._login())
        except BaseException:
            sock.close()
            raise

    def _login(self) -> Login:
        options = self._options
        if isinstance(options, FabricOptions):
            return Login(self._place[0], options.dbname, token=self._token)
        return Login(
            self._place[0], options.dbname or "", options.user, options.password or "", read_only=self._read_only
        )

    def refusal_of(self, error: Exception) -> Refused | None:
        """By the first error that the server sent: the last one says that the statement, or the login, was ended."""
        said = first_error(error, self._cursor)
        if said is not None:
            return refusal_of(said)
        return Refused(ErrorCode.CONNECTION_ERROR, CLOSED) if is_closed(error) else None

    async def greet(self) -> None:
        """Who we are, over what; then the session's own settings and those of the source."""
        self.tls = self.relay.tls_version is not None
        self.tls_verified = self._verification
        ((self.user, self.database, version, edition),) = await self.rows(GREETING)
        self.product = Product(str(version), int(edition))
        self.version = self.product.words
        if self.product.is_classic:
            await self.rows(f"SET LOCK_TIMEOUT {min(round(self._source.query_timeout * 1000), LONGEST_WAIT)}")
        for statement in statements_of(self._options.session_script):
            await self.rows(statement)
