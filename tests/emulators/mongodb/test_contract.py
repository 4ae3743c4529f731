"""MongoDB keeps the contract of all servers that take no SQL."""

from typing import Any

import pytest

from datasources.databases.base import Origin
from datasources.databases.globs import Globs
from datasources.databases.mongodb import Mongodb
from datasources.databases.mongodb.model import MongodbOptions, MongodbSource
from datasources.model.vocabulary import ErrorCode
from tests.datasources.databases.contract import Engine, ServerContract, tables
from tests.emulators.mongodb.conftest import MongoServer
from tests.fixtures.servers.database import PASSWORD


class MongoEngine(Engine):
    """A running server."""

    kind = Mongodb
    level = "emulator"
    version = "MongoDB 8."
    database = "shop"
    types = {"_id": "int", "customer_id": "int", "total": "decimal"}
    kinds = {"customer": "collection", "orders": "collection", "loose": "collection", "totals": "view", "best": "view"}
    references = False
    key = "_id"
    origin = Origin.view_text
    no_schema = ErrorCode.PERMISSION_DENIED
    lineage = {
        ("shop.orders", "shop.totals"): [],
        ("shop.totals", "shop.best"): [],
        ("shop.customer", "shop.best"): [],
        ("shop.loose", "shop.best"): [],
        ("shop.orders", "shop.best"): [],
    }

    def __init__(self, server: MongoServer) -> None:
        self.server = server

    def source(self, *, temp_schema: str | None = None, **options: Any) -> MongodbSource:
        facts = {
            "host": "localhost", "port": self.server.port, "username": "reader", "password": PASSWORD,
            "database": "shop", "rootcert": self.server.ca,
        }  # fmt: skip
        return MongodbSource(
            name="real", temp_schema=temp_schema, connection_timeout=5, options=MongodbOptions(**(facts | options))
        )

    def make_tables(self, schema: str, names: list[str]) -> None:
        with self.server.client() as client:
            for name in names:
                client[schema].create_collection(name)

    def drop_tables(self, schema: str) -> None:
        with self.server.client() as client:
            for name in client[schema].list_collection_names():
                client[schema].drop_collection(name)

    def tables_in(self, schema: str) -> set[str]:
        with self.server.client() as client:
            return set(client[schema].list_collection_names())

    def state(self) -> Any:
        raise AssertionError("no statement of a user's runs here")


class TestMongodb(ServerContract):
    """MongoDB."""

    no_login = {"username": "stranger"}
    no_database = {ErrorCode.PERMISSION_DENIED}
    in_clear = {"tls": "off"}
    secured = True
    tells = {"kernel"}

    @pytest.fixture
    def engine(self, mongodb: MongoServer) -> MongoEngine:
        """The emulator."""
        return MongoEngine(mongodb)

    async def test_a_collection_without_validator(self, engine: MongoEngine) -> None:
        """Its fields are those of a sample: each type that appears, and whether it may be missing."""
        (loose,) = await tables(engine, "shop.loose")
        found = {column.name: (column.type, column.nullable) for column in loose.columns}
        assert found["a"] == ("int | string", False)
        assert found["b"] == ("object", True)
        assert found["d"] == ("null", True)
        assert loose.rows == 2

    async def test_comments_of_a_validator(self, engine: MongoEngine) -> None:
        """A field's description is its comment."""
        (orders,) = await tables(engine, "shop.orders")
        assert {column.name: column.comment for column in orders.columns}["total"] == "In euros"

    async def test_tls(self, engine: MongoEngine) -> None:
        """Verified by default; an authority that is not ours, and a server that speaks TLS to one that does not."""
        async with engine.kind.connect(engine.source()) as session:
            identity = await session.identity()
        assert (identity.tls, (identity.tls_version or "")[:4]) == (True, "TLSv")
        assert {*identity.stages_ms} == {"resolve", "tcp", "tls", "login"}
        error = await self.failure(engine, engine.source(rootcert=None))
        assert (error.code, error.details["stage"]) == (ErrorCode.TLS_ERROR, "tls")
        async with engine.kind.connect(engine.source(rootcert=None, tls="require")):
            pass
        error = await self.failure(engine, engine.source(tls="off"))
        assert error.code in {ErrorCode.CONNECTION_ERROR, ErrorCode.PROTOCOL_ERROR, ErrorCode.TIMEOUT}

    async def test_nothing_wanted_costs_nothing(self, engine: MongoEngine) -> None:
        """What the lists leave out is not read."""
        async with engine.kind.connect(engine.source()) as session:
            assert [batch async for batch in session.tables(Globs("elsewhere.*"))] == []
