"""The published options of a Snowflake source, and what they mean."""

import re
from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta

from datasources.model.inputs.hosts import host_name
from datasources.model.source import Host, Options, Port, Source
from datasources.network.pem import Holds, pem_field

Name = Annotated[str, Meta(max_length=255, pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)")]
Word = Annotated[str, Meta(max_length=255, pattern=r"^[\w.:/-]*$(?!\n)")]
"""Part of an address, or of an identity."""
Secret = Annotated[str, Meta(max_length=65536)]
VARIABLE = re.compile(r"([A-Za-z_]\w{0,255})\s*=\s*([^\x00-\x08\x0a-\x1f\x7f]*)")


class SnowflakeOptions(Options, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How to log in. The host is made of the account, unless `host` names another (a private link)."""

    secret_fields: ClassVar[tuple[str, ...]] = (
        "password",
        "keyPairFile",
        "azure_client_secret",
        "oauth_dwh_client_secret",
    )
    destination_fields: ClassVar = (
        "account", "region", "host", "port", "user", "authMethod", "azure_tenant_id", "azure_client_id", "azure_scope",
        "tls", "allow_cleartext_password",
    )  # fmt: skip
    harmless_fields: ClassVar = (
        "default_db", "default_schema", "metadata_database", "quoted_identifiers_ignore_case", "role", "warehouse",
        "sql_variables", "oauth_dwh_client_id", "data_source_id", "user_id",
    )  # fmt: skip
    asked_fields: ClassVar = ("password",)
    shown_as: ClassVar = {"host": "account", "port": "port", "database_name": "default_db"}

    account: Annotated[str, Meta(title="Account", min_length=1, max_length=128, pattern=r"^[\w.-]+$(?!\n)")]
    user: Annotated[Name, Meta(title="User")] = "DATAFOLD"
    password: Annotated[Secret, Meta(title="Password")] | None = None
    keyPairFile: Annotated[str, pem_field("Private key of the key pair (PEM)", Holds.key)] | None = None
    """PEM text of a private key without a passphrase."""
    authMethod: Annotated[Literal["password", "keypair", "azure_entra"], Meta(title="Authentication method")] | None = (
        None
    )
    warehouse: Annotated[Name, Meta(title="Warehouse (case sensitive)")] = ""
    role: Annotated[Name, Meta(title="Role (case sensitive)")] = ""
    default_db: Annotated[Name, Meta(title="Default database (case sensitive)")] = ""
    default_schema: Annotated[Name, Meta(title="Default schema (case sensitive)")] = "PUBLIC"
    metadata_database: Annotated[Name, Meta(title="Database containing metadata (usually SNOWFLAKE)")] = "SNOWFLAKE"
    port: Annotated[Port, Meta(title="Port")] | None = 443
    region: Annotated[Word, Meta(title="Region")] | None = None
    quoted_identifiers_ignore_case: Annotated[
        bool, Meta(title="Set QUOTED_IDENTIFIERS_IGNORE_CASE session parameter")
    ] = False
    sql_variables: (
        Annotated[
            str,
            Meta(
                title="Session variables, set on each connection",
                max_length=65536,
                extra_json_schema={"format": "textarea"},
            ),
        ]
        | None
    ) = None
    azure_tenant_id: Annotated[Word, Meta(title="Azure tenant ID")] | None = None
    azure_client_id: Annotated[Word, Meta(title="Azure client ID")] | None = None
    azure_client_secret: Annotated[Secret, Meta(title="Azure client secret")] | None = None
    azure_scope: Annotated[Word, Meta(title="Azure scope")] | None = None
    oauth_dwh_client_id: Annotated[Name, Meta(title="OAuth client ID")] | None = None
    oauth_dwh_client_secret: Annotated[Secret, Meta(title="OAuth client secret")] | None = None
    data_source_id: Annotated[int, Meta(title="Data source ID")] | None = None
    user_id: Annotated[int, Meta(title="User ID")] | None = None
    host: Annotated[Host, Meta(title="Host instead of the account's own")] | None = None
    """Not published, ours: for a private link."""
    tls: Annotated[bool, Meta(title="Encryption")] = True
    """Not published, ours: an emulator has none."""
    allow_cleartext_password: Annotated[bool, Meta(title="Allow a password in clear text without TLS")] = False

    def __post_init__(self) -> None:
        if self.host is not None:
            msgspec.structs.force_setattr(self, "host", host_name(self.host))
        variables_of(self.sql_variables)

    @property
    def method(self) -> str:
        """The way to log in: what is said, or else what there is a secret for."""
        return self.authMethod or ("keypair" if self.keyPairFile and not self.password else "password")

    @property
    def target(self) -> tuple[str, int]:
        """Snowflake's host for this account, and the port."""
        name = self.account.lower().replace("_", "-")
        if self.region and not name.endswith(self.region.lower()):
            name = f"{name}.{self.region.lower()}"
        top = "cn" if ".cn-" in name else "com"
        host = self.host or (name if "snowflakecomputing." in name else f"{name}.snowflakecomputing.{top}")
        return host, self.port or 443


def variables_of(text: str | None) -> dict[str, str]:
    """Session variables, by name: one `name=value` a line. A value is a text, never an expression.

    Raises `ValueError` for a line that is none, without its value.
    """
    found = {}
    for number, line in enumerate((text or "").splitlines(), 1):
        if line.strip():
            matched = VARIABLE.fullmatch(line.strip())
            if matched is None:
                raise ValueError(f"`sql_variables`, line {number}, is not name=value")
            found[matched[1]] = matched[2]
    return found


class SnowflakeSource(Source, kw_only=True, frozen=True, tag="snowflake"):
    """A Snowflake account, or one of its databases."""

    options: SnowflakeOptions
