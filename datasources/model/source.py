"""What a source is, whatever its type.

Fields and their names are the published ones (contract 2.7). What enters is a tagged union over `type`,
put together in `datasources.databases`; each database's file brings its own options.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

import msgspec
from msgspec import Meta, Struct

from datasources.model.inputs.host_keys import HostKey
from datasources.model.inputs.hosts import host_name

Port = Annotated[int, Meta(ge=1, le=65535)]
Host = Annotated[str, Meta(min_length=1, max_length=300)]
"""A host name or an address, as `host_name` cleans it: nothing that a driver would read as something else."""


class Masked(Struct, kw_only=True, frozen=True):
    """A struct whose repr shows no secret. Subclasses name theirs in `secret_fields`."""

    secret_fields: ClassVar[tuple[str, ...]] = ()
    trust_fields: ClassVar[tuple[str, ...]] = ()
    """Those of them that say which server is believed: a change of one needs the others again (security row 7)."""

    def __repr__(self) -> str:
        shown = ", ".join(
            f"{name}={'***' if name in self.secret_fields and value else repr(value)}"
            for name, value in ((name, getattr(self, name)) for name in self.__struct_fields__)
        )
        return f"{type(self).__name__}({shown})"

    def secrets(self) -> dict[str, str]:
        """The secret fields that are set, by name."""
        return {name: value for name in self.secret_fields if (value := getattr(self, name))}

    def public(self) -> dict[str, Any]:
        """Every field but the secret ones, as plain data."""
        fields: dict[str, Any] = msgspec.to_builtins(self)
        return {name: value for name, value in fields.items() if name not in self.secret_fields}


class SshTunnel(Masked, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A gateway through which the source is reached."""

    secret_fields: ClassVar[tuple[str, ...]] = ("password", "private_key", "passphrase")
    destination_fields: ClassVar[tuple[str, ...]] = ("host", "port", "username", "host_key")
    """Where the secrets are sent: a change of one of these needs the secrets again (security row 7)."""

    host: Host
    username: Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")]
    port: Port = 22
    password: Annotated[str, Meta(max_length=4096)] | None = None
    private_key: Annotated[str, Meta(max_length=65536)] | None = None
    """PEM text: OpenSSH, PKCS#1, SEC1 or PKCS#8; Ed25519, ECDSA or RSA."""
    passphrase: Annotated[str, Meta(max_length=4096)] | None = None
    host_key: Annotated[str, Meta(max_length=16384)] | None = None
    """The gateway's pinned key, or one a line: public key lines (`ssh-ed25519 AAAA… [comment]`), lines of known_hosts
    or `ssh-keyscan`, or fingerprints (`SHA256:…`)."""

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "host", host_name(self.host))
        if self.host_key is not None:
            try:
                keys = HostKey.parse_all(self.host_key)
            except ValueError as error:
                raise ValueError(f"`host_key` is {error}") from error
            foreign = [key.names for key in keys if not key.is_about(self.host, self.port)]
            if foreign:
                raise ValueError(
                    f"`host_key` is a line about {foreign[0]}, and not about {self.host}, port {self.port}"
                )


class Via:
    """Where a source answers from here when it is behind a tunnel.

    Not a struct on purpose: msgspec can make no such object, so that nothing that is decoded, from a client or from
    the catalogue, can say where to connect (security row 3). `datasources.network.tunnel.Tunnel` is what is used.
    """

    def __init__(self, address: str, port: int) -> None:
        self.address = address
        self.port = port

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.address}:{self.port})"


Shown = Literal["host", "port", "database_name", "file_path"]
"""What the hyphen API shows of the options of any database (contract 3.3)."""


class Options(Masked, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How one kind of database is reached and logged in to: typed fields only, each of them in one of three groups.

    `Database` refuses a class whose fields are not all sorted, for a field that sends a secret elsewhere and is not
    known to do so would leak it.
    """

    destination_fields: ClassVar[tuple[str, ...]]
    """Where a secret is sent, and how safely: a change of one of these needs the secrets again (security row 7)."""
    harmless_fields: ClassVar[tuple[str, ...]]
    """All others that are no secret: no change of them sends a stored secret to another server, file or user."""
    asked_fields: ClassVar[tuple[str, ...]] = ()
    """Secrets that a test may ask for when they are missing."""
    shown_as: ClassVar[Mapping[Shown, str]] = {}
    """Which field is shown as host, port, database or file."""
    also_called: ClassVar[Mapping[str, str]] = {}
    """Names of older clients, to those of the fields."""

    @classmethod
    def under_own_names(cls, given: Any) -> Any:
        """What a client sent as options, with each field under its own name; a name that is given twice stays."""
        if not isinstance(given, dict):
            return given
        names = {old: new for old, new in cls.also_called.items() if new not in given}
        return {names.get(name, name): value for name, value in given.items()}

    @property
    def target(self) -> tuple[str, int] | None:
        """Host and port as an SSH gateway would have to reach them; None where there can be no tunnel."""
        return None


class NetworkOptions(Options, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Options of a server that listens at one host and port, so that a tunnel can lead to it."""

    host: Annotated[Host, Meta(title="Host")]
    port: Annotated[Port, Meta(title="Port")]

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "host", host_name(self.host))

    @property
    def target(self) -> tuple[str, int]:
        """Host and port."""
        return self.host, self.port


class Source(Masked, kw_only=True, frozen=True, tag_field="type"):
    """One source with its secrets, as a worker needs it. Subclasses add `options` and a tag."""

    name: Annotated[str, Meta(max_length=255)]
    temp_schema: Annotated[str, Meta(max_length=300)] | None = None
    catalog_include_list: str | None = None
    catalog_exclude_list: str | None = None
    connection_timeout: float = 30
    """Seconds for one connection to be open: TCP, TLS, login and database."""
    query_timeout: float = 300
    """Seconds for one statement."""
    ssh_tunnel: SshTunnel | None = None
    secret_references: dict[str, str] = {}
    """Secrets that are references, by their place: what the fields themselves hold until a worker resolves them."""
    via: Via | None = None
    """Set by `open_tunnel` only: connect to this address, but verify TLS for `options.host`."""
    options: Options

    def __post_init__(self) -> None:
        if self.ssh_tunnel is not None and self.options.target is None:
            raise ValueError("`ssh_tunnel` has no use for a source that is not a server of its own")

    def within(self, seconds: float) -> Self:
        """A copy whose limits are no longer than this."""
        return msgspec.structs.replace(
            self,
            connection_timeout=min(self.connection_timeout, seconds),
            query_timeout=min(self.query_timeout, seconds),
        )
