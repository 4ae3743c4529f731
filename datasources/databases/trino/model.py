"""The published options of Trino and of Starburst."""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from datasources.model.source import NetworkOptions, Port, Source

Name = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$(?!\n)")]
Secret = Annotated[str, Meta(max_length=16384, pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)")]
"""It is sent in a header, where a line end would begin another one."""
CLEARTEXT = Meta(title="Allow a password in clear text without TLS")
Precision = Literal[3, 6, 9]


class TrinoOptions(NetworkOptions, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How to log in, by HTTP. Typed fields only: nothing else gets into addresses or headers (security row 3)."""

    secret_fields: ClassVar[tuple[str, ...]] = ("password",)
    destination_fields: ClassVar = ("host", "port", "user", "tls", "ssl_verification", "allow_cleartext_password")
    harmless_fields: ClassVar = ("dbname", "hive_timestamp_precision")
    asked_fields: ClassVar = ("password",)
    shown_as: ClassVar = {"host": "host", "port": "port", "database_name": "dbname"}

    port: Annotated[Port, Meta(title="Port")] = 8080
    user: Annotated[Name, Meta(title="User")]
    password: Annotated[Secret, Meta(title="Password")] | None = None
    dbname: Annotated[Name, Meta(title="Catalog name")]
    tls: Annotated[bool, Meta(title="Encryption")] = True
    ssl_verification: Annotated[Literal["full", "none", "ca"], Meta(title="Verification of the certificate")] = "full"
    hive_timestamp_precision: Annotated[Precision, Meta(title="Hive timestamp precision")] | None = None
    allow_cleartext_password: Annotated[bool, CLEARTEXT] = False
    """HTTP sends it with every request as it is; not published, ours (security row 19)."""


class StarburstOptions(NetworkOptions, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The same of Starburst, which has a token, and no catalog among its published options."""

    secret_fields: ClassVar[tuple[str, ...]] = ("password", "token")
    destination_fields: ClassVar = ("host", "port", "username", "tls", "allow_cleartext_password")
    harmless_fields: ClassVar = ("dbname",)
    asked_fields: ClassVar = ("password",)
    shown_as: ClassVar = {"host": "host", "port": "port", "database_name": "dbname"}

    port: Annotated[Port, Meta(title="Port")] = 443
    username: Annotated[Name, Meta(title="User (optional)")] | None = None
    password: Annotated[Secret, Meta(title="Password")] | None = None
    token: Annotated[Secret, Meta(title="Token")] | None = None
    dbname: Annotated[Name, Meta(title="Catalog name")] | None = None
    """Not published, ours. Without it, every catalog that the user may see is read: a schema is `catalog.schema`."""
    tls: Annotated[bool, Meta(title="Encryption")] = True
    allow_cleartext_password: Annotated[bool, CLEARTEXT] = False


class TrinoSource(Source, kw_only=True, frozen=True, tag="trino"):
    """A catalog of Trino."""

    options: TrinoOptions


class StarburstSource(Source, kw_only=True, frozen=True, tag="starburst"):
    """A Starburst cluster, or one of its catalogs."""

    options: StarburstOptions
