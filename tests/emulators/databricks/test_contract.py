"""Databricks keeps the contract of all databases: Spark's own SQL, behind a double of the Statement Execution API for warehouses,
and by its own Thrift server for clusters.
"""

import time
from typing import Any

import pytest

from datasources.databases.base import Origin
from datasources.databases.databricks import Databricks, hive
from datasources.databases.databricks.errors import failed_statement
from datasources.databases.databricks.model import DatabricksOptions, DatabricksSource
from datasources.databases.databricks.session import _keys
from datasources.databases.globs import Globs
from datasources.databases.scratch import LEFTOVER_SECONDS, marked_name
from datasources.databases.warehouse.catalog import Catalog
from datasources.model.vocabulary import ErrorCode
from tasks.steps import temp_schema
from tests.datasources.databases.contract import Engine, NetworkContract, asked, check_of, tables
from tests.emulators.databricks.conftest import Workspace
from tests.fixtures.servers.database import PASSWORD, free_port

pytestmark = pytest.mark.timeout(600)


class DatabricksEngine(Engine):
    """Spark."""

    kind = Databricks
    level = "protocol"
    version = "Spark 3.5"
    database = "main"
    http_path = "/sql/1.0/warehouses/1"
    types = {"id": "int", "customer_id": "int", "total": "decimal(10,2)"}
    references = False
    keys = False
    not_null = False
    endless = "SELECT id + 1 FROM range(1000000000000)"
    slow = "SELECT sum(id % 7) FROM range(0, 1000000000000000, 1, 1)"
    wide = "SELECT repeat('x', CAST(id AS INT)) FROM range(40000000, 40000001)"
    writes = [
        "CREATE TABLE scratch.made (a INT)",
        "CREATE TABLE scratch.made AS SELECT 1 AS a",
        "INSERT INTO scratch.kept VALUES (1)",
        "WITH made AS (SELECT 1 AS a) INSERT INTO scratch.kept SELECT a FROM made",
        "WITH made AS (SELECT 'a\\'' AS b) INSERT INTO scratch.kept SELECT 1 --'",
        "FROM shop.orders INSERT INTO scratch.kept SELECT id",
        "DROP TABLE scratch.kept",
        "TRUNCATE TABLE scratch.kept",
        "SET spark.sql.ansi.enabled = false",
        "ADD JAR '/etc/passwd'",
        "CACHE TABLE shop.orders",
        "REFRESH TABLE shop.orders",
        "USE scratch",
    ]
    several = ["SELECT 1; SELECT 2", "SELECT 1; DROP TABLE scratch.kept"]

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace

    def source(self, *, temp_schema: str | None = None, **options: Any) -> DatabricksSource:
        facts = {
            "host": "127.0.0.1", "port": self.workspace.port, "http_path": self.http_path, "http_password": PASSWORD,
            "database": self.database, "tls": False, "allow_cleartext_password": True,
        }  # fmt: skip
        if "password" in options:
            options["http_password"] = options.pop("password")
        if options.pop("user", None):
            options["http_password"] = "of a stranger"
        made = DatabricksOptions(**(facts | options))
        return DatabricksSource(name="real", temp_schema=temp_schema, connection_timeout=30, options=made)

    def make_tables(self, schema: str, names: list[str]) -> None:
        self.workspace.run(*(f"CREATE TABLE {schema}.`{name}` (a INT) USING parquet" for name in names))

    def drop_tables(self, schema: str) -> None:
        self.workspace.run(*(f"DROP TABLE {schema}.`{name}`" for name in self.tables_in(schema)))

    def tables_in(self, schema: str) -> set[str]:
        (rows,) = self.workspace.run(f"SHOW TABLES IN {schema}")
        return {row[1] for row in rows if row[0] == schema}

    def state(self) -> Any:
        return self.tables_in("scratch"), self.workspace.run("SELECT * FROM scratch.kept")

    def running(self, query: str) -> int:
        return int(self.workspace.call("GET", "/running")["running"].count(query))


class ClusterEngine(DatabricksEngine):
    """Spark, by its Thrift server."""

    http_path = "/sql/protocolv1/o/0/1126-071400-spark"

    def running(self, query: str) -> int:
        return int(self.workspace.call("GET", "/running")["jobs"])


