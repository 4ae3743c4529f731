"""SAP's client: it finds our relay, follows no server's topology, and opens no store of keys."""

import ssl
from typing import Any

from datasources.databases.dbapi.asker import DbapiAsker
from datasources.databases.dbapi.errors import missing_secret
from datasources.databases.sap_hana.errors import refusal_of
from datasources.databases.sap_hana.model import HanaSource
from datasources.databases.warehouse.errors import Refused
from datasources.network.tls import context_of

LATER_SECONDS = 2.0
"""The client's own limit comes after ours: it ends a thread that was left behind."""
VERSION_LIMIT = 100


class HanaAsker(DbapiAsker):
    """One login at one database."""

    def __init__(self, source: HanaSource, *, read_only: bool) -> None:
        super().__init__(source)
        self._options = source.options
        self._read_only = read_only
        self.tls = source.options.tls
        self.tls_verified = source.options.ssl_verification

    def tls_context(self) -> ssl.SSLContext | None:
        """HANA's protocol begins with TLS, so the relay speaks it; SAP's client would verify the relay's own name."""
        return context_of(self._options.rootcert, self.tls_verified) if self.tls else None

    async def log_in(self) -> None:
        """Raises `Refused` without a password: null is no ticket, and no store of keys, of the worker's machine."""
        if not self._options.password:
            raise missing_secret("The source has no password", self._options.asked_fields)
        await super().log_in()

    def connect(self, port: int) -> Any:
        """Every setting is given: no other host of the landscape, no redirect, no second attempt, no key store."""
        from hdbcli import dbapi

        settings: dict[str, Any] = {
            "address": self.host,
            "port": port,
            "user": self._options.user,
            "password": self._options.password,
            "autocommit": not self._read_only,
            "encrypt": "FALSE",
            "reconnect": "FALSE",
            "distribution": "OFF",
            "ignoreTopology": "TRUE",
            "disableCloudRedirect": "TRUE",
            "connectTimeout": milliseconds(self._source.connection_timeout),
            "communicationTimeout": milliseconds(max(self._source.connection_timeout, self._source.query_timeout)),
            "sessionVariable:APPLICATION": "sourcecheck",
            "sessionVariable:APPLICATIONUSER": "sourcecheck",  # else the worker's system user (security row 34)
        }
        return dbapi.connect(**settings)

    def refusal_of(self, error: Exception) -> Refused | None:
        """By the server's and the client's numbers."""
        return refusal_of(error)

    async def greet(self) -> None:
        """Only read, and learn who we are."""
        if self._read_only:
            await self.rows("SET TRANSACTION READ ONLY")
        ((self.user, self.database, version),) = await self.rows(
            "SELECT CURRENT_USER, DATABASE_NAME, VERSION FROM SYS.M_DATABASE"
        )
        self.version = f"SAP HANA {str(version)[:VERSION_LIMIT]}"


def milliseconds(seconds: float) -> str:
    """A limit as the client takes it."""
    return str(round((seconds + LATER_SECONDS) * 1000))
