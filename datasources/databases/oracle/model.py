"""The published options of an Oracle source, and what they mean."""

import re
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from datasources.databases.oracle.names import parsed_name
from datasources.model.source import NetworkOptions, Port, Source
from datasources.network.pem import Holds, pem_field

Name = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$(?!\n)")]
Service = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[\w.$#^+-]+$(?!\n)")]
"""It becomes a part of the connect descriptor, where a bracket would begin another one."""
WALLET_LENGTH = 262144
PEM = pem_field("Wallet (PEM)", Holds.wallet, WALLET_LENGTH)
PKCS12 = pem_field("Wallet (PKCS #12, in base64)", Holds.der, WALLET_LENGTH)
SCRIPT = Meta(title="Session script", max_length=65536, extra_json_schema={"format": "textarea"})
PLAIN_PORT, TLS_PORT = 1521, 2484

PARTS = re.compile(r"""(?:'[^']*'|"[^"]*"|[^;'"])+|['"]""")
VALUE = r"""(?:'[^'\x00-\x08\x0a-\x1f]*'|"[^"\x00-\x1f]+"|[\w.$#+:-]+)"""
SETTING = rf"(?!(?:EVENTS|SQL_TRACE|TRACEFILE_IDENTIFIER|MAX_DUMP_FILE_SIZE)\b)[A-Z]\w*\s*=\s*{VALUE}"
ROLE = r"""(?:"[^"\x00-\x1f]+"|[A-Z][\w$#]*)"""
ALLOWED = re.compile(
    rf"ALTER\s+SESSION\s+SET\s+{SETTING}(?:\s+{SETTING})*|SET\s+ROLE\s+{ROLE}(?:\s*,\s*{ROLE})*", re.IGNORECASE
)
"""What a session script may do: set the session's parameters and roles, but for those that write files over there."""


class OracleOptions(NetworkOptions, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How to log in. Typed fields only: no descriptor, no alias and no file of the worker (security row 3)."""

    secret_fields: ClassVar[tuple[str, ...]] = (
        "password", "ewallet_password", "ewallet_pem_file", "ewallet_pkcs12_file",
    )  # fmt: skip
    trust_fields: ClassVar = ("ewallet_pem_file", "ewallet_pkcs12_file")
    destination_fields: ClassVar = ("host", "port", "user", "ssl", "ssl_server_dn", "ewallet_type")
    harmless_fields: ClassVar = ("database", "database_type", "session_script")
    asked_fields: ClassVar = ("password",)
    shown_as: ClassVar = {"host": "host", "port": "port", "database_name": "database"}

    port: Annotated[Port, Meta(title="Port")] | None = None  # type: ignore[assignment]  # null is the usual one
    user: Annotated[Name, Meta(title="User")] = "DATAFOLD"
    password: Annotated[str, Meta(title="Password", max_length=4096)] | None = None
    database: Annotated[Service, Meta(title="Database name")] | None = None
    """The name of a service, or a SID; without one, the listener's default service."""
    database_type: Annotated[Literal["service", "sid"], Meta(title="Kind of database name")] | None = None
    ssl: Annotated[bool, Meta(title="Encryption")] = False
    ssl_server_dn: Annotated[Name, Meta(title="Distinguished name of the server's certificate")] | None = None
    """Distinguished name of the server's certificate; without it, the certificate has to be for the host."""
    ewallet_type: Annotated[Literal["x509", "pkcs12"], Meta(title="Wallet type")] | None = None
    ewallet_pem_file: Annotated[str, PEM] | None = None
    """Contents of an `ewallet.pem`: authorities, and perhaps a certificate of the client with its key."""
    ewallet_pkcs12_file: Annotated[str, PKCS12] | None = None
    """Contents of an `ewallet.p12`, in base64."""
    ewallet_password: Annotated[str, Meta(title="Wallet password", max_length=4096)] | None = None
    session_script: Annotated[str, SCRIPT] | None = None
    """`ALTER SESSION SET …` and `SET ROLE …`, with semicolons between them."""

    def __post_init__(self) -> None:
        super().__post_init__()
        statements_of(self.session_script)
        if self.ssl_server_dn is not None and not parsed_name(self.ssl_server_dn):
            raise ValueError("`ssl_server_dn` is not a distinguished name, such as C=US,O=example,CN=db.example.com")

    @property
    def target(self) -> tuple[str, int]:
        """Host and port; the usual one of Oracle's listener, with or without TLS, where none is given."""
        return self.host, self.port or (TLS_PORT if self.ssl else PLAIN_PORT)


def statements_of(script: str | None) -> list[str]:
    """The statements of a session script, in their order.

    Raises `ValueError` for one that does anything else than setting the session's parameters and roles.
    """
    lines = [line for line in (script or "").splitlines() if line.strip() != "/"]
    found = [part.strip() for part in PARTS.findall("\n".join(lines)) if part.strip()]
    for number, statement in enumerate(found, 1):
        if not ALLOWED.fullmatch(statement):
            raise ValueError(
                f"`session_script`, statement {number}: only ALTER SESSION SET name = value and SET ROLE name are "
                "allowed here, with semicolons between them, and nothing that traces"
            )
    return found


class OracleSource(Source, kw_only=True, frozen=True, tag="oracle"):
    """An Oracle database, or one of its pluggable databases."""

    options: OracleOptions
