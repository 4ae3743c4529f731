"""The published options of a Databricks source."""

import re
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from datasources.model.source import NetworkOptions, Port, Source

Name = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+$(?!\n)")]
Word = Annotated[str, Meta(max_length=255, pattern=r"^[\w.:/-]*$(?!\n)")]
Secret = Annotated[str, Meta(max_length=16384, pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)")]
"""The client sends it in a header, where a line end would begin another header."""
CLUSTER = re.compile(r"/?(sql/protocolv1/o/[0-9]+/[0-9a-zA-Z_-]+)/?")
WAREHOUSE = re.compile(r"/?sql/1\.0/(?:warehouses|endpoints)/([0-9a-zA-Z]+)/?")


class DatabricksOptions(NetworkOptions, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A workspace, one of its SQL warehouses or clusters, and a way to log in."""

    secret_fields: ClassVar[tuple[str, ...]] = (
        "http_password",
        "m2m_client_secret",
        "azure_client_secret",
        "oauth_dwh_client_secret",
    )
    destination_fields: ClassVar = (
        "host", "port", "http_path", "auth_method", "m2m_client_id", "azure_tenant_id", "azure_client_id",
        "azure_scope", "tls", "allow_cleartext_password",
    )  # fmt: skip
    harmless_fields: ClassVar = ("database", "oauth_dwh_client_id")
    asked_fields: ClassVar = ("http_password",)
    shown_as: ClassVar = {"host": "host", "port": "port", "database_name": "database"}

    http_path: Annotated[str, Meta(title="HTTP path", max_length=255, pattern=r"^[\w./-]*$(?!\n)")] = ""
    """Counts as a destination: the users of a cluster run code of their own on it."""
    database: Annotated[Name, Meta(title="Database name")] | None = None
    """A catalog; None means the workspace's default one."""
    auth_method: Annotated[Literal["pat", "m2m_oauth", "azure_entra"], Meta(title="Authentication method")] | None = (
        None
    )
    http_password: Annotated[Secret, Meta(title="Access token")] | None = None
    m2m_client_id: Annotated[Word, Meta(title="M2M client ID")] | None = None
    m2m_client_secret: Annotated[Secret, Meta(title="Client secret")] | None = None
    azure_tenant_id: Annotated[Word, Meta(title="Azure tenant ID")] | None = None
    azure_client_id: Annotated[Word, Meta(title="Azure client ID")] | None = None
    azure_client_secret: Annotated[Secret, Meta(title="Azure client secret")] | None = None
    azure_scope: Annotated[Word, Meta(title="Azure scope")] | None = None
    oauth_dwh_client_id: Annotated[Word, Meta(title="OAuth client ID")] | None = None
    oauth_dwh_client_secret: Annotated[Secret, Meta(title="OAuth client secret")] | None = None
    port: Annotated[Port, Meta(title="Port")] = 443
    """Not published, ours, as are the next two."""
    tls: Annotated[bool, Meta(title="Encryption")] = True
    allow_cleartext_password: Annotated[bool, Meta(title="Allow a token in clear text without TLS")] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.http_path and self.warehouse is None and self.cluster is None:
            raise ValueError(
                "`http_path` has to be a SQL warehouse's, /sql/1.0/warehouses/ID, "
                "or a cluster's, /sql/protocolv1/o/WORKSPACE/CLUSTER"
            )

    @property
    def warehouse(self) -> str | None:
        """The id of the warehouse."""
        found = WAREHOUSE.fullmatch(self.http_path)
        return found[1] if found else None

    @property
    def cluster(self) -> str | None:
        """The path of the cluster, without slashes around it."""
        found = CLUSTER.fullmatch(self.http_path)
        return found[1] if found else None

    @property
    def method(self) -> str:
        """The way to log in: the one given, or else the one that has a secret."""
        return self.auth_method or ("m2m_oauth" if self.m2m_client_secret and not self.http_password else "pat")


class DatabricksSource(Source, kw_only=True, frozen=True, tag="databricks"):
    """A catalog of a Databricks workspace."""

    options: DatabricksOptions
