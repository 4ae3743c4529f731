"""The published options of a SAP HANA source, and our own for TLS."""

from typing import Annotated, ClassVar

from msgspec import Meta

from datasources.model.source import NetworkOptions, Port, Source
from datasources.network.pem import RootCertificate
from datasources.network.tls import Verification

Name = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$(?!\n)")]


class HanaOptions(NetworkOptions, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How to log in. Typed fields only: nothing else reaches the driver (security row 3)."""

    secret_fields: ClassVar[tuple[str, ...]] = ("password",)
    destination_fields: ClassVar = ("host", "port", "user", "tls", "ssl_verification", "rootcert")
    harmless_fields: ClassVar = ()
    asked_fields: ClassVar = ("password",)
    shown_as: ClassVar = {"host": "host", "port": "port"}

    port: Annotated[Port, Meta(title="Port")] = 443
    user: Annotated[Name, Meta(title="User")] = "DATAFOLD"
    password: Annotated[str, Meta(title="Password", max_length=4096, pattern=r"^[^\x00]*$")] | None = None
    """Published as required; a test may ask for it here."""
    tls: Annotated[bool, Meta(title="Encryption")] = True
    """Not published, ours: a server on one's own premises may have none. The password is never sent in clear."""
    ssl_verification: Annotated[Verification, Meta(title="Verification of the certificate")] = "full"
    rootcert: RootCertificate | None = None
    """Not published, ours: the authority of the server's certificate; without it, those of the system."""


class HanaSource(Source, kw_only=True, frozen=True, tag="sap_hana"):
    """A database of SAP HANA: a tenant, or one in HANA Cloud."""

    options: HanaOptions
