"""What Azure and Entra answer, and what they are not allowed to lead to."""

import json
from typing import Any

import msgspec
import pytest

from datasources.databases.azure import Azure
from datasources.databases.azure.errors import CODES, ENTRA, said_by_entra, said_by_service
from datasources.databases.azure.model import AzureOptions, AzureSource
from datasources.databases.azure.store import authority_of, endpoint_of
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode
from tests.doubles.https import Answer, Request, https_double

LOGIN: dict[str, Any] = {"account_name": "shopdata", "tenant_id": "tenant", "client_id": "client"}


def entra(request: Request) -> Answer:
    """A login that always works."""
    place = f"https://{request.headers['Host']}/tenant"
    if request.path.endswith("openid-configuration"):
        body = {"issuer": place, "authorization_endpoint": place, "token_endpoint": f"{place}/oauth2/v2.0/token"}
    else:
        body = {"token_type": "Bearer", "expires_in": 3599, "access_token": "token-token"}  # type: ignore[dict-item]
    return 200, {"Content-Type": "application/json"}, json.dumps(body).encode()


async def failure(answer: Answer, **options: Any) -> tuple[CheckError, list[str]]:
    """What connecting raises to a service that answers like this, and which paths of it were asked for."""
    pytest.importorskip("azure.storage.blob")
    pytest.importorskip("azure.identity")

    def serve(request: Request) -> Answer:
        return entra(request) if "/tenant/" in request.path else answer

    with https_double(serve) as double, pytest.raises(CheckError) as caught:
        place = f"https://localhost:{double.port}"
        facts = LOGIN | {
            "client_secret": "geheim-geheim", "endpoint": f"{place}/shopdata", "authority": place, "rootcert": double.ca
        }  # fmt: skip
        source = AzureSource(name="x", connection_timeout=10, options=AzureOptions(**(facts | options)))
        async with Azure.open(source, read_only=True):
            pass
    assert "geheim" not in f"{caught.value} {caught.value.details}"
    return caught.value, [request.path.partition("?")[0] for request in double.asked if "/tenant/" not in request.path]


def said(status: int, code: str) -> Answer:
    """An error as the Blob service writes it."""
    body = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>Because.\nId: 1</Message></Error>'
    return status, {"x-ms-error-code": code, "Content-Type": "application/xml"}, body.encode()


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (said(403, "AuthorizationPermissionMismatch"), ErrorCode.PERMISSION_DENIED),
        (said(403, "AuthenticationFailed"), ErrorCode.AUTHENTICATION_FAILED),
        (said(503, "ServerBusy"), ErrorCode.TOO_MANY_CONNECTIONS),
        (said(500, "InternalError"), ErrorCode.CONNECTION_ERROR),
        (said(404, "ResourceNotFound"), ErrorCode.DATABASE_NOT_FOUND),
        (said(400, "NeverHeardOf"), ErrorCode.QUERY_ERROR),
        ((503, {}, b"<html>"), ErrorCode.CONNECTION_ERROR),
        ((200, {"Content-Type": "application/xml"}, b"this is no XML"), ErrorCode.PROTOCOL_ERROR),
    ],
)
async def test_answers(answer: Answer, code: ErrorCode) -> None:
    """Each has one meaning, and none is tried again by the driver."""
    error, asked = await failure(answer)
    assert error.code is code
    assert asked == ["/shopdata/"]


async def test_redirects_are_not_followed() -> None:
    """Neither by the service nor to a metadata service."""
    error, asked = await failure((307, {"Location": "https://169.254.169.254/"}, b""))
    assert error.code in {ErrorCode.QUERY_ERROR, ErrorCode.PROTOCOL_ERROR, ErrorCode.DESTINATION_FORBIDDEN}
    assert asked == ["/shopdata/"]


async def test_an_authority_that_sends_the_secret_elsewhere() -> None:
    """A login service may name another address for tokens; the secret goes there only if it is the source's own."""

    def serve(request: Request) -> Answer:
        elsewhere = "https://elsewhere.example/tenant"
        body = {"issuer": elsewhere, "authorization_endpoint": elsewhere, "token_endpoint": f"{elsewhere}/token"}
        return 200, {"Content-Type": "application/json"}, json.dumps(body).encode()

    pytest.importorskip("azure.identity")
    with https_double(serve) as double, pytest.raises(CheckError) as caught:
        place = f"https://localhost:{double.port}"
        options = AzureOptions(
            **LOGIN, client_secret="geheim-geheim", endpoint=f"{place}/shopdata", authority=place, rootcert=double.ca
        )
        async with Azure.open(AzureSource(name="x", connection_timeout=10, options=options), read_only=True):
            pass
    assert caught.value.code in {ErrorCode.DESTINATION_FORBIDDEN, ErrorCode.AUTHENTICATION_FAILED}
    assert all(b"geheim" not in request.body for request in double.asked)


@pytest.mark.parametrize("code", CODES)
def test_codes(code: str) -> None:
    """Each documented code has one meaning, with the first line of the service's sentence."""
    found = said_by_service(400, code, "Because.\nRequestId: 1")
    assert (found.refusal, found.message, found.code) == (CODES[code], "Because.", code)


@pytest.mark.parametrize("code", ENTRA)
def test_codes_of_entra(code: str) -> None:
    """Each is a refused login, and says what to do."""
    found = said_by_entra(f"Authentication failed: {code}: Because.")
    assert (found.refusal.code, found.code, found.message) == (
        ErrorCode.AUTHENTICATION_FAILED,
        code,
        f"{code}: Because.",
    )
    assert found.refusal.advice == ENTRA[code]


def test_addresses() -> None:
    """The account's own and Entra's, or what the source names."""
    options = AzureOptions(**LOGIN)
    assert endpoint_of(options).url == "https://shopdata.blob.core.windows.net"
    assert authority_of(options).url == "https://login.microsoftonline.com"
    other = AzureOptions(**LOGIN, authority="https://login.microsoftonline.us/")
    assert authority_of(other).url == "https://login.microsoftonline.us"


def test_options() -> None:
    """An account is part of a host's name, so that it can be nothing else; null is published for the application."""
    assert msgspec.convert(LOGIN | {"client_id": None, "tenant_id": None}, AzureOptions).client_id is None
    for change in (
        {"account_name": "evil.example/"}, {"account_name": "a.b"}, {"account_name": "Shop"}, {"tenant_id": "a/b"},
        {"tenant_id": "a?b"}, {"authority": "http://login"}, {"endpoint": "https://u:p@host"}, {"sas": "x"},
    ):  # fmt: skip
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(LOGIN | change, AzureOptions)
