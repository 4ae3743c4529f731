"""Google Cloud Storage keeps the contract of all stores."""

from typing import Any, ClassVar

import pytest

from datasources.databases.gcs import Gcs
from datasources.databases.gcs.model import GcsOptions, GcsSource
from datasources.model.vocabulary import ErrorCode
from tests.emulators.gcs.conftest import BUCKET, GcsServer, new_key
from tests.emulators.stores import RightsContract, StoreEngine


class GcsEngine(StoreEngine):
    """gcp-storage-emulator behind a front."""

    kind = Gcs
    version = "Google Cloud Storage"
    user = "reader@shop.iam.gserviceaccount.com"
    database = BUCKET
    schema = BUCKET

    def __init__(self, server: GcsServer) -> None:
        self.server = server
        self.port = server.port
        self.identity = server.identity

    def source(self, *, temp_schema: str | None = None, port: int | None = None, **options: Any) -> GcsSource:
        facts = {
            "bucket_name": BUCKET, "bucket_region": "EU", "jsonKeyFile": self.server.key,
            "endpoint": f"https://localhost:{port or self.port}", "rootcert": self.server.ca,
        }  # fmt: skip
        chosen = GcsOptions(**(facts | options))
        return GcsSource(name="real", temp_schema=temp_schema, connection_timeout=5, options=chosen)

    def put(self, names: list[str]) -> None:
        for name in names:
            self.server.put(f"scratch/{name}", b"x")

    def names(self) -> set[str]:
        return {name.removeprefix("scratch/") for name in self.server.objects("scratch/")}

    def empty(self) -> None:
        for name in self.names():
            self.server.delete(f"scratch/{name}")

    def spoil(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in {
            "STORAGE_EMULATOR_HOST": self.server.emulator,
            "API_ENDPOINT_OVERRIDE": self.server.emulator,
            "GOOGLE_APPLICATION_CREDENTIALS": "/nowhere",
            "GOOGLE_CLOUD_PROJECT": "another",
            "GOOGLE_CLOUD_QUOTA_PROJECT": "another",
            "GOOGLE_API_USE_CLIENT_CERTIFICATE": "true",
            "GOOGLE_API_USE_MTLS_ENDPOINT": "always",
            "REQUESTS_CA_BUNDLE": "/nowhere",
            "HTTPS_PROXY": "http://127.0.0.1:1",
            "NO_PROXY": "*",
        }.items():
            monkeypatch.setenv(name, value)


class TestGcs(RightsContract):
    """Google Cloud Storage."""

    wrong: ClassVar = {"jsonKeyFile": new_key("reader@shop.iam.gserviceaccount.com")[0]}
    missing: ClassVar = {"jsonKeyFile": None}
    nowhere: ClassVar = {"bucket_name": "no-such-bucket"}

    @pytest.fixture
    def engine(self, gcs: GcsServer) -> GcsEngine:
        """The emulator."""
        return GcsEngine(gcs)

    async def test_refusals(self, engine: GcsEngine) -> None:
        """Each has Google's own reason in its details."""
        error = await self.failure(engine, engine.source(**self.wrong))
        assert (error.code, error.details["service_error"]) == (ErrorCode.AUTHENTICATION_FAILED, "authError")
