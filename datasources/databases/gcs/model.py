"""The published options of a Google Cloud Storage source, and our own for other addresses of its service."""

from typing import Annotated, ClassVar

from msgspec import Meta

from datasources.databases.gcs.key import read_key
from datasources.databases.objects.model import URL, StoreOptions, Text
from datasources.model.source import Source

Bucket = Annotated[str, Meta(min_length=3, max_length=222, pattern=r"^[a-z0-9][a-z0-9._-]+$(?!\n)")]


class GcsOptions(StoreOptions, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A bucket, and the key of a service account. Without one there is no login (security row 28)."""

    secret_fields: ClassVar[tuple[str, ...]] = ("jsonKeyFile",)
    destination_fields: ClassVar = ("endpoint", "rootcert")
    harmless_fields: ClassVar = ("bucket_name", "bucket_region", *StoreOptions.store_fields)
    asked_fields: ClassVar = ("jsonKeyFile",)
    shown_as: ClassVar = {"database_name": "bucket_name"}

    bucket_name: Annotated[Bucket, Meta(title="Bucket name")]
    bucket_region: Annotated[Text, Meta(title="Bucket region")]
    """Taken as published: the service finds the bucket by its name."""
    jsonKeyFile: Annotated[str, Meta(title="JSON key file", max_length=65536)] | None = None
    endpoint: URL | None = None
    """Ours: a private address of the service; None means storage.googleapis.com."""

    def __post_init__(self) -> None:
        self.set_endpoint()
        if self.jsonKeyFile:
            read_key(self.jsonKeyFile)


class GcsSource(Source, kw_only=True, frozen=True, tag="google_cloud_storage"):
    """A bucket of Google Cloud Storage."""

    options: GcsOptions
