"""Trino and Starburst keep the contract of all databases, against a double of the protocol over DuckDB."""

from collections.abc import Iterator
from typing import Any

import pytest

from datasources.databases.globs import Globs
from datasources.databases.trino import Starburst, Trino
from datasources.databases.trino.errors import CODES
from datasources.databases.trino.model import StarburstOptions, StarburstSource, TrinoOptions, TrinoSource
from datasources.databases.warehouse.errors import translated
from datasources.model.errors import CheckError
from datasources.model.source import Source
from datasources.model.vocabulary import ErrorCode
from tests.datasources.databases.contract import NetworkContract, asked, tables
from tests.doubles.trino import TrinoDouble, running
from tests.emulators.lake_engine import LakeEngine
from tests.fixtures.servers.database import PASSWORD

TOKEN = "t0ken-of-the-tests"


@pytest.fixture(scope="module")
def double() -> Iterator[TrinoDouble]:
    """A coordinator."""
    with running({"reader": PASSWORD}, {TOKEN: "reader"}) as started:
        yield started


class TrinoEngine(LakeEngine):
    """The double."""

    kind = Trino
    level = "protocol"
    version = "Trino 476"
    database = "lake"
    types = {"id": "integer", "customer_id": "integer", "total": "decimal(10,2)"}
    references = False
    keys = False
    default = "'unknown'"
    endless = "SELECT a.n FROM UNNEST(SEQUENCE(1, 10000)) AS a(n), UNNEST(SEQUENCE(1, 10000)) AS b(n)"
    slow = (
        "SELECT sum((a.n * b.n + c.n + d.n) % 7) FROM UNNEST(SEQUENCE(1, 10000)) AS a(n), UNNEST(SEQUENCE(1, 10000)) AS b(n),"
        " UNNEST(SEQUENCE(1, 10000)) AS c(n), UNNEST(SEQUENCE(1, 10000)) AS d(n)"
    )
    wide = "SELECT rpad('', 40000000, 'x')"
    writes = [
        "CREATE TABLE scratch.made (a integer)",
        "CREATE TABLE scratch.made AS SELECT 1 AS a",
        "INSERT INTO scratch.kept VALUES (1)",
        "DELETE FROM scratch.kept",
        "UPDATE scratch.kept SET a = 1",
        "DROP TABLE scratch.kept",
        "CALL system.runtime.kill_query('x')",
        "SET SESSION query_max_run_time = '1h'",
        "EXPLAIN ANALYZE INSERT INTO scratch.kept VALUES (1)",
        "PREPARE made FROM SELECT 1",
        "SELECT 'a\\'' AS b; INSERT INTO scratch.kept VALUES (1)",
    ]
    several = ["SELECT 1; SELECT 2", "SELECT 1; CREATE TABLE scratch.made (a integer)"]

    def __init__(self, double: TrinoDouble) -> None:
        self.double = double

    def facts(self, **options: Any) -> dict[str, Any]:
        facts = {
            "host": "127.0.0.1", "port": self.double.port, "user": "reader", "password": PASSWORD, "dbname": "lake",
            "tls": False, "allow_cleartext_password": True,
        }  # fmt: skip
        return facts | options

    def source(self, *, temp_schema: str | None = None, **options: Any) -> Source:
        made = TrinoOptions(**self.facts(**options))
        return TrinoSource(name="real", temp_schema=temp_schema, connection_timeout=5, options=made)


class StarburstEngine(TrinoEngine):
    """The same with a token, or a password."""

    kind = Starburst

    def source(self, *, temp_schema: str | None = None, **options: Any) -> Source:
        facts = self.facts(**options)
        facts["username"] = facts.pop("user")
        return StarburstSource(
            name="real", temp_schema=temp_schema, connection_timeout=5, options=StarburstOptions(**facts)
        )


class TestTrino(NetworkContract):
    """Trino."""

    @pytest.fixture
    def engine(self, double: TrinoDouble) -> TrinoEngine:
        """The double."""
        return TrinoEngine(double)

    async def test_no_password_in_clear_unless_allowed(self, engine: TrinoEngine) -> None:
        """Plain HTTP would show it: nothing is sent (security row 19)."""
        error = await self.failure(engine, engine.source(allow_cleartext_password=False))
        assert (error.code, error.details["cleartext"]) == (ErrorCode.AUTHENTICATION_FAILED, True)

    async def test_tls_where_there_is_none(self, engine: TrinoEngine) -> None:
        """What answers speaks no TLS."""
        error = await self.failure(engine, engine.source(tls=True))
        assert error.code is ErrorCode.TLS_ERROR

    async def test_comments_of_columns(self, engine: TrinoEngine) -> None:
        """They are there."""
        (orders,) = await tables(engine, f"{engine.shop}.orders")
        assert {column.name: column.comment for column in orders.columns}["total"] == "In euros"

    async def test_reading_is_a_transaction_of_the_server(self, engine: TrinoEngine) -> None:
        """Whatever the text looks like, the server refuses to write (security row 6)."""
        engine.make_tables("scratch", ["kept"])
        async with engine.kind.connect(engine.source()) as session:
            with pytest.raises(CheckError) as caught, translated("query"):
                async for _ in session.asked_pages("INSERT INTO scratch.kept VALUES (1)"):  # type: ignore[attr-defined]
                    pass
        assert caught.value.code is ErrorCode.QUERY_NOT_READ_ONLY

    async def test_history(self, engine: TrinoEngine) -> None:
        """Tables that earlier statements made from others are lineage; what was not understood is counted."""
        engine.double.lake.admin(
            "DELETE FROM coordinator.runtime.queries",
            "CREATE TABLE scratch.report (total int)",
            "INSERT INTO coordinator.runtime.queries VALUES "
            "('INSERT INTO scratch.report SELECT total FROM shop.orders', 'FINISHED', NULL, now()), "
            "('CREATE TABLE nowhere AS SELECT FROM FROM', 'FINISHED', NULL, now()), "
            "('SELECT 1', 'FINISHED', NULL, now())",
        )
        async with engine.kind.connect(engine.source()) as session:
            lineage = await session.lineage(Globs())
        engine.double.lake.admin("DELETE FROM coordinator.runtime.queries")
        assert ("shop.orders", "scratch.report") in {(str(edge.source), str(edge.target)) for edge in lineage.edges}
        assert lineage.history is not None
        assert (lineage.history.statements, lineage.history.unread) == (1, 1)


class TestStarburst(TestTrino):
    """Starburst."""

    @pytest.fixture
    def engine(self, double: TrinoDouble) -> StarburstEngine:
        """The double."""
        return StarburstEngine(double)

    async def test_a_token(self, engine: StarburstEngine) -> None:
        """It stands in for user and password."""
        source = engine.source(user=None, password=None, token=TOKEN)
        assert await asked(source, engine, "SELECT 41 + 1") == "42"
        error = await self.failure(engine, engine.source(user=None, password=None, token="wrong"))
        assert error.code is ErrorCode.AUTHENTICATION_FAILED

    async def test_every_catalog(self, engine: StarburstEngine) -> None:
        """Without a catalog, all are read, and a schema has its catalog before it."""
        async with engine.kind.connect(engine.source(dbname=None)) as session:
            found = {f"{table.schema}.{table.name}" async for batch in session.tables(Globs()) for table in batch}
            await session.write_and_drop("lake.scratch")
        assert {"lake.shop.orders", "lake.shop.best"} <= found


def test_names_of_errors() -> None:
    """Each is one of Trino's own, in capitals."""
    assert all(name.isupper() for name in CODES)
