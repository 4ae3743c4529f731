"""DuckDB files keep the contract of all databases, and that of files."""

import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from datasources.databases.duckdb import Duckdb
from datasources.databases.duckdb.model import DuckdbOptions, DuckdbSource
from datasources.model.vocabulary import ErrorCode
from tests.datasources.databases.contract import Engine, tables
from tests.datasources.databases.file_contract import FileContract, FileEngine

SHOP = """
CREATE SCHEMA shop; CREATE SCHEMA scratch;
CREATE TABLE shop.customer (id integer PRIMARY KEY, name varchar NOT NULL DEFAULT 'unknown');
CREATE TABLE shop.orders (
    id integer PRIMARY KEY, customer_id integer REFERENCES shop.customer (id), total decimal(10, 2));
COMMENT ON TABLE shop.orders IS 'What was bought';
COMMENT ON COLUMN shop.orders.total IS 'In euros';
CREATE VIEW shop.totals AS SELECT customer_id, sum(total) AS total FROM shop.orders GROUP BY customer_id;
CREATE VIEW shop.best AS SELECT * FROM (shop.totals AS t INNER JOIN shop.customer AS c ON ((c.id = t.customer_id)));
"""


class DuckdbEngine(FileEngine):
    """A file of its own for each test."""

    kind = Duckdb
    level = "engine"
    version = "DuckDB 2."
    database = "shop_file"
    types = {"id": "INTEGER", "customer_id": "INTEGER", "total": "DECIMAL(10,2)"}
    default = "'unknown'"
    endless = "SELECT i + 1 FROM range(1000000000000) AS t(i)"
    slow = "SELECT sum(n % 7) FROM range(1000000000000) AS a(n)"
    wide = "SELECT repeat('x', 40000000)"
    writes = [
        "CREATE TABLE scratch.made (a int)",
        "CREATE TEMP TABLE made (a int)",
        "INSERT INTO scratch.kept VALUES (1)",
        "INSERT INTO scratch.kept VALUES (1) RETURNING a",
        "EXPLAIN ANALYZE INSERT INTO scratch.kept VALUES (1)",
        "ATTACH 'made.db' AS made",
        "COPY shop.orders TO 'made.csv'",
        "EXPORT DATABASE 'made'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM glob('/etc/*')",
        "FROM '/etc/passwd'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET threads = 64",
        "SET VARIABLE a = 1",
        "PREPARE made AS SELECT 1",
        "CHECKPOINT",
        "BEGIN",
        "CALL pragma_version()",
    ]
    several = ["SELECT 1; SELECT 2", "SELECT 1; CREATE TEMP TABLE made (a int)"]

    def __init__(self, root: Path) -> None:
        self.root = root
        self.file = root / "shop_file.duckdb"
        with duckdb.connect(self.file) as session:
            session.execute(SHOP)

    def source(self, *, temp_schema: str | None = None, **options: Any) -> DuckdbSource:
        return DuckdbSource(
            name="real",
            temp_schema=temp_schema,
            connection_timeout=5,
            options=DuckdbOptions(**({"path": self.file.name} | options)),
        )

    def _run(self, *statements: str) -> list[Any]:
        with duckdb.connect(self.file) as session:
            return [session.execute(statement).fetchall() for statement in statements]

    def make_tables(self, schema: str, names: list[str]) -> None:
        self._run(*(f'CREATE TABLE {schema}."{name}" (a int)' for name in names))

    def drop_tables(self, schema: str) -> None:
        self._run(*(f'DROP TABLE {schema}."{name}"' for name in self.tables_in(schema)))

    def tables_in(self, schema: str) -> set[str]:
        (rows,) = self._run(f"SELECT table_name FROM duckdb_tables() WHERE schema_name = '{schema}'")
        return {name for (name,) in rows}

    def state(self) -> Any:
        return self._run("SELECT schema_name, table_name FROM duckdb_tables()", "SELECT * FROM scratch.kept")


class TestDuckdb(FileContract):
    """DuckDB."""

    @pytest.fixture
    def engine(self, file_root: Path) -> DuckdbEngine:
        """A file below the worker's folder."""
        return DuckdbEngine(file_root)

    async def test_comments_and_estimates(self, engine: Engine) -> None:
        """Of columns as well; a table has an estimate, a view none."""
        found = {table.name: table for table in await tables(engine, "shop.*")}
        assert [column.comment for column in found["orders"].columns] == [None, None, "In euros"]
        assert (found["orders"].rows, found["totals"].rows) == (0, None)

    async def test_a_file_that_another_process_has_open(self, engine: DuckdbEngine) -> None:
        """It is full for now, and nothing is said of the other process."""
        script = f"import duckdb; c = duckdb.connect({str(engine.file)!r}); print(1, flush=True); input()"
        with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
            assert other.stdout is not None
            other.stdout.readline()
            with pytest.raises(Exception, match="Another process has the file open") as caught:
                async with Duckdb.connect(engine.source()):
                    pass
            other.kill()
        assert caught.value.code is ErrorCode.TOO_MANY_CONNECTIONS
        assert "python" not in str(caught.value)
        assert str(other.pid) not in str(caught.value)

    async def test_files_of_other_products(self, engine: DuckdbEngine) -> None:
        """DuckDB would load an extension for some of them, which it may not: they are none of its databases."""
        sqlite3.connect(engine.root / "of_sqlite").execute("CREATE TABLE a (b)").connection.close()
        (engine.root / "of_parquet").write_bytes(b"PAR1" + b"\0" * 5000 + b"PAR1")
        for path in ("of_sqlite", "of_parquet"):
            assert await self.code(engine, path) is ErrorCode.DATABASE_NOT_FOUND, path
