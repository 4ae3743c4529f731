"""ClickHouse keeps the contract of all databases: its engine, behind a small HTTP server of ours."""

from typing import Any

import pytest

from datasources.databases.clickhouse import Clickhouse
from datasources.databases.clickhouse.model import ClickhouseOptions, ClickhouseSource
from datasources.model.vocabulary import ErrorCode
from tests.datasources.databases.contract import Engine, NetworkContract
from tests.fixtures.servers.clickhouse import ClickhouseServer
from tests.fixtures.servers.database import PASSWORD


class ClickhouseEngine(Engine):
    """A running engine."""

    kind = Clickhouse
    level = "engine"
    version = "ClickHouse 26."
    user = "default"
    database = "shop"
    types = {"id": "Int32", "customer_id": "Nullable(Int32)", "total": "Decimal(10, 2)"}
    references = False
    default = "'unknown'"
    endless = "SELECT number + 1 FROM system.numbers"
    slow = "SELECT count() FROM numbers(100000000000) WHERE sipHash64(number) = 1"
    wide = "SELECT repeat('x', 20000000) || repeat('y', 20000000)"
    writes = [
        "CREATE TABLE scratch.made (a Int32) ENGINE = Memory",
        "CREATE TEMPORARY TABLE made (a Int32)",
        "INSERT INTO scratch.kept VALUES (1)",
        "INSERT INTO scratch.kept SELECT 1 SETTINGS readonly = 0",
        "SELECT 1 SETTINGS readonly = 0",
        "SET readonly = 0",
        "SET max_threads = 1",
        "SELECT * FROM url('http://127.0.0.1:1/', 'CSV')",
        "SELECT * FROM file('/etc/passwd', 'LineAsString')",
        "SELECT 1 INTO OUTFILE '/tmp/sourcecheck-made'",
        "DROP TABLE scratch.kept",
        "TRUNCATE TABLE scratch.kept",
        "OPTIMIZE TABLE scratch.kept",
        "USE scratch",
    ]
    several = ["SELECT 1; SELECT 2", "SELECT 1; CREATE TABLE scratch.made (a Int32) ENGINE = Memory"]

    def __init__(self, server: ClickhouseServer) -> None:
        self.server = server

    def source(self, *, temp_schema: str | None = None, **options: Any) -> ClickhouseSource:
        facts = {
            "host": "127.0.0.1", "port": self.server.port, "user": "reader", "password": PASSWORD, "database": "shop",
            "tls": "off", "allow_cleartext_password": True,
        }  # fmt: skip
        return ClickhouseSource(
            name="real", temp_schema=temp_schema, connection_timeout=5, options=ClickhouseOptions(**(facts | options))
        )

    def make_tables(self, schema: str, names: list[str]) -> None:
        self.server.run(*(f"CREATE TABLE {schema}.`{name}` (a Int32) ENGINE = Memory" for name in names))

    def drop_tables(self, schema: str) -> None:
        self.server.run(*(f"DROP TABLE {schema}.`{name}`" for name in self.tables_in(schema)))

    def tables_in(self, schema: str) -> set[str]:
        (rows,) = self.server.run(f"SELECT name FROM system.tables WHERE database = '{schema}'")
        return {name for (name,) in rows}

    def state(self) -> Any:
        tables = "SELECT database, name FROM system.tables WHERE database != 'system' ORDER BY 1, 2"
        return self.server.run(tables, "SELECT * FROM scratch.kept")

    def running(self, query: str) -> int:
        (rows,) = self.server.run(
            "SELECT count() FROM system.processes WHERE query LIKE 'SELECT count() FROM numbers%'"
        )
        return int(rows[0][0])


class TestClickhouse(NetworkContract):
    """ClickHouse."""

    @pytest.fixture
    def engine(self, clickhouse: ClickhouseServer) -> ClickhouseEngine:
        """The engine."""
        return ClickhouseEngine(clickhouse)

    async def test_no_password_in_clear_unless_allowed(self, engine: ClickhouseEngine) -> None:
        """Plain HTTP would show it: nothing is sent."""
        error = await self.failure(engine, engine.source(allow_cleartext_password=False))
        assert (error.code, error.details["cleartext"]) == (ErrorCode.AUTHENTICATION_FAILED, True)

    async def test_tls_where_there_is_none(self, engine: ClickhouseEngine) -> None:
        """What answers speaks no TLS."""
        error = await self.failure(engine, engine.source(tls="require"))
        assert error.code is ErrorCode.TLS_ERROR

    @pytest.mark.parametrize(
        ("query", "value"),
        [
            ("SELECT unhex('636166E9')", "caf\ufffd"),
            ("SELECT [unhex('E9')]", '["\ufffd"]'),
            ("SELECT nan", "nan"),
            ("SELECT -inf", "-inf"),
            ("SELECT 41 + 1 FORMAT TSV", "42"),
            ("SELECT 41 + 1 FORMAT JSON", "{"),
        ],
    )
    async def test_values_that_json_lacks(self, engine: ClickhouseEngine, query: str, value: str) -> None:
        """Bytes that are no text, numbers that are none, and formats that the query itself names: there is a row."""
        async with Clickhouse.connect(engine.source()) as session:
            answer = await session.query(query)
        assert (answer.value, answer.has_row) == (value, True)
