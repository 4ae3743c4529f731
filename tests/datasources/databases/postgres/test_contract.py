"""PostgreSQL keeps the contract of all databases, both versions of it."""

from typing import Any

import pytest

from datasources.databases.base import Origin
from datasources.databases.postgres import Postgres
from datasources.databases.postgres.model import PgSource
from tests.datasources.databases.contract import Engine, NetworkContract, tables
from tests.fixtures.servers.database import Server


class PgEngine(Engine):
    """A running PostgreSQL."""

    kind = Postgres
    level = "engine"
    version = "PostgreSQL 1"
    database = "postgres"
    types = {"id": "integer", "customer_id": "integer", "total": "numeric(10,2)"}
    kinds = {"customer": "table", "orders": "table", "totals": "view", "best": "materialized view"}
    default = "'unknown'::text"
    origin = Origin.dependency_record
    lineage = {
        ("shop.orders", "shop.totals"): ["customer_id", "total"],
        ("shop.totals", "shop.best"): ["customer_id", "total"],
    }
    endless = "SELECT generate_series(1, 1000000000)"
    slow = "SELECT pg_sleep(60)"
    wide = "SELECT repeat('x', 40000000)"
    writes = [
        "CREATE TABLE scratch.made (a int)",
        "INSERT INTO scratch.kept VALUES (1)",
        "WITH made AS (INSERT INTO scratch.kept VALUES (1) RETURNING a) SELECT * FROM made",
        "SELECT set_config('transaction_read_only', 'off', false)",
        "SELECT 1 INTO scratch.made",
        "DO $$ BEGIN NULL; END $$",
        "COPY shop.orders TO STDOUT",
    ]
    several = ["SELECT 1; SELECT 2", "ROLLBACK; CREATE TABLE scratch.made (a int)"]

    def __init__(self, server: Server) -> None:
        self.server = server

    def source(self, *, temp_schema: str | None = None, **options: Any) -> PgSource:
        return self.server.source(temp_schema=temp_schema, **options)

    def make_tables(self, schema: str, names: list[str]) -> None:
        with self.server.connect(user="reader") as session:
            for name in names:
                session.execute(f'CREATE TABLE {schema}."{name}" (a int)')  # type: ignore[arg-type]

    def drop_tables(self, schema: str) -> None:
        with self.server.connect() as session:
            for name in self.tables_in(schema):
                session.execute(f'DROP TABLE {schema}."{name}"')  # type: ignore[arg-type]

    def tables_in(self, schema: str) -> set[str]:
        with self.server.connect() as session:
            query = "SELECT tablename FROM pg_tables WHERE schemaname = %s"
            return {name for (name,) in session.execute(query, [schema])}

    def state(self) -> Any:
        relations = "SELECT n.nspname, relname FROM pg_class JOIN pg_namespace AS n ON n.oid = relnamespace"
        with self.server.connect() as session:
            return session.execute(relations).fetchall(), session.execute("SELECT * FROM scratch.kept").fetchall()

    def running(self, query: str) -> int:
        with self.server.connect() as session:
            counted = session.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE query = %s AND state = 'active' AND usename = 'reader'",
                [query],
            ).fetchone()
            return int(counted[0]) if counted else 0


class TestPostgres(NetworkContract):
    """PostgreSQL."""

    @pytest.fixture
    def engine(self, database: Server) -> PgEngine:
        """Each version in turn."""
        return PgEngine(database)

    async def test_a_table_that_is_being_changed_holds_up_nothing(self, engine: PgEngine) -> None:
        """The text of a view on it is not there meanwhile; all else is, and the texts of other views."""
        with engine.server.connect() as other:
            other.execute("BEGIN; LOCK TABLE shop.orders IN ACCESS EXCLUSIVE MODE")
            found = {table.name: table for table in await tables(engine, "shop.*")}
            other.execute("ROLLBACK")
        assert set(found) == set(engine.kinds)
        assert found["totals"].definition is None
        assert found["best"].definition is not None
