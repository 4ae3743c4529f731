"""S3 keeps the contract of all stores."""

from pathlib import Path
from typing import Any, ClassVar

import pytest

from datasources.databases.s3 import S3
from datasources.databases.s3.model import S3Options, S3Source
from datasources.model.vocabulary import ErrorCode
from tests.emulators.s3.conftest import BUCKET, REGION, MotoServer
from tests.emulators.stores import RightsContract, StoreEngine


class S3Engine(StoreEngine):
    """moto."""

    kind = S3
    version = "S3-compatible store"
    database = BUCKET
    schema = BUCKET

    def __init__(self, server: MotoServer) -> None:
        self.server = server
        self.port = server.port
        self.identity = Path(server.folder)
        self.user = server.reader[0]
        self.store = server.client()

    def source(self, *, temp_schema: str | None = None, port: int | None = None, **options: Any) -> S3Source:
        facts = {
            "bucket_name": BUCKET, "region": REGION, "key_id": self.server.reader[0], "secret": self.server.reader[1],
            "endpoint": f"https://localhost:{port or self.port}", "rootcert": self.server.ca,
        }  # fmt: skip
        return S3Source(
            name="real", temp_schema=temp_schema, connection_timeout=5, options=S3Options(**(facts | options))
        )

    def put(self, names: list[str]) -> None:
        for name in names:
            self.store.put_object(Bucket=BUCKET, Key=f"scratch/{name}", Body=b"x")

    def names(self) -> set[str]:
        found = self.store.list_objects_v2(Bucket=BUCKET, Prefix="scratch/").get("Contents", [])
        return {item["Key"].removeprefix("scratch/") for item in found}

    def empty(self) -> None:
        for name in self.names():
            self.store.delete_object(Bucket=BUCKET, Key=f"scratch/{name}")

    def spoil(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in {
            "AWS_ACCESS_KEY_ID": self.server.admin[0],
            "AWS_SECRET_ACCESS_KEY": self.server.admin[1],
            "AWS_SESSION_TOKEN": "token",
            "AWS_PROFILE": "no-such-profile",
            "AWS_ENDPOINT_URL": "https://elsewhere.invalid",
            "AWS_ENDPOINT_URL_S3": "https://elsewhere.invalid",
            "AWS_CA_BUNDLE": "/nowhere",
            "AWS_MAX_ATTEMPTS": "9",
            "AWS_CONFIG_FILE": "/nowhere",
            "HTTPS_PROXY": "http://127.0.0.1:1",
            "NO_PROXY": "*",
        }.items():
            monkeypatch.setenv(name, value)


class TestS3(RightsContract):
    """Amazon S3."""

    wrong: ClassVar = {"secret": "wrong"}
    missing: ClassVar = {"secret": None}
    nowhere: ClassVar = {"bucket_name": "no-such-bucket"}
    no_bucket: ClassVar = {ErrorCode.DATABASE_NOT_FOUND, ErrorCode.PERMISSION_DENIED}

    @pytest.fixture
    def engine(self, moto_s3: MotoServer) -> S3Engine:
        """The emulator."""
        return S3Engine(moto_s3)

    async def test_no_key_is_no_key(self, engine: S3Engine, monkeypatch: pytest.MonkeyPatch) -> None:
        """A null key id is published as possible; it means no login here, and no secret could help."""
        engine.spoil(monkeypatch)
        error = await self.failure(engine, engine.source(key_id=None))
        assert error.code is ErrorCode.AUTHENTICATION_FAILED
        assert "secret_missing" not in error.details

    async def test_refusals(self, engine: S3Engine) -> None:
        """Each has S3's own code in its details."""
        for options, code, said in (
            ({"key_id": "AKIAIOSFODNN7EXAMPLE"}, ErrorCode.AUTHENTICATION_FAILED, "InvalidAccessKeyId"),
            ({"secret": "wrong"}, ErrorCode.AUTHENTICATION_FAILED, "SignatureDoesNotMatch"),
            ({"bucket_name": "private-data"}, ErrorCode.PERMISSION_DENIED, "AccessDenied"),
        ):
            error = await self.failure(engine, engine.source(**options))
            assert (error.code, error.details["service_error"]) == (code, said)
