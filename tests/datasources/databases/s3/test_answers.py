"""What S3 answers, and what it is not allowed to lead to."""

from typing import Any

import msgspec
import pytest

from datasources.databases.objects.connect import require_login
from datasources.databases.s3 import S3
from datasources.databases.s3.errors import CODES, said_of
from datasources.databases.s3.model import S3Options, S3Source
from datasources.databases.s3.store import endpoint_of
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode
from tests.doubles.https import Answer, Request, https_double

pytest.importorskip("botocore")


def source(port: int, ca: str, **options: Any) -> S3Source:
    """A source at a double."""
    facts = {
        "bucket_name": "shop", "region": "us-east-1", "key_id": "AKIAKEY", "secret": "geheim-geheim",
        "endpoint": f"https://localhost:{port}", "rootcert": ca,
    }  # fmt: skip
    return S3Source(name="double", connection_timeout=5, options=S3Options(**(facts | options)))


async def failure(answer: Answer) -> tuple[CheckError, list[Request]]:
    """What a server raises that answers like this, and what it was asked."""
    with https_double(lambda _: answer) as double, pytest.raises(CheckError) as caught:
        async with S3.connect(source(double.port, double.ca)):
            pass
    assert "geheim" not in f"{caught.value} {caught.value.details}"
    return caught.value, double.asked


def said(code: str) -> bytes:
    """An error as S3 writes it."""
    return f"<Error><Code>{code}</Code><Message>Because.</Message></Error>".encode()


@pytest.mark.parametrize(
    ("status", "code"), [(301, "PermanentRedirect"), (307, "TemporaryRedirect"), (400, "AuthorizationHeaderMalformed"), (301, "")]
)  # fmt: skip
async def test_redirects_are_not_followed(status: int, code: str) -> None:
    """A bucket of another region says so; nothing is signed anew for an address of the answer's choice."""
    headers = {"x-amz-bucket-region": "eu-west-3", "Location": "https://169.254.169.254/latest"}
    error, asked = await failure((status, headers, said(code) if code else b""))
    assert error.code is ErrorCode.DATABASE_NOT_FOUND
    assert "eu-west-3" in error.message
    assert len(asked) == 1
    assert asked[0].path.startswith("/shop?list-type=2")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ((503, {}, said("SlowDown")), ErrorCode.TOO_MANY_CONNECTIONS),
        ((500, {}, said("InternalError")), ErrorCode.CONNECTION_ERROR),
        ((403, {}, said("RequestTimeTooSkewed")), ErrorCode.AUTHENTICATION_FAILED),
        ((404, {}, said("NoSuchBucket")), ErrorCode.DATABASE_NOT_FOUND),
        ((400, {}, said("NeverHeardOf")), ErrorCode.QUERY_ERROR),
        ((200, {}, b"this is no XML"), ErrorCode.CONNECTION_ERROR),
        ((200, {"Content-Type": "application/xml"}, b"<a>" * 5), ErrorCode.CONNECTION_ERROR),
    ],
)
async def test_answers(answer: Answer, code: ErrorCode) -> None:
    """Each has one meaning, and none is tried again by the driver."""
    with https_double(lambda _: answer) as double, pytest.raises(CheckError) as caught:
        async with S3.open(source(double.port, double.ca), read_only=True):
            pass
    assert caught.value.code is code
    assert len(double.asked) == 1


@pytest.mark.parametrize("code", CODES)
def test_codes(code: str) -> None:
    """Each documented code has one meaning, with the service's own sentence."""
    found = said_of({"Error": {"Code": code, "Message": "Because."}})
    assert (found.refusal, found.message, found.code) == (CODES[code], "Because.", code)


def test_addresses() -> None:
    """The region's own, also in China; another store's where the source names one."""
    login = {"bucket_name": "shop", "key_id": "k"}
    for region, host in (("eu-west-1", "s3.eu-west-1.amazonaws.com"), ("cn-north-1", "s3.cn-north-1.amazonaws.com.cn")):
        assert endpoint_of(S3Options(region=region, **login)).url == f"https://{host}"
    assert endpoint_of(S3Options(region="x", endpoint="https://minio.shop:9000", **login)).port == 9000


def test_options() -> None:
    """A region is part of a host's name, so that it can be nothing else; the key id is named, and may be null."""
    good = {"bucket_name": "shop-data", "region": "eu-west-1", "key_id": None}
    assert msgspec.convert(good, S3Options).key_id is None
    wrong = [
        good | {"region": "x.evil.example/"}, good | {"region": "eu west"}, good | {"region": "eu\n"},
        good | {"bucket_name": "a/b"}, good | {"bucket_name": "../x"}, good | {"bucket_name": "?x"},
        good | {"key_id": "a b"}, good | {"session_token": "x"}, {"bucket_name": "shop", "region": "x"},
    ]  # fmt: skip
    for options in wrong:
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(options, S3Options)


def test_a_secret_that_can_be_asked_for() -> None:
    """The secret can; the key id is none."""
    for login, missing in (({"key_id": "k"}, ["secret"]), ({"key_id": None}, None)):
        with pytest.raises(CheckError) as caught:
            require_login(S3Options(bucket_name="shop", region="x", **login), ("key_id", "secret"))
        assert caught.value.details.get("missing") == missing
