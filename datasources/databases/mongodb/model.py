"""The published options of a MongoDB source, and our own for TLS."""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from datasources.model.source import NetworkOptions, Port, Source
from datasources.network.pem import RootCertificate

Name = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$(?!\n)")]
Database = Annotated[str, Meta(min_length=1, max_length=63, pattern=r'^[^\x00-\x20\x7f/\\."$*<>:|?]+$(?!\n)')]
"""What MongoDB takes as the name of a database."""
Milliseconds = Annotated[int, Meta(ge=1, le=3_600_000)]


class MongodbOptions(NetworkOptions, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How to log in. Typed fields only, no connection string: nothing else reaches the driver (security row 3)."""

    secret_fields: ClassVar[tuple[str, ...]] = ("password",)
    destination_fields: ClassVar = ("host", "port", "username", "auth_source", "tls", "rootcert")
    harmless_fields: ClassVar = (
        "database",
        "connect_timeout_ms",
        "server_selection_timeout_ms",
        "socket_timeout_ms",
    )
    asked_fields: ClassVar = ("password",)
    shown_as: ClassVar = {"host": "host", "port": "port", "database_name": "database"}
    also_called: ClassVar = {"user": "username"}

    port: Annotated[Port, Meta(title="Port")] = 27017
    username: Annotated[Name, Meta(title="User")]
    password: Annotated[str, Meta(title="Password", max_length=4096)] | None = None
    database: Annotated[Database, Meta(title="Database name")]
    auth_source: Annotated[Database, Meta(title="Authentication database")] | None = "admin"
    connect_timeout_ms: Annotated[Milliseconds, Meta(title="Connect timeout (ms)")] = 60_000
    server_selection_timeout_ms: Annotated[Milliseconds, Meta(title="Server selection timeout (ms)")] = 60_000
    socket_timeout_ms: Annotated[Milliseconds, Meta(title="Socket timeout (ms)")] = 300_000
    tls: Annotated[Literal["off", "require", "verify-full"], Meta(title="TLS")] = "verify-full"
    rootcert: RootCertificate | None = None


class MongodbSource(Source, kw_only=True, frozen=True, tag="mongodb"):
    """A MongoDB database."""

    options: MongodbOptions
