"""BigQuery keeps the contract of all databases, against local-bigquery."""

from typing import Any

import pytest

from datasources.databases.base import Origin
from datasources.databases.bigquery import Bigquery as Kind
from datasources.databases.bigquery.model import BigqueryOptions, BigquerySource
from datasources.databases.bigquery.session import _job_edges
from datasources.databases.globs import Globs
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode
from tests.datasources.databases.contract import Engine, NetworkContract, asked, tables
from tests.emulators.bigquery.conftest import EMAIL, Bigquery
from tests.fixtures.servers.database import free_port


class BigqueryEngine(Engine):
    """The emulator."""

    kind = Kind
    level = "emulator"
    version = "BigQuery v2"
    database = "lake"
    user = EMAIL
    types = {"id": "INT64", "customer_id": "INT64", "total": "NUMERIC"}
    endless = (
        "SELECT n FROM UNNEST(GENERATE_ARRAY(1, 100000)) AS n CROSS JOIN UNNEST(GENERATE_ARRAY(1, 10)) AS m ORDER BY n"
    )
    slow = (
        "SELECT SUM(MOD(a * b + c * d, 7)) FROM UNNEST(GENERATE_ARRAY(1, 10000)) AS a, UNNEST(GENERATE_ARRAY(1, 10000)) AS b,"
        " UNNEST(GENERATE_ARRAY(1, 10000)) AS c, UNNEST(GENERATE_ARRAY(1, 10000)) AS d"
    )
    wide = "SELECT REPEAT('x', 40000000)"
    writes = [
        "CREATE TABLE scratch.made (a INT64)",
        "CREATE TABLE scratch.made AS SELECT 1 AS a",
        "INSERT INTO scratch.kept VALUES (1)",
        "DELETE FROM scratch.kept WHERE TRUE",
        "DROP TABLE scratch.kept",
        "TRUNCATE TABLE scratch.kept",
        "EXPORT DATA OPTIONS (uri = 'gs://x/*', format = 'CSV') AS SELECT 1",
        "CALL x.y()",
        "EXECUTE IMMEDIATE 'DROP TABLE scratch.kept'",
        "BEGIN SELECT 1; END",
        "DECLARE x INT64 DEFAULT 1",
        "ASSERT TRUE",
        "LOAD DATA INTO scratch.kept FROM FILES (format = 'CSV', uris = ['gs://x'])",
    ]
    several = [
        "SELECT 1; SELECT 2",
        "SELECT 1; CREATE TABLE scratch.made (a INT64)",
        "SELECT '\\';'; DROP TABLE scratch.kept",
    ]

    def __init__(self, bigquery: Bigquery) -> None:
        self.bigquery = bigquery

    def source(self, *, temp_schema: str | None = None, **options: Any) -> BigquerySource:
        facts = {
            "projectId": "lake", "host": "127.0.0.1", "port": self.bigquery.port, "jsonKeyFile": self.bigquery.key,
            "tls": False, "allow_cleartext_password": True,
        }  # fmt: skip
        if "password" in options:
            options["jsonKeyFile"] = self.bigquery.other_key if options.pop("password") else None
        if options.pop("user", None):
            options["jsonKeyFile"] = self.bigquery.stranger
        made = BigqueryOptions(**(facts | options))
        return BigquerySource(name="real", temp_schema=temp_schema, connection_timeout=8, options=made)

    def make_tables(self, schema: str, names: list[str]) -> None:
        self.bigquery.run(*(f"CREATE TABLE {schema}.`{name}` (a INT64)" for name in names))

    def drop_tables(self, schema: str) -> None:
        self.bigquery.run(*(f"DROP TABLE {schema}.`{name}`" for name in self.tables_in(schema)))

    def tables_in(self, schema: str) -> set[str]:
        (rows,) = self.bigquery.run(f"SELECT table_name FROM {schema}.INFORMATION_SCHEMA.TABLES")
        return {name for (name,) in rows}

    def state(self) -> Any:
        return self.tables_in("scratch"), self.bigquery.run("SELECT * FROM scratch.kept")


