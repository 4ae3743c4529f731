"""The published options of a Vertica source, and our own for TLS."""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from datasources.model.source import NetworkOptions, Port, Source
from datasources.network.pem import RootCertificate

Name = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$(?!\n)")]


class VerticaOptions(NetworkOptions, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How to log in. Typed fields only: nothing else reaches the driver (security row 3)."""

    secret_fields: ClassVar[tuple[str, ...]] = ("password",)
    destination_fields: ClassVar = ("host", "port", "user", "sslmode", "rootcert", "allow_cleartext_password")
    harmless_fields: ClassVar = ("dbname", "role")
    asked_fields: ClassVar = ("password",)
    shown_as: ClassVar = {"host": "host", "port": "port", "database_name": "dbname"}

    port: Annotated[Port, Meta(title="Port")] = 5433
    user: Annotated[Name, Meta(title="User")]
    password: Annotated[str, Meta(title="Password", max_length=4096, pattern=r"^[^\x00]*$")] | None = None
    dbname: Annotated[Name, Meta(title="Database name")]
    role: Annotated[Name, Meta(title="Role (case sensitive)")] | None = None
    sslmode: Annotated[Literal["prefer", "require", "verify-ca", "verify-full"], Meta(title="SSL mode")] = "prefer"
    rootcert: RootCertificate | None = None
    """Not published, ours: the authority of the server's certificate; without it, those of the system."""
    allow_cleartext_password: Annotated[bool, Meta(title="Allow a password in clear text without TLS")] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sslmode == "verify-ca" and not self.rootcert:
            raise ValueError("`rootcert` is needed for sslmode verify-ca")


class VerticaSource(Source, kw_only=True, frozen=True, tag="vertica"):
    """A Vertica database."""

    options: VerticaOptions
