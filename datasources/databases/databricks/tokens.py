"""The token for a workspace: the given one, or one that an authority issues to an application."""

import base64
from urllib.parse import urlencode

from msgspec import Struct

from datasources.databases.databricks.errors import refusal_in
from datasources.databases.databricks.model import DatabricksOptions, DatabricksSource
from datasources.databases.warehouse import entra
from datasources.databases.warehouse.errors import Refused
from datasources.databases.warehouse.http import Way
from datasources.model.vocabulary import ErrorCode

ENTRA_SCOPE = "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d/.default"
"""The scope that stands for Databricks at Microsoft Entra."""


class Token(Struct, frozen=True):
    """The answer of the workspace's own authority."""

    access_token: str


async def token_of(source: DatabricksSource, way: Way, base: str) -> str:
    """The token for the source's way to log in; `base` is the workspace's address. Raises `Refused`."""
    options = source.options
    if options.method == "azure_entra":
        return await entra.token_of(source, way.progress, ENTRA_SCOPE)
    if options.method == "m2m_oauth":
        return await _of_workspace(options, way, base)
    if not options.http_password:
        missing = {"secret_missing": True, "missing": list(options.asked_fields)}
        raise Refused(ErrorCode.AUTHENTICATION_FAILED, "An access token is missing", missing)
    return options.http_password


async def _of_workspace(options: DatabricksOptions, way: Way, base: str) -> str:
    login = f"{options.m2m_client_id or ''}:{options.m2m_client_secret or ''}".encode()
    answer = await way.call(
        "POST",
        f"{base}/oidc/v1/token",
        headers={
            "Authorization": "Basic " + base64.b64encode(login).decode(),
            "Content-Type": "application/x-www-form-urlencoded",
        },
        content=urlencode({"grant_type": "client_credentials", "scope": "all-apis"}).encode(),
    )
    if answer.status != 200:
        raise refusal_in(answer)
    return answer.read(Token).access_token
