"""The published options of a PostgreSQL source."""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from datasources.model.source import NetworkOptions, Port, Source
from datasources.network.pem import Holds, RootCertificate, pem_field

Name = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$(?!\n)")]
"""A name without control characters; `$` alone would let a newline pass at the end."""

CERTIFICATE = pem_field("Client certificate (PEM)")
KEY = pem_field("Key of the client certificate (PEM)", Holds.key)


class PgOptions(NetworkOptions, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How to log in. Typed fields only: there is no way to hand libpq anything else (security row 3)."""

    secret_fields: ClassVar[tuple[str, ...]] = ("password", "sslkey")
    destination_fields: ClassVar[tuple[str, ...]] = (
        "host", "port", "user", "sslmode", "rootcert", "allow_cleartext_password",
    )  # fmt: skip
    harmless_fields: ClassVar[tuple[str, ...]] = ("dbname", "role", "sslcert")
    asked_fields: ClassVar = ("password",)
    shown_as: ClassVar = {"host": "host", "port": "port", "database_name": "dbname"}

    port: Annotated[Port, Meta(title="Port")] = 5432
    user: Annotated[Name, Meta(title="User")]
    password: Annotated[str, Meta(title="Password", max_length=4096)] | None = None
    dbname: Annotated[Name, Meta(title="Database name")]
    role: Annotated[Name, Meta(title="Role")] | None = None
    rootcert: RootCertificate | None = None
    sslmode: Annotated[Literal["prefer", "require", "verify-ca", "verify-full"], Meta(title="SSL mode")] = "prefer"
    allow_cleartext_password: Annotated[bool, Meta(title="Allow a password in clear text without TLS")] = False
    """For a server that asks for it on a network that the user trusts; not published, ours (security row 19)."""
    sslcert: Annotated[str, CERTIFICATE] | None = None
    """For a server that asks for a client certificate; not published, ours, as is its key."""
    sslkey: Annotated[str, KEY] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sslmode == "verify-ca" and not self.rootcert:
            raise ValueError("`rootcert` is needed for sslmode verify-ca")
        if self.sslkey and not self.sslcert:
            raise ValueError("`sslcert` is needed beside sslkey: the certificate that the key belongs to")


class PgSource(Source, kw_only=True, frozen=True, tag="pg"):
    """A PostgreSQL database."""

    options: PgOptions
