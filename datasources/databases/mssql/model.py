"""The published options of SQL Server, Azure Synapse Analytics and Microsoft Fabric, and what they mean."""

from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from datasources.databases.mssql.script import statements_of
from datasources.model.inputs.hosts import host_name
from datasources.model.source import Host, NetworkOptions, Options, Port, Source
from datasources.network.pem import RootCertificate

Name = Annotated[str, Meta(max_length=128, pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)")]
Given = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$(?!\n)")]
Word = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[\w.-]+$(?!\n)")]
"""Part of an address, or of an identity."""
Secret = Annotated[str, Meta(max_length=128)]
"""As many characters as a login has room for."""
SCRIPT = Meta(
    title="Session script",
    description="SET statements, one a line, that are run on each connection",
    max_length=16384,
    extra_json_schema={"format": "textarea"},
)
PORT = 1433


class MssqlOptions(NetworkOptions, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How to log in to SQL Server, Azure SQL or Synapse. Typed fields only, no connection string (security row 3)."""

    secret_fields: ClassVar[tuple[str, ...]] = ("password",)
    destination_fields: ClassVar = (
        "host", "port", "user", "always_on", "require_encryption", "trust_server_certificate", "rootcert",
        "allow_cleartext_password",
    )  # fmt: skip
    harmless_fields: ClassVar = ("dbname", "session_script")
    asked_fields: ClassVar = ("password",)
    shown_as: ClassVar = {"host": "host", "port": "port", "database_name": "dbname"}

    port: Annotated[Port, Meta(title="Port")] = PORT
    user: Annotated[Given, Meta(title="User")] = "DATAFOLD"
    password: Annotated[Secret, Meta(title="Password")] | None = None
    dbname: Annotated[Name, Meta(title="Database name")] | None = None
    """Without it, the login's default database is read."""
    always_on: Annotated[bool, Meta(title="Read-only intent (Always On)")] = False
    """What only reads says so to an availability group, which may send it on to a secondary."""
    require_encryption: Annotated[bool, Meta(title="Require encryption")] = True
    trust_server_certificate: Annotated[bool, Meta(title="Trust any server certificate")] = True
    """The published default: any certificate will do, and answers say so."""
    session_script: Annotated[str, SCRIPT] | None = None
    rootcert: RootCertificate | None = None
    """Not published, ours: the authority that the certificate is held against when it is not trusted unseen."""
    allow_cleartext_password: Annotated[bool, Meta(title="Allow a password in clear text without TLS")] = False
    """Not published, ours (security row 19)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        statements_of(self.session_script)


class FabricOptions(Options, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How to log in to a warehouse or SQL endpoint of Fabric: as an application of Entra, always by verified TLS."""

    secret_fields: ClassVar[tuple[str, ...]] = ("client_secret",)
    destination_fields: ClassVar = ("host", "tenant_id", "client_id")
    harmless_fields: ClassVar = ("dbname", "session_script")
    asked_fields: ClassVar = ("client_secret",)
    shown_as: ClassVar = {"host": "host", "database_name": "dbname"}

    host: Annotated[Host, Meta(title="Host")]
    dbname: Annotated[Given, Meta(title="Database name")]
    tenant_id: Annotated[Word, Meta(title="Tenant ID", description="Microsoft Entra ID Tenant ID")]
    client_id: Annotated[
        Word, Meta(title="Application (client) ID", description="Microsoft Entra ID Application (Client) ID")
    ]
    client_secret: (
        Annotated[
            str,
            Meta(title="Client secret", description="Microsoft Entra ID Application Client Secret", max_length=4096),
        ]
        | None
    ) = None
    """Published as required; a test can ask for one that is missing, as of all types."""
    session_script: Annotated[str, SCRIPT] | None = None

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "host", host_name(self.host))
        statements_of(self.session_script)

    @property
    def target(self) -> tuple[str, int]:
        """Host and port; Fabric has one port."""
        return self.host, PORT

    @property
    def azure_tenant_id(self) -> str:
        """As `warehouse.entra` names it."""
        return self.tenant_id

    @property
    def azure_client_id(self) -> str:
        """As `warehouse.entra` names it."""
        return self.client_id

    @property
    def azure_client_secret(self) -> str | None:
        """As `warehouse.entra` names it."""
        return self.client_secret

    @property
    def azure_scope(self) -> None:
        """The default one."""
        return


class MssqlSource(Source, kw_only=True, frozen=True, tag="mssql"):
    """A database of SQL Server or Azure SQL."""

    options: MssqlOptions


class AzureSynapseSource(Source, kw_only=True, frozen=True, tag="azure_synapse"):
    """A SQL pool of Azure Synapse Analytics."""

    options: MssqlOptions


class MicrosoftFabricSource(Source, kw_only=True, frozen=True, tag="microsoft_fabric"):
    """A warehouse, or the SQL endpoint of a lakehouse, in Microsoft Fabric."""

    options: FabricOptions