class TestBigquery(NetworkContract):
    """BigQuery."""

    @pytest.fixture
    def engine(self, bigquery: Bigquery) -> BigqueryEngine:
        """The emulator."""
        return BigqueryEngine(bigquery)

    async def test_no_token_in_clear_unless_allowed(self, engine: BigqueryEngine) -> None:
        """Nothing is sent (security row 19)."""
        error = await self.failure(engine, engine.source(allow_cleartext_password=False))
        assert (error.code, error.details["cleartext"]) == (ErrorCode.AUTHENTICATION_FAILED, True)

    async def test_the_environment_lends_nothing(self, engine: BigqueryEngine, monkeypatch: pytest.MonkeyPatch) -> None:
        """Neither proxies nor Google's default credentials (security row 1)."""
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/etc/passwd")
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", f"http://127.0.0.1:{free_port()}")
        assert await asked(engine.source(), engine, "SELECT 41 + 1") == "42"
        monkeypatch.undo()

    async def test_a_dry_run_comes_first(self, engine: BigqueryEngine) -> None:
        """What the text does not show, the server says: nothing runs that is no SELECT (security row 6)."""
        engine.make_tables("scratch", ["kept"])
        before = engine.state()
        async with engine.kind.connect(engine.source()) as session:
            for sql in ("DELETE FROM scratch.kept WHERE TRUE", "SELECT 1; DROP TABLE scratch.kept"):
                with pytest.raises(CheckError) as caught:
                    async for _ in session.asked_pages(sql):  # type: ignore[attr-defined]
                        pass
                assert caught.value.code is ErrorCode.QUERY_NOT_READ_ONLY
        assert engine.state() == before

    async def test_history(self, engine: BigqueryEngine) -> None:
        """Tables that jobs have made from others are lineage."""
        engine.bigquery.run("CREATE TABLE scratch.report AS SELECT total FROM shop.orders")
        async with engine.kind.connect(engine.source()) as session:
            lineage = await session.lineage(Globs())
        found = {(str(edge.source), str(edge.target)): edge.origin for edge in lineage.edges}
        assert found["shop.orders", "scratch.report"] is Origin.query_history
        assert lineage.history is not None
        assert lineage.history.statements >= 1

    async def test_what_is_said_of_columns(self, engine: BigqueryEngine) -> None:
        """Comments, and counts of rows."""
        (orders,) = await tables(engine, "shop.orders")
        assert {column.name: column.comment for column in orders.columns}["total"] == "In euros"
        assert orders.rows == 0

    async def test_lineage(self, engine: Engine) -> None:
        """As everywhere, without what the history adds."""
        engine.drop_tables(engine.scratch)
        async with engine.kind.connect(engine.source()) as session:
            lineage = await session.lineage(Globs())
        found = {
            (str(edge.source), str(edge.target)): sorted(edge.columns)
            for edge in lineage.edges
            if edge.origin is Origin.view_text
        }
        assert found == {names: sorted(columns) for names, columns in engine.lineage.items()}
        assert lineage.unread == []


def test_jobs_as_bigquery_records_them() -> None:
    """The emulator has no `referenced_tables`: rows of the documented form."""
    rows = [
        [
            '[{"project_id":"lake","dataset_id":"shop","table_id":"orders"},{"project_id":"sea","dataset_id":"s","table_id":"t"}]',
            '{"project_id":"lake","dataset_id":"shop","table_id":"report"}',
        ],
        [
            '[{"project_id":"lake","dataset_id":"shop","table_id":"orders"}]',
            '{"project_id":"lake","dataset_id":"_anon","table_id":"a"}',
        ],
        [None, None],
    ]
    found = {(str(edge.source), str(edge.target)) for edge in _job_edges(rows, "lake")}
    assert found == {("shop.orders", "shop.report"), ("sea.s.t", "shop.report")}
