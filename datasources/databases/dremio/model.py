"""The published options of a Dremio source."""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from datasources.model.source import NetworkOptions, Port, Source
from datasources.network.pem import pem_field
from datasources.network.tls import Verification

Name = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+$(?!\n)")]
Secret = Annotated[str, Meta(max_length=16384, pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)")]
"""It is sent in a header, where a line end would begin another one."""
PEM = pem_field("Custom certificate")
FLIGHT_HOSTS = {"data.dremio.cloud": "api.dremio.cloud", "data.eu.dremio.cloud": "api.eu.dremio.cloud"}
"""Dremio Cloud's addresses of Arrow Flight, to those of the REST API."""
Check = Literal["disable", "dremio-cloud", "customcert"]


class DremioOptions(NetworkOptions, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How to log in, by the REST API."""

    secret_fields: ClassVar[tuple[str, ...]] = ("password", "token")
    destination_fields: ClassVar = (
        "host", "port", "username", "project_id", "tls", "certcheck", "customcert", "allow_cleartext_password",
    )  # fmt: skip
    harmless_fields: ClassVar = ("role", "view_temp_schema")
    asked_fields: ClassVar = ("password",)
    shown_as: ClassVar = {"host": "host", "port": "port", "database_name": "project_id"}

    port: Annotated[Port, Meta(title="Port")] = 443
    username: Annotated[Name, Meta(title="User (optional)")] | None = None
    password: Annotated[Secret, Meta(title="Password")] | None = None
    token: Annotated[Secret, Meta(title="Token")] | None = None
    project_id: Annotated[str, Meta(title="Project ID", max_length=64, pattern=r"^[0-9a-zA-Z-]+$(?!\n)")] | None = None
    tls: Annotated[bool, Meta(title="Encryption")] = False
    certcheck: Annotated[Check, Meta(title="Certificate check")] | None = "dremio-cloud"
    customcert: Annotated[str, PEM] | None = None
    role: Annotated[Name, Meta(title="Role (case sensitive)")] | None = None
    view_temp_schema: Annotated[Name, Meta(title="Temporary schema for views")] | None = None
    allow_cleartext_password: Annotated[bool, Meta(title="Allow a password in clear text without TLS")] = False
    """HTTP sends it as it is; not published, ours (security row 19)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.certcheck == "customcert" and not self.customcert:
            raise ValueError("`customcert` is needed for certcheck customcert")

    @property
    def verification(self) -> Verification:
        """What TLS is held against."""
        return "none" if self.certcheck == "disable" else "full"

    @property
    def target(self) -> tuple[str, int]:
        """The REST API's host and port."""
        return FLIGHT_HOSTS.get(self.host, self.host), self.port


class DremioSource(Source, kw_only=True, frozen=True, tag="dremio"):
    """Dremio, in the cloud or of one's own."""

    options: DremioOptions
