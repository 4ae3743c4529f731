"""Keys that are refused, what Google answers, and what it is not allowed to lead to."""

import json
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from datasources.databases.gcs import Gcs
from datasources.databases.gcs.errors import REASONS, STATUS, said_of
from datasources.databases.gcs.key import read_key
from datasources.databases.gcs.model import GcsOptions, GcsSource
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode
from tests.doubles.https import Answer, https_double

PEM = (
    rsa.generate_private_key(public_exponent=65537, key_size=2048)
    .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    .decode()
)
KEY: dict[str, Any] = {
    "type": "service_account", "project_id": "shop", "private_key": PEM,
    "client_email": "reader@shop.iam.gserviceaccount.com", "token_uri": "https://oauth2.googleapis.com/token",
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"type": "external_account"}, "service account"),
        ({"type": "authorized_user"}, "service account"),
        ({"type": None}, "service account"),
        ({"credential_source": {"file": "/etc/passwd"}}, "credential_source"),
        ({"credential_source": {"executable": {"command": "id"}}}, "credential_source"),
        ({"service_account_impersonation_url": "https://evil.example"}, "service_account_impersonation_url"),
        ({"token_uri": "http://169.254.169.254/token"}, "token_uri"),
        ({"token_uri": "https://oauth2.googleapis.com.evil.example/token"}, "token_uri"),
        ({"universe_domain": "evil.example"}, "universe_domain"),
        ({"client_email": None}, "client_email"),
        ({"private_key": "secret words"}, "private_key"),
        ({"project_id": ["x"]}, "project_id"),
    ],
)
def test_keys_that_are_refused(change: dict[str, Any], said: str) -> None:
    """A key that names addresses, files or programs never reaches the driver; the sentence holds none of its values."""
    with pytest.raises(ValueError, match=said) as caught:
        read_key(json.dumps(KEY | change))
    for value in ("evil.example", "169.254", "/etc/passwd", "secret words", "MII"):
        assert value not in str(caught.value)


@pytest.mark.parametrize("text", ["", "no json", "[]", "null", "{}", '"x"', "[" * 5000])
def test_what_is_no_key(text: str) -> None:
    """Whatever is there instead is refused when the source is registered."""
    with pytest.raises((ValueError, msgspec.ValidationError), match="jsonKeyFile"):
        msgspec.convert({"bucket_name": "shop", "bucket_region": "EU", "jsonKeyFile": text or "x"}, GcsOptions)


def test_a_key() -> None:
    """Google's own is taken as it is."""
    assert read_key(json.dumps(KEY)) == KEY
    assert "PRIVATE" not in repr(GcsOptions(bucket_name="shop", bucket_region="EU", jsonKeyFile=json.dumps(KEY)))


def refusal(status: int, reason: str) -> Answer:
    """An error as the JSON API writes it."""
    error = {"code": status, "message": "Because.", "errors": [{"message": "Because.", "reason": reason}]}
    return status, {"Content-Type": "application/json"}, json.dumps({"error": error}).encode()


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (refusal(401, "authError"), ErrorCode.AUTHENTICATION_FAILED),
        (refusal(403, "forbidden"), ErrorCode.PERMISSION_DENIED),
        (refusal(403, "rateLimitExceeded"), ErrorCode.TOO_MANY_CONNECTIONS),
        (refusal(404, "notFound"), ErrorCode.DATABASE_NOT_FOUND),
        (refusal(400, "invalid"), ErrorCode.QUERY_ERROR),
        (refusal(503, "backendError"), ErrorCode.CONNECTION_ERROR),
        ((503, {}, b"<html>"), ErrorCode.CONNECTION_ERROR),
        ((200, {}, b"this is no JSON"), ErrorCode.PROTOCOL_ERROR),
        ((302, {"Location": "https://169.254.169.254/"}, b""), ErrorCode.PROTOCOL_ERROR),
        ((302, {"Location": "/elsewhere"}, b""), ErrorCode.PROTOCOL_ERROR),
    ],
)
async def test_answers(answer: Answer, code: ErrorCode) -> None:
    """Each has one meaning; none is tried again, and a redirect is not followed."""
    pytest.importorskip("google.cloud.storage")
    with https_double(lambda _: answer) as double, pytest.raises(CheckError) as caught:
        options = GcsOptions(
            bucket_name="shop", bucket_region="EU", jsonKeyFile=json.dumps(KEY), rootcert=double.ca,
            endpoint=f"https://localhost:{double.port}",
        )  # fmt: skip
        async with Gcs.open(GcsSource(name="x", connection_timeout=10, options=options), read_only=True):
            pass
    assert caught.value.code is code
    assert [request.path.partition("?")[0] for request in double.asked] == ["/storage/v1/b/shop/o"]
    assert "localhost" not in caught.value.message


async def test_a_key_that_a_reference_meant() -> None:
    """It is read again: it was not there when the source was registered."""
    pytest.importorskip("google.cloud.storage")
    options = GcsOptions(bucket_name="shop", bucket_region="EU", endpoint="https://localhost:1")
    for text, said in ((json.dumps(KEY | {"type": "external_account"}), "service account"), ("x", "not the JSON text")):
        broken = GcsSource(name="x", options=msgspec.structs.replace(options))
        msgspec.structs.force_setattr(broken.options, "jsonKeyFile", text)
        with pytest.raises(CheckError, match=said) as caught:
            async with Gcs.connect(broken):
                pass
        assert caught.value.code is ErrorCode.AUTHENTICATION_FAILED


@pytest.mark.parametrize("reason", REASONS)
def test_reasons(reason: str) -> None:
    """A reason says more than its status."""
    found = said_of(403, [{"reason": reason, "message": "Because."}], "GET https://host/path: text")
    assert (found.refusal, found.message, found.code) == (REASONS[reason], "Because.", reason)


@pytest.mark.parametrize("status", STATUS)
def test_statuses(status: int) -> None:
    """Without a reason the status decides; the address that Google's library writes into its text is left out."""
    found = said_of(status, [], "GET https://host/path: text")
    assert (found.refusal, found.message, found.code) == (STATUS[status], "text", status)
