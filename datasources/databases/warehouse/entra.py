"""A token of Microsoft Entra for an application with a secret (the client credentials flow)."""

from typing import Protocol
from urllib.parse import urlencode

from msgspec import Struct

from datasources.databases.warehouse.errors import Refused
from datasources.databases.warehouse.http import way_of
from datasources.model.source import Source
from datasources.model.vocabulary import ErrorCode
from datasources.network.progress import Progress

AUTHORITY = "https://login.microsoftonline.com"


class Application(Protocol):
    """The options that name it."""

    azure_tenant_id: str | None
    azure_client_id: str | None
    azure_client_secret: str | None
    azure_scope: str | None


class Token(Struct, frozen=True):
    """What the authority answers, either way."""

    access_token: str = ""
    error: str = ""
    error_description: str = ""


async def token_of(source: Source, progress: Progress, default_scope: str = "") -> str:
    """A bearer token. Raises `Refused`, and what requests raise; it is asked of Microsoft's own authority only."""
    options: Application = source.options  # type: ignore[assignment]
    if not (options.azure_tenant_id and options.azure_client_id and options.azure_client_secret):
        message = "azure_entra needs azure_tenant_id, azure_client_id and azure_client_secret"
        raise Refused(ErrorCode.AUTHENTICATION_FAILED, message)
    form = {
        "grant_type": "client_credentials",
        "client_id": options.azure_client_id,
        "client_secret": options.azure_client_secret,
        "scope": options.azure_scope or default_scope,
    }
    async with way_of(source) as way:
        way.progress = progress
        answer = await way.call(
            "POST",
            f"{AUTHORITY}/{options.azure_tenant_id}/oauth2/v2.0/token",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            content=urlencode(form).encode(),
        )
    token = answer.read(Token)
    if not token.access_token:
        message = token.error_description.partition("\n")[0] or token.error or "Microsoft Entra gave no token"
        raise Refused(ErrorCode.AUTHENTICATION_FAILED, message, {"http_status": answer.status})
    return token.access_token
