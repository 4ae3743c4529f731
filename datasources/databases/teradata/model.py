"""The published options of a Teradata source, and our own for TLS."""

from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from datasources.model.inputs.hosts import host_name
from datasources.model.source import Host, Options, Port, Source
from datasources.network.pem import RootCertificate
from datasources.network.tls import Verification

Name = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$(?!\n)")]
PORT = 1025
TLS_PORT = 443


class TeradataOptions(Options, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How to log in. Typed fields only: nothing else reaches the driver (security row 3)."""

    secret_fields: ClassVar[tuple[str, ...]] = ("password",)
    destination_fields: ClassVar = ("host", "port", "user", "tls", "ssl_verification", "rootcert")
    harmless_fields: ClassVar = ("database",)
    asked_fields: ClassVar = ("password",)
    shown_as: ClassVar = {"host": "host", "port": "port", "database_name": "database"}

    host: Annotated[Host, Meta(title="Host")]
    port: Annotated[Port, Meta(title="Port")] | None = None
    """1025, or 443 with TLS."""
    user: Annotated[Name, Meta(title="User")] = "DATAFOLD"
    password: Annotated[str, Meta(title="Password", max_length=4096, pattern=r"^[^\x00]*$")] | None = None
    """Published as required; a test may ask for it here."""
    database: Annotated[Name, Meta(title="Database name")]
    """Where a name without one is looked for; every database that the user may see is read."""
    tls: Annotated[bool, Meta(title="Encryption")] = False
    """Not published, ours: Teradata speaks TLS at another port. Without it, login and data are encrypted by Teradata's
    own means, which verify no server."""
    ssl_verification: Annotated[Verification, Meta(title="Verification of the certificate")] = "full"
    rootcert: RootCertificate | None = None
    """Not published, ours: the authority of the server's certificate; without it, those of the system."""

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "host", host_name(self.host))

    @property
    def target(self) -> tuple[str, int]:
        """Host and port."""
        return self.host, self.port or (TLS_PORT if self.tls else PORT)


class TeradataSource(Source, kw_only=True, frozen=True, tag="teradata"):
    """A Teradata system; each of its databases is a schema."""

    options: TeradataOptions
