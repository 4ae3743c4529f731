"""What a client of the hyphen API sends to register a source, and to change one; names and defaults are published."""

from typing import Annotated, Any

from msgspec import Meta, Struct

from datasources.model.source import Host, Port

Text = Annotated[str, Meta(max_length=4096)]
Secret = Annotated[str, Meta(max_length=65536)]
Interval = Annotated[int, Meta(ge=60, le=366 * 24 * 3600)]
Count = Annotated[int, Meta(ge=0, le=1000)]


class Credentials(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How to log in; no answer ever has any of it. A type takes those that it has an option for."""

    username: Annotated[str, Meta(max_length=256)] | None = None
    password: Text | None = None
    api_key: Secret | None = None
    oauth_token: Secret | None = None
    ssh_private_key: Secret | None = None
    ssh_passphrase: Text | None = None
    warehouse: Annotated[str, Meta(max_length=256)] | None = None
    role: Annotated[str, Meta(max_length=256)] | None = None


class DialectFields(Struct, kw_only=True, frozen=True):
    """Fields that only the hyphen API has: kept with the source and answered, with these defaults."""

    schema_name: Annotated[str, Meta(max_length=300)] | None = None
    ssh_local_port: Port | None = None
    """Kept alone: the near end of a tunnel has a port of its own for each test."""
    connection_pool_size: Annotated[int, Meta(ge=1, le=1000)] = 5
    """Kept alone: no test shares a connection with another one."""
    max_retries: Count = 3
    schema_auto_refresh: bool = False
    schema_refresh_interval: Interval = 3600
    """Seconds."""
    metadata: dict[str, Any] = {}


class ChangedSource(DialectFields, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Any of the fields but type and workspace; what is left out stays as it is."""

    name: Annotated[str, Meta(min_length=1, max_length=255)] | None = None
    description: Annotated[str, Meta(max_length=10_000)] | None = None
    host: Host | None = None
    port: Port | None = None
    database_name: Annotated[str, Meta(max_length=255)] | None = None
    connection_string: Annotated[str, Meta(max_length=8192)] | None = None
    """A URL such as `postgresql://user:password@host:5432/database`: taken apart into the fields, and never kept."""
    file_path: Annotated[str, Meta(max_length=4096)] | None = None
    use_ssh_tunnel: bool = False
    ssh_host: Host | None = None
    ssh_port: Port = 22
    ssh_username: Annotated[str, Meta(max_length=128)] | None = None
    connection_timeout: Annotated[int, Meta(ge=1, le=300)] = 30
    query_timeout: Annotated[int, Meta(ge=1, le=3600)] = 300
    credentials: Credentials | None = None
    options: dict[str, Any] | None = None
    """Ours: what else the type has, such as `sslmode`, by its own name (`/api/v1/data_sources/types` lists them)."""
    tags: list[str] = []


class NewSource(ChangedSource, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A source to be registered: name and type, and host, port and database of a server or the path of a file."""

    name: Annotated[str, Meta(min_length=1, max_length=255)]
    type: Annotated[str, Meta(max_length=50)]
    workspace_id: Annotated[int, Meta(ge=1, le=2**63 - 1)] | None = None
