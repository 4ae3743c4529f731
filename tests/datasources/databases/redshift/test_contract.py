"""Redshift keeps the contract of all databases, on a PostgreSQL that has its system views, and says that it is one."""

from collections.abc import Iterator
from typing import Any

import pytest

from datasources.databases.base import Origin
from datasources.databases.globs import Globs
from datasources.databases.postgres.model import PgSource
from datasources.databases.redshift import Redshift
from datasources.databases.redshift.catalog import keys_of
from datasources.databases.redshift.model import RedshiftOptions, RedshiftSource
from datasources.model.vocabulary import ErrorCode
from tests.datasources.databases.contract import NetworkContract, tables
from tests.datasources.databases.postgres.test_contract import PgEngine
from tests.doubles.redshift import REDSHIFT
from tests.doubles.relatives import InDatabase, in_database
from tests.fixtures.servers.database import PASSWORD, Server

DATABASE = "dev"


class RedshiftEngine(PgEngine):
    """The double."""

    kind = Redshift
    level = "protocol"
    version = "Redshift 1."
    database = DATABASE
    kinds = {"customer": "table", "orders": "table", "totals": "view"}
    types = {"id": "integer", "customer_id": "integer", "total": "numeric(10,2)"}
    lineage = {("shop.orders", "shop.totals"): ["customer_id", "total"]}
    origin = Origin.dependency_record

    def __init__(self, server: Server) -> None:
        super().__init__(InDatabase(server, DATABASE))

    def source(self, *, temp_schema: str | None = None, **options: Any) -> PgSource:
        facts = {"host": "127.0.0.1", "port": self.server.port, "user": "reader", "password": PASSWORD}
        made = RedshiftOptions(**(facts | {"dbname": DATABASE} | options))
        return RedshiftSource(name="real", temp_schema=temp_schema, connection_timeout=5, options=made)


@pytest.fixture(scope="module")
def redshift(embedded: Server) -> Iterator[Server]:
    """A database that looks like Redshift."""
    with in_database(embedded, DATABASE, REDSHIFT, without="MATERIALIZED"):
        yield embedded


class TestRedshift(NetworkContract):
    """Redshift."""

    @pytest.fixture
    def engine(self, redshift: Server) -> RedshiftEngine:
        """The double."""
        return RedshiftEngine(redshift)

    async def test_late_binding_views(self, engine: RedshiftEngine) -> None:
        """Redshift keeps no record of what they read: their text is read; what is hidden counts as unread."""
        engine.server.connect().execute(
            "INSERT INTO pg_catalog.late_binding VALUES "
            "('shop', 'late', 'create view shop.late as select name from shop.customer with no schema binding'), "
            "('shop', 'hidden', NULL)"
        )
        try:
            async with engine.kind.connect(engine.source()) as session:
                lineage = await session.lineage(Globs())
        finally:
            engine.server.connect().execute("DELETE FROM pg_catalog.late_binding")
        found = {(str(edge.source), str(edge.target)): edge for edge in lineage.edges}
        assert found["shop.customer", "shop.late"].origin is Origin.view_text
        assert [str(name) for name in lineage.unread] == ["shop.hidden"]

    async def test_history(self, engine: RedshiftEngine) -> None:
        """Statements that made one table from others are lineage; long ones come in pieces."""
        engine.server.connect().execute(
            "INSERT INTO pg_catalog.sys_query_history VALUES (7, 'INSERT', 'success', 'dev', now()); "
            "INSERT INTO pg_catalog.sys_query_text VALUES (7, 0, 'INSERT INTO shop.customer SELECT id, '), "
            "(7, 1, 'total::text FROM shop.orders')"
        )
        async with engine.kind.connect(engine.source()) as session:
            lineage = await session.lineage(Globs())
        engine.server.connect().execute("DELETE FROM pg_catalog.sys_query_history")
        assert lineage.history is not None
        assert lineage.history.statements == 1
        assert ("shop.orders", "shop.customer") in {(str(edge.source), str(edge.target)) for edge in lineage.edges}

    async def test_history_that_is_not_granted(self, engine: RedshiftEngine) -> None:
        """The grant is named, and the lineage of views is there."""
        engine.server.connect().execute("REVOKE SELECT ON pg_catalog.sys_query_text FROM reader")
        try:
            async with engine.kind.connect(engine.source()) as session:
                lineage = await session.lineage(Globs())
        finally:
            engine.server.connect().execute("GRANT SELECT ON pg_catalog.sys_query_text TO reader")
        assert lineage.edges
        assert lineage.history is not None
        assert "SYSLOG ACCESS UNRESTRICTED" in (lineage.history.missing or "")

    async def test_a_role_that_is_not_granted(self, engine: RedshiftEngine) -> None:
        """It is found at the connection."""
        async with engine.kind.connect(engine.source(role="analyst")):
            pass
        error = await self.failure(engine, engine.source(role="boss"))
        assert error.code is ErrorCode.PERMISSION_DENIED
        assert "GRANT ROLE" in (error.advice or "")

    async def test_counts_of_rows(self, engine: RedshiftEngine) -> None:
        """They are there where the view is granted, and not asked for otherwise."""
        (orders,) = await tables(engine, "shop.orders")
        assert orders.rows == 12
        engine.server.connect().execute("REVOKE SELECT ON pg_catalog.svv_table_info FROM reader")
        try:
            (orders,) = await tables(engine, "shop.orders")
        finally:
            engine.server.connect().execute("GRANT SELECT ON pg_catalog.svv_table_info TO reader")
        assert orders.rows is None

    def test_a_certificate_is_refused(self, engine: RedshiftEngine) -> None:
        """Redshift lets nobody in by one."""
        with pytest.raises(ValueError, match="sslcert"):
            engine.source(sslcert="x", sslkey="y")


def test_keys_in_words() -> None:
    """Names in quotes, and keys of several columns."""
    primary, foreign = keys_of(
        [
            ("s", "t", 'PRIMARY KEY (a, "b c")'),
            ("s", "t", 'FOREIGN KEY ("x, y", z) REFERENCES "o.p".q(k, "l""m")'),
            ("s", "t", "UNIQUE (a)"),
        ]
    )
    assert primary == {("s", "t"): ["a", "b c"]}
    ((key,),) = foreign.values()
    assert (key.columns, str(key.table), key.referenced) == (["x, y", "z"], "o.p.q", ["k", 'l"m'])
