"""The published options of an Azure storage source, and our own for other clouds and addresses."""

from typing import Annotated, ClassVar

from msgspec import Meta

from datasources.databases.objects.model import URL, StoreOptions
from datasources.model.source import Source

Account = Annotated[str, Meta(min_length=3, max_length=24, pattern=r"^[a-z0-9]+$(?!\n)")]
"""It is part of a host's name: small letters and digits alone."""
Directory = Annotated[str, Meta(min_length=1, max_length=1024, pattern=r"^[A-Za-z0-9.-]+$(?!\n)")]


class AzureOptions(StoreOptions, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """An account, and an application of Entra. Null is no login: no managed identity is used (security row 28)."""

    secret_fields: ClassVar[tuple[str, ...]] = ("client_secret",)
    destination_fields: ClassVar = ("account_name", "tenant_id", "client_id", "endpoint", "authority", "rootcert")
    harmless_fields: ClassVar = StoreOptions.store_fields
    asked_fields: ClassVar = ("client_secret",)
    shown_as: ClassVar = {"database_name": "account_name"}

    account_name: Annotated[Account, Meta(title="Account name")]
    client_id: Annotated[Directory, Meta(title="Client ID")] | None
    tenant_id: Annotated[Directory, Meta(title="Tenant ID")] | None
    client_secret: Annotated[str, Meta(title="Client secret", max_length=4096)] | None = None
    endpoint: URL | None = None
    """Ours: where the account's Blob service answers; None means ACCOUNT.blob.core.windows.net."""
    authority: Annotated[URL, Meta(title="Authority")] | None = None
    """Ours: Entra of another cloud; None means login.microsoftonline.com."""

    def __post_init__(self) -> None:
        self.set_endpoint()
        self.set_endpoint("authority")


class AzureSource(Source, kw_only=True, frozen=True, tag="files_azure_datalake"):
    """An account of Azure storage."""

    options: AzureOptions