class WorkspaceContract(NetworkContract):
    """What a warehouse and a cluster have in common."""

    async def test_an_application(self, engine: DatabricksEngine) -> None:
        """It gets its token from the workspace."""
        login = {"auth_method": "m2m_oauth", "m2m_client_id": "application", "http_password": None}
        source = engine.source(**login, m2m_client_secret=PASSWORD)
        assert await asked(source, engine, "SELECT 41 + 1") == "42"
        error = await self.failure(engine, engine.source(**login, m2m_client_secret="wrong"))
        assert error.code is ErrorCode.AUTHENTICATION_FAILED

    async def test_the_environment_lends_nothing(
        self, engine: DatabricksEngine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Neither tokens nor hosts nor proxies (security row 28)."""
        monkeypatch.setenv("DATABRICKS_TOKEN", PASSWORD)
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
        error = await self.failure(engine, engine.source(http_password=None))
        assert error.details["secret_missing"] is True
        monkeypatch.undo()

    async def test_lineage_of_unity_catalog(self, engine: DatabricksEngine) -> None:
        """Its own table is read where it may be; the missing grant is named where not."""
        async with engine.kind.connect(engine.source()) as session:
            lineage = await session.lineage(Globs())
        assert lineage.history is not None
        assert "system.access" in (lineage.history.missing or "")
        rows = [["main", "shop", "orders", "total", "main", "shop", "customer", "name"]]
        engine.workspace.call("POST", "/lineage", rows)
        async with engine.kind.connect(engine.source()) as session:
            lineage = await session.lineage(Globs())
        engine.workspace.call("POST", "/lineage", [])
        found = {(str(edge.source), str(edge.target)): edge for edge in lineage.edges}
        made = found["shop.orders", "shop.customer"]
        assert (made.columns, made.origin) == (["total"], Origin.query_history)

    async def test_comments_of_columns(self, engine: DatabricksEngine) -> None:
        """They are there."""
        (orders,) = await tables(engine, "shop.orders")
        assert {column.name: column.comment for column in orders.columns}["total"] == "In euros"

    async def test_hive_metastore(self, engine: DatabricksEngine) -> None:
        """It has no information schema: one statement a schema tells its tables, and Spark's words for types are SQL's."""
        source = engine.source(database="hive_metastore", temp_schema="scratch")
        async with engine.kind.connect(source) as session:
            found = {
                f"{table.schema}.{table.name}": table async for batch in session.tables(Globs()) for table in batch
            }
            lineage = await session.lineage(Globs("shop.*"))
        assert {"shop.customer", "shop.orders", "shop.totals", "shop.best"} <= {*found}
        orders = found["shop.orders"]
        assert {column.name: column.type for column in orders.columns} == engine.types
        assert (orders.kind, orders.comment) == ("table", "What was bought")
        assert "customer_id" in (found["shop.totals"].definition or "")
        edges = {(str(edge.source), str(edge.target)): sorted(edge.columns) for edge in lineage.edges}
        assert edges == {names: sorted(columns) for names, columns in engine.lineage.items()}
        old = marked_name(time.time() - 2 * LEFTOVER_SECONDS)
        engine.make_tables("scratch", [old])
        written = await temp_schema.run(check_of(source))
        assert (written.details["swept"], engine.tables_in("scratch")) == ([old], set())


class TestDatabricks(WorkspaceContract):
    """A SQL warehouse."""

    @pytest.fixture
    def engine(self, workspace: Workspace) -> DatabricksEngine:
        """Spark."""
        return DatabricksEngine(workspace)


class TestCluster(WorkspaceContract):
    """A cluster."""

    @pytest.fixture
    def engine(self, workspace: Workspace) -> DatabricksEngine:
        """Spark."""
        return ClusterEngine(workspace)

    async def test_without_unity_catalog(self, engine: DatabricksEngine) -> None:
        """Such a cluster calls the metastore `spark_catalog`."""
        async with engine.kind.connect(engine.source(database="spark_catalog")) as session:
            found = {table.name async for batch in session.tables(Globs("shop.*")) for table in batch}
            assert (await session.identity()).database == "spark_catalog"
        assert found == {*engine.kinds}

    async def test_clusters_that_do_not_run(self, engine: DatabricksEngine) -> None:
        """One that is stopped is being started; one that is not there has a code of its own."""
        error = await self.failure(engine, engine.source(http_path="/sql/protocolv1/o/0/1126-071400-stopped"))
        assert (error.code, error.transient) == (ErrorCode.CONNECTION_ERROR, True)
        error = await self.failure(engine, engine.source(http_path="/sql/protocolv1/o/0/1126-071400-gone"))
        assert error.code is ErrorCode.DATABASE_NOT_FOUND

    async def test_values_of_all_types(self, engine: DatabricksEngine) -> None:
        """Each type of column is answered in a list of its own."""
        for value, shown in (
            ("true", "true"), ("1Y", "1"), ("1S", "1"), ("1", "1"), ("1L", "1"), ("1.5D", "1.5"), ("float(1.5)", "1.5"),
            ("1.50", "1.50"), ("date'2026-11-26'", "2026-11-26"), ("array(1, NULL)", "[1,null]"), ("map('a', 1)", '{"a":1}'),
            ("timestamp'2026-11-26 07:30:00'", "2026-11-26 07:30:00"), ("CAST(NULL AS INT)", None),
        ):  # fmt: skip
            assert await asked(engine.source(), engine, f"SELECT {value}") == shown, value
            assert (
                await asked(engine.source(), engine, f"WITH t AS (SELECT {value} AS v) SELECT v FROM t; ") == shown
            ), value

    async def test_a_first_row_by_order(self, engine: DatabricksEngine) -> None:
        """One row is asked for, and it is the query's own first one; what cannot be asked so is asked as it is."""
        query = "SELECT id FROM range(0, 5000) ORDER BY id DESC -- the last"
        assert await asked(engine.source(), engine, query) == "4999"
        assert await asked(engine.source(), engine, "SHOW SCHEMAS IN `main` LIKE 'sho*'") == "shop"

    async def test_pages(self, engine: DatabricksEngine) -> None:
        """An answer of more rows than a page has comes in several."""
        async with engine.kind.connect(engine.source()) as session:
            rows = await session._asker.rows("SELECT id, CAST(NULL AS STRING) FROM range(0, 2500)")
        assert rows == [[number, None] for number in range(2500)]


def test_texts_of_hive_metastore() -> None:
    """Views of several lines, structs, names with colons, and what a comment imitates."""
    text = (
        "Catalog: spark_catalog\nDatabase: s\nTable: v\nType: VIEW\nComment: x\nView Text: SELECT a,\n  'Type: MANAGED' AS b\nFROM t\n"
        "View Original Text: SELECT 1\nTable Properties: [a=b]\nSchema: root\n |-- a: b: long (nullable = true)\n"
        " |-- s: struct (nullable = false)\n |    |-- inner: string (nullable = true)\n"
    )
    spoof = "Type: MANAGED\nComment: x\nSchema: root\n |-- no: string (nullable = true)\nSchema: root\n |-- a: decimal(10,2) (nullable = true)\n"
    found = Catalog(members=[], columns={})
    hive.add(found, "s", [["s", "v", "false", text], ["s", "t", "false", spoof], ["", "gone", "true", text]])
    assert [(member.name, member.kind) for member in found.members] == [("t", "table"), ("v", "view")]
    assert found.members[1].definition == "SELECT a,\n  'Type: MANAGED' AS b\nFROM t"
    shown = {name: [(c.name, c.type, c.nullable) for c in columns] for name, columns in found.columns.items()}
    assert shown["s", "t"] == [("a", "decimal(10,2)", True)]
    assert shown["s", "v"] == [("a: b", "bigint", True), ("s", "struct", False)]


def test_keys_of_unity_catalog() -> None:
    """Spark has none: rows of the documented form."""
    rows = [
        ["s", "customer", "pk", "PRIMARY KEY", "id", 1, None, None],
        ["s", "orders", "fk", "FOREIGN KEY", "customer_id", 1, "s", "pk"],
        ["s", "orders", "lost", "FOREIGN KEY", "x", 1, "s", "unseen"],
    ]
    primary, foreign = _keys(rows)
    assert primary == {("s", "customer"): ["id"]}
    ((key,),) = foreign.values()
    assert (key.columns, str(key.table), key.referenced) == (["customer_id"], "s.customer", ["id"])


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("[TABLE_OR_VIEW_NOT_FOUND] The table cannot be found. SQLSTATE: 42P01", ErrorCode.QUERY_ERROR),
        ("[SCHEMA_NOT_FOUND] The schema cannot be found. SQLSTATE: 42704", ErrorCode.SCHEMA_NOT_FOUND),
        ("[INSUFFICIENT_PERMISSIONS] Insufficient privileges. SQLSTATE: 42501", ErrorCode.PERMISSION_DENIED),
        ("[NO_SUCH_CATALOG_EXCEPTION] Catalog 'x' was not found. SQLSTATE: 42704", ErrorCode.DATABASE_NOT_FOUND),
        ("", ErrorCode.QUERY_ERROR),
    ],
)
def test_classes_of_errors(message: str, code: ErrorCode) -> None:
    """By the class in brackets, and by the SQLSTATE."""
    assert failed_statement("FAILED", "BAD_REQUEST", message).code is code
