"""The published options of an S3 source, and our own for stores that speak its protocol elsewhere."""

from typing import Annotated, ClassVar

from msgspec import Meta

from datasources.databases.objects.model import URL, StoreOptions
from datasources.model.source import Source

Bucket = Annotated[str, Meta(min_length=3, max_length=255, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]+$(?!\n)")]
Region = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[a-z0-9-]+$(?!\n)")]
"""It is part of a host's name: letters, digits and hyphens alone."""
KeyId = Annotated[str, Meta(min_length=1, max_length=1024, pattern=r"^[\x21-\x7e]+$(?!\n)")]


class S3Options(StoreOptions, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A bucket, and an access key for it. A null key is no key: the worker's own is never used (security row 28)."""

    secret_fields: ClassVar[tuple[str, ...]] = ("secret",)
    destination_fields: ClassVar = ("key_id", "region", "endpoint", "rootcert")
    harmless_fields: ClassVar = ("bucket_name", *StoreOptions.store_fields)
    asked_fields: ClassVar = ("secret",)
    shown_as: ClassVar = {"database_name": "bucket_name"}

    bucket_name: Annotated[Bucket, Meta(title="Bucket name")]
    key_id: Annotated[KeyId, Meta(title="Access key ID")] | None
    region: Annotated[Region, Meta(title="Region")]
    secret: Annotated[str, Meta(title="Secret access key", max_length=4096)] | None = None
    endpoint: URL | None = None
    """Ours: where another store speaks S3's protocol; None means Amazon's own address of the region."""

    def __post_init__(self) -> None:
        self.set_endpoint()


class S3Source(Source, kw_only=True, frozen=True, tag="aws_s3"):
    """An S3 bucket."""

    options: S3Options
