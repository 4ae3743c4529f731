"""The published options of a Netezza source, and our own for TLS."""

from typing import Annotated, ClassVar

from msgspec import Meta

from datasources.model.source import NetworkOptions, Port, Source
from datasources.network.pem import RootCertificate
from datasources.network.tls import Verification

Name = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$(?!\n)")]


class NetezzaOptions(NetworkOptions, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How to log in. Typed fields only: nothing else reaches the driver (security row 3)."""

    secret_fields: ClassVar[tuple[str, ...]] = ("password",)
    destination_fields: ClassVar = (
        "host", "port", "username", "tls", "ssl_verification", "rootcert", "allow_cleartext_password",
    )  # fmt: skip
    harmless_fields: ClassVar = ("database",)
    asked_fields: ClassVar = ("password",)
    shown_as: ClassVar = {"host": "host", "port": "port", "database_name": "database"}

    port: Annotated[Port, Meta(title="Port")] = 5480
    username: Annotated[Name, Meta(title="User (optional)")] | None = None
    password: Annotated[str, Meta(title="Password", max_length=4096, pattern=r"^[^\x00]*$")] | None = None
    database: Annotated[Name, Meta(title="Database name")]
    tls: Annotated[bool, Meta(title="Encryption")] = True
    ssl_verification: Annotated[Verification, Meta(title="Verification of the certificate")] = "full"
    """Not published, ours."""
    rootcert: RootCertificate | None = None
    """Not published, ours: the authority of the server's certificate; without it, those of the system."""
    allow_cleartext_password: Annotated[bool, Meta(title="Allow a password in clear text without TLS")] = False


class NetezzaSource(Source, kw_only=True, frozen=True, tag="netezza"):
    """A Netezza database."""

    options: NetezzaOptions
