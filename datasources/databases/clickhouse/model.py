"""The options of a ClickHouse source; none are published: they are ours."""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from datasources.model.source import NetworkOptions, Port, Source
from datasources.network.pem import RootCertificate

Name = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$(?!\n)")]


class ClickhouseOptions(NetworkOptions, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How to log in, by HTTP. Typed fields only: nothing else gets into address or settings (security row 3)."""

    secret_fields: ClassVar[tuple[str, ...]] = ("password",)
    destination_fields: ClassVar = ("host", "port", "user", "tls", "rootcert", "allow_cleartext_password")
    harmless_fields: ClassVar = ("database",)
    asked_fields: ClassVar = ("password",)
    shown_as: ClassVar = {"host": "host", "port": "port", "database_name": "database"}

    port: Annotated[Port, Meta(title="HTTP port")] = 8443
    user: Annotated[Name, Meta(title="User")] = "default"
    password: Annotated[str, Meta(title="Password", max_length=4096)] | None = None
    database: Annotated[Name, Meta(title="Database name")] = "default"
    tls: Annotated[Literal["off", "require", "verify-full"], Meta(title="TLS")] = "verify-full"
    rootcert: RootCertificate | None = None
    allow_cleartext_password: Annotated[bool, Meta(title="Allow a password in clear text without TLS")] = False
    """HTTP sends it with every request as it is; without TLS it has to be allowed (security row 19)."""


class ClickhouseSource(Source, kw_only=True, frozen=True, tag="clickhouse"):
    """A ClickHouse database."""

    options: ClickhouseOptions
