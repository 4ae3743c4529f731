"""SQLite files keep the contract of all databases, and that of files."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from datasources.databases.globs import Globs
from datasources.databases.sqlite import Sqlite
from datasources.databases.sqlite.model import SqliteOptions, SqliteSource
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode
from tests.datasources.databases.file_contract import FileContract, FileEngine

SHOP = """
CREATE TABLE customer (id integer PRIMARY KEY, name text NOT NULL DEFAULT 'unknown');
CREATE TABLE orders (id integer PRIMARY KEY, customer_id integer REFERENCES customer, total numeric(10, 2));
CREATE VIEW totals AS SELECT customer_id, sum(total) AS total FROM orders GROUP BY customer_id;
CREATE VIEW best AS SELECT o.* FROM Totals AS o WHERE total > (SELECT min(total) FROM "orders");
CREATE TABLE dropped (a);
CREATE VIEW broken AS SELECT a FROM dropped;
DROP TABLE dropped;
"""
BOMB = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"


class SqliteEngine(FileEngine):
    """A file of its own for each test."""

    kind = Sqlite
    level = "engine"
    version = "SQLite 3."
    shop = "main"
    scratch = "main"
    database = "shop"
    types = {"id": "INTEGER", "customer_id": "INTEGER", "total": "numeric(10, 2)"}
    kinds = {"customer": "table", "orders": "table", "totals": "view", "best": "view", "broken": "view"}
    comments = False
    default = "'unknown'"
    lineage = {
        ("main.orders", "main.totals"): ["customer_id", "total"],
        ("main.totals", "main.best"): ["customer_id", "total"],
        ("main.orders", "main.best"): ["total"],
        ("main.dropped", "main.broken"): ["a"],
    }
    endless = f"{BOMB} SELECT i FROM n"
    slow = f"{BOMB} SELECT count(*) FROM n"
    wide = "SELECT zeroblob(40000000)"
    writes = [
        "CREATE TABLE made (a int)",
        "CREATE TEMP TABLE made (a int)",
        "INSERT INTO kept VALUES (1)",
        "INSERT INTO kept VALUES (1) RETURNING a",
        "ATTACH DATABASE 'file:made.db?mode=rwc' AS made",
        "VACUUM INTO 'made.db'",
        "VACUUM",
        "PRAGMA query_only = OFF",
        "PRAGMA journal_mode = WAL",
        "PRAGMA writable_schema = ON",
        "SELECT load_extension('libm')",
        "BEGIN",
        "SAVEPOINT s",
        "REINDEX",
        "ANALYZE",
    ]
    several = ["SELECT 1; SELECT 2", "SELECT 1; CREATE TABLE made (a int)"]

    def __init__(self, root: Path) -> None:
        self.root = root
        self.file = root / "shop.db"
        with sqlite3.connect(self.file) as session:
            session.executescript(SHOP)
        session.close()

    def source(self, *, temp_schema: str | None = None, **options: Any) -> SqliteSource:
        return SqliteSource(
            name="real",
            temp_schema=temp_schema,
            connection_timeout=5,
            options=SqliteOptions(**({"path": "shop.db"} | options)),
        )

    def _run(self, *statements: str) -> list[Any]:
        session = sqlite3.connect(self.file)
        try:
            with session:
                return [session.execute(statement).fetchall() for statement in statements]
        finally:
            session.close()

    def make_tables(self, schema: str, names: list[str]) -> None:
        self._run(*(f'CREATE TABLE "{name}" (a int)' for name in names))

    def drop_tables(self, schema: str) -> None:
        self._run(*(f'DROP TABLE "{name}"' for name in self.tables_in(schema)))

    def tables_in(self, schema: str) -> set[str]:
        (rows,) = self._run("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {name for (name,) in rows} - set(self.kinds)

    def state(self) -> Any:
        return self._run("SELECT * FROM sqlite_master", "SELECT * FROM kept")


class TestSqlite(FileContract):
    """SQLite."""

    @pytest.fixture
    def engine(self, file_root: Path) -> SqliteEngine:
        """A file below the worker's folder."""
        return SqliteEngine(file_root)

    async def test_a_busy_file(self, engine: SqliteEngine) -> None:
        """Another process that writes for longer than the limit is TIMEOUT."""
        writer = sqlite3.connect(engine.file, isolation_level=None)
        writer.execute("BEGIN EXCLUSIVE")
        try:
            assert await self.code(engine, "shop.db") is ErrorCode.TIMEOUT
        finally:
            writer.close()

    async def test_references_without_columns_lead_to_the_key(self, engine: SqliteEngine) -> None:
        """Several columns, and a parent that is named without its columns."""
        engine._run(
            "CREATE TABLE parent (a int, b int, PRIMARY KEY (b, a)) WITHOUT ROWID",
            "CREATE TABLE child (x int, y int, FOREIGN KEY (x, y) REFERENCES parent)",
        )
        async with Sqlite.connect(engine.source()) as session:
            wanted = Globs("*.child\n*.parent")
            found = {table.name: table async for batch in session.tables(wanted) for table in batch}
        key = found["child"].foreign_keys[0]
        assert (key.columns, str(key.table), key.referenced) == (["x", "y"], "main.parent", ["b", "a"])
        assert [column.nullable for column in found["parent"].columns] == [False, False]

    async def test_a_link_beside_the_file(self, engine: SqliteEngine) -> None:
        """SQLite would read a log that lies outside of the folder."""
        (engine.root / "shop.db-wal").symlink_to("/etc/passwd")
        assert await self.code(engine, "shop.db") is ErrorCode.DESTINATION_FORBIDDEN
        (engine.root / "shop.db-wal").unlink()

    async def test_a_tunnel_is_refused(self, engine: SqliteEngine) -> None:
        """There is no server for it to lead to."""
        from datasources.model.source import SshTunnel

        with pytest.raises(ValueError, match="ssh_tunnel"):
            SqliteSource(
                name="x", options=SqliteOptions(path="a"), ssh_tunnel=SshTunnel(host="h", username="u", password="p")
            )

    async def test_other_databases_are_none(self, engine: SqliteEngine) -> None:
        """`database.schema` names the file itself, or nothing."""
        async with Sqlite.connect(engine.source(), database="shop") as session:
            assert (await session.identity()).database == "shop"
        with pytest.raises(CheckError) as caught:
            async with Sqlite.connect(engine.source(), database="other"):
                pass
        assert caught.value.code is ErrorCode.DATABASE_NOT_FOUND

    async def test_bytes_that_are_no_text(self, engine: SqliteEngine) -> None:
        """SQLite keeps them in values and in names: they are shown as U+FFFD."""
        file = engine.root / "bytes.db"
        made = sqlite3.connect(file)
        made.executescript("CREATE TABLE cafX (i int); CREATE VIEW of_it AS SELECT i FROM cafX")
        made.close()
        file.write_bytes(file.read_bytes().replace(b"cafX", b"caf\xe9"))
        async with Sqlite.connect(engine.source(path="bytes.db")) as session:
            found = {table.name async for batch in session.tables(Globs()) for table in batch}
            await session.lineage(Globs())
            assert (await session.query("SELECT CAST(x'636166E9' AS TEXT)")).value == "caf\ufffd"
        assert "caf\ufffd" in found

    async def test_a_file_that_is_damaged(self, engine: SqliteEngine) -> None:
        """There is no host to check, and no firewall."""
        content = bytearray(engine.file.read_bytes())
        content[100:300] = b"\xff" * 200
        (engine.root / "damaged.db").write_bytes(content)
        with pytest.raises(CheckError) as caught:
            async with Sqlite.connect(engine.source(path="damaged.db")):
                pass
        assert caught.value.code is ErrorCode.CONNECTION_ERROR
        assert "backup" in (caught.value.advice or "")
