"""The published options of an Athena source."""

from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from datasources.databases.aws.service import host_of
from datasources.model.inputs.hosts import host_name
from datasources.model.source import Host, Options, Port, Source

Name = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+$(?!\n)")]
KeyId = Annotated[str, Meta(min_length=1, max_length=1024, pattern=r"^[\x21-\x7e]+$(?!\n)")]
Region = Annotated[str, Meta(title="Region", min_length=1, max_length=64, pattern=r"^[a-z0-9-]+$(?!\n)")]
"""It is part of a host's name: letters, digits and hyphens alone."""
Place = Annotated[
    str,
    Meta(title="S3 staging folder", max_length=1024, pattern=r"^s3://[a-z0-9][a-z0-9.-]+(/[^'\x00-\x1f\x7f]*)?$(?!\n)"),
]
GLUE = "awsdatacatalog"
"""The catalog that is Glue's, in any case of its letters."""


class AthenaOptions(Options, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """An access key, and where answers are kept. A null key is no key: the worker's own is never used."""

    secret_fields: ClassVar[tuple[str, ...]] = ("aws_secret_access_key",)
    destination_fields: ClassVar = ("aws_access_key_id", "region", "host", "port", "tls", "allow_cleartext_password")
    harmless_fields: ClassVar = ("s3_staging_dir", "catalog", "database")
    asked_fields: ClassVar = ("aws_secret_access_key",)
    shown_as: ClassVar = {"database_name": "database"}

    aws_access_key_id: Annotated[KeyId, Meta(title="AWS access key ID")]
    aws_secret_access_key: Annotated[str, Meta(title="AWS secret access key", max_length=4096)] | None = None
    region: Region
    s3_staging_dir: Place
    catalog: Annotated[Name, Meta(title="Catalog")] = GLUE
    database: Annotated[Name, Meta(title="Database name")] = "default"
    host: Annotated[Host, Meta(title="Host instead of Amazon's own")] | None = None
    """Not published, ours: one address for Athena and Glue, such as a VPC endpoint's."""
    port: Annotated[Port, Meta(title="Port")] = 443
    tls: Annotated[bool, Meta(title="Encryption")] = True
    """Not published, ours: an emulator has none."""
    allow_cleartext_password: Annotated[bool, Meta(title="Allow requests without TLS")] = False

    def __post_init__(self) -> None:
        if self.host is not None:
            msgspec.structs.force_setattr(self, "host", host_name(self.host))

    @property
    def target(self) -> tuple[str, int]:
        """Athena's host and port."""
        return self.place_of("athena")

    def place_of(self, service: str) -> tuple[str, int]:
        """Host and port of a service."""
        return self.host or host_of(service, self.region), self.port


class AthenaSource(Source, kw_only=True, frozen=True, tag="athena"):
    """A database of Athena."""

    options: AthenaOptions
