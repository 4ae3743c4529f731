"""The published options of a Db2 source, and one of ours."""

from typing import Annotated, ClassVar

from msgspec import Meta

from datasources.model.source import NetworkOptions, Port, Source
from datasources.network.pem import pem_field

TEXT = r"^[^\x00-\x1f\x7f;]+$(?!\n)"
"""In the driver's connection string a semicolon begins the next setting, and nothing quotes it."""
Name = Annotated[str, Meta(min_length=1, max_length=128, pattern=TEXT)]
PEM = pem_field("Root or server certificate (PEM)")


class Db2Options(NetworkOptions, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How to log in. Typed fields only: no connection string, and no alias or file of the worker (security row 3)."""

    secret_fields: ClassVar[tuple[str, ...]] = ("password",)
    destination_fields: ClassVar = ("host", "port", "user", "ssl", "ssl_certificate", "allow_cleartext_password")
    harmless_fields: ClassVar = ("dbname", "connection_timeout", "current_schema", "pool_size")
    asked_fields: ClassVar = ("password",)
    shown_as: ClassVar = {"host": "host", "port": "port", "database_name": "dbname"}

    port: Annotated[Port, Meta(title="Port")] = 50000
    user: Annotated[Name, Meta(title="User")]
    password: Annotated[str, Meta(title="Password", max_length=4096)] | None = None
    dbname: Annotated[Name, Meta(title="Database name")]
    connection_timeout: Annotated[int, Meta(title="Connection timeout (s)", ge=1, le=3600)] = 30
    """Seconds; the source's own `connection_timeout` bounds the opening as a whole."""
    current_schema: Annotated[Name, Meta(title="Current schema")] | None = None
    pool_size: Annotated[int, Meta(title="Pool size (not used)", ge=1, le=1000)] = 1
    """Taken, and not used: a test has one connection."""
    ssl: Annotated[bool, Meta(title="Encryption")] = False
    ssl_certificate: Annotated[str, PEM] | None = None
    """PEM text of the authority, or of the server's own certificate; a path is none."""
    allow_cleartext_password: Annotated[bool, Meta(title="Allow a password in clear text without TLS")] = False
    """For a server that asks for it on a network that the user trusts; not published, ours (security row 19)."""


class Db2Source(Source, kw_only=True, frozen=True, tag="db2"):
    """A Db2 database."""

    options: Db2Options
