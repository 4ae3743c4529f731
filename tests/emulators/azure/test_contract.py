"""Azure storage keeps the contract of all stores."""

from pathlib import Path
from typing import Any, ClassVar

import pytest

from datasources.databases.azure import Azure
from datasources.databases.azure.model import AzureOptions, AzureSource
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode
from tasks.steps import temp_schema
from tests.datasources.databases.contract import check_of
from tests.emulators.azure.conftest import ACCOUNT, CLIENT, CONTAINER, TENANT, AzureServer
from tests.emulators.stores import StoreContract, StoreEngine
from tests.fixtures.identity import telltale_machine, told_by
from tests.fixtures.servers.database import PASSWORD


class AzureEngine(StoreEngine):
    """Azurite."""

    kind = Azure
    version = "Azure Blob Storage"
    user = CLIENT
    database = ACCOUNT
    schema = CONTAINER

    def __init__(self, server: AzureServer) -> None:
        self.server = server
        self.port = server.port
        self.identity = Path(server.file).parent
        self.store = server.client().get_container_client("scratch")

    def source(self, *, temp_schema: str | None = None, port: int | None = None, **options: Any) -> AzureSource:
        account = options.get("account_name", ACCOUNT)
        facts = {
            "account_name": account, "tenant_id": TENANT, "client_id": CLIENT, "client_secret": PASSWORD,
            "authority": f"https://localhost:{self.server.entra_port}", "rootcert": self.server.ca,
            "endpoint": f"https://localhost:{port or self.port}/{account}",
        }  # fmt: skip
        chosen = AzureOptions(**(facts | options))
        return AzureSource(name="real", temp_schema=temp_schema, connection_timeout=5, options=chosen)

    def put(self, names: list[str]) -> None:
        for name in names:
            self.store.upload_blob(f"scratch/{name}", b"x")

    def names(self) -> set[str]:
        return {blob.name.removeprefix("scratch/") for blob in self.store.list_blobs()}

    def empty(self) -> None:
        for name in self.names():
            self.store.delete_blob(f"scratch/{name}")

    def spoil(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in {
            "AZURE_CLIENT_ID": CLIENT,
            "AZURE_TENANT_ID": TENANT,
            "AZURE_CLIENT_SECRET": PASSWORD,
            "AZURE_AUTHORITY_HOST": "https://elsewhere.invalid",
            "AZURE_STORAGE_CONNECTION_STRING": "UseDevelopmentStorage=true",
            "IDENTITY_ENDPOINT": "http://127.0.0.1:1",
            "REQUESTS_CA_BUNDLE": "/nowhere",
            "HTTPS_PROXY": "http://127.0.0.1:1",
            "NO_PROXY": "*",
        }.items():
            monkeypatch.setenv(name, value)


class TestAzure(StoreContract):
    """Azure storage."""

    wrong: ClassVar = {"client_secret": "wrong"}
    missing: ClassVar = {"client_secret": None}
    nowhere: ClassVar = {"account_name": "nosuchaccount"}
    no_bucket: ClassVar = {ErrorCode.DATABASE_NOT_FOUND, ErrorCode.PERMISSION_DENIED}

    @pytest.fixture
    def engine(self, azurite: AzureServer) -> AzureEngine:
        """The emulator."""
        return AzureEngine(azurite)

    def place(self, engine: StoreEngine, prefix: str) -> str:
        """A path begins with its container."""
        return f"scratch/{prefix}"

    async def test_a_container_that_is_not_there(self, engine: AzureEngine) -> None:
        """It has a code of its own, and so has a path without a container."""
        for path, said in (("nowhere/scratch", "sourcecheck_tmp_"), ("/", "begins with the name of a container")):
            with pytest.raises(CheckError) as caught:
                await temp_schema.run(check_of(engine.source(temp_schema=path)))
            assert caught.value.code is ErrorCode.SCHEMA_NOT_FOUND
            assert said in caught.value.message

    async def test_what_the_authority_learns_of_the_worker(self, engine: AzureEngine) -> None:
        """As little as the service (security row 34)."""
        engine.server.asked.clear()
        with telltale_machine():
            async with engine.kind.connect(engine.source()):
                pass
            heard = b"".join(request.whole for request in engine.server.asked)
            assert heard.count(b"User-Agent: sourcecheck") == len(engine.server.asked) > 0
            assert told_by(heard) == []

    async def test_refusals(self, engine: AzureEngine) -> None:
        """Each has Entra's own code in its details."""
        error = await self.failure(engine, engine.source(client_secret="wrong"))
        assert (error.code, error.details["service_error"]) == (ErrorCode.AUTHENTICATION_FAILED, "AADSTS7000215")
        assert error.advice is not None
        assert "secret's value" in error.advice
