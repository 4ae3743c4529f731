"""Athena keeps the contract of all databases, against a double over DuckDB; its signatures and Glue, against moto."""

from collections.abc import Iterator
from typing import Any

import pytest

from datasources.databases.athena import Athena
from datasources.databases.athena.errors import failed_query
from datasources.databases.athena.model import AthenaOptions, AthenaSource
from datasources.databases.athena.session import view_text
from datasources.databases.aws.signing import AccessKey
from datasources.databases.base import Origin
from datasources.databases.globs import Globs
from datasources.model.vocabulary import ErrorCode
from tests.datasources.databases.contract import NetworkContract, asked, tables
from tests.doubles.athena import AthenaDouble, running
from tests.emulators.lake_engine import LakeEngine
from tests.emulators.moto import Key, Moto
from tests.emulators.moto import running as running_moto
from tests.fixtures.servers.database import PASSWORD, free_port

KEY_ID = "AKIAREADER"


@pytest.fixture(scope="module")
def double() -> Iterator[AthenaDouble]:
    """A region."""
    with running(KEY_ID, PASSWORD) as started:
        yield started


class AthenaEngine(LakeEngine):
    """The double."""

    kind = Athena
    level = "protocol"
    version = "Athena 3"
    database = "shop"
    user = KEY_ID
    types = {"id": "integer", "customer_id": "integer", "total": "decimal(10,2)"}
    references = False
    keys = False
    not_null = False
    endless = "SELECT n FROM UNNEST(SEQUENCE(1, 10000)) AS a(n)"
    slow = (
        "SELECT sum((a.n * b.n + c.n + d.n) % 7) FROM UNNEST(SEQUENCE(1, 10000)) AS a(n), UNNEST(SEQUENCE(1, 10000)) AS b(n),"
        " UNNEST(SEQUENCE(1, 10000)) AS c(n), UNNEST(SEQUENCE(1, 10000)) AS d(n)"
    )
    wide = "SELECT rpad('', 40000000, 'x')"
    writes = [
        "CREATE TABLE scratch.made AS SELECT 1 AS a",
        "INSERT INTO scratch.kept VALUES (1)",
        "DELETE FROM scratch.kept",
        "DROP TABLE scratch.kept",
        "UNLOAD (SELECT 1) TO 's3://elsewhere/' WITH (format = 'TEXTFILE')",
        "MSCK REPAIR TABLE scratch.kept",
        "VACUUM scratch.kept",
        "EXECUTE made USING 1",
        "USING EXTERNAL FUNCTION f(x INT) RETURNS INT LAMBDA 'f' SELECT f(1)",
    ]
    several = ["SELECT 1; SELECT 2", "SELECT 1; DROP TABLE scratch.kept"]

    def __init__(self, double: AthenaDouble) -> None:
        self.double = double

    def source(self, *, temp_schema: str | None = None, **options: Any) -> AthenaSource:
        facts = {
            "aws_access_key_id": KEY_ID, "aws_secret_access_key": PASSWORD, "region": "us-east-1",
            "s3_staging_dir": "s3://results/here", "database": "shop", "host": "127.0.0.1", "port": self.double.port,
            "tls": False, "allow_cleartext_password": True,
        }  # fmt: skip
        for given, field in (("password", "aws_secret_access_key"), ("user", "aws_access_key_id")):
            if given in options:
                options[field] = options.pop(given)
        made = AthenaOptions(**(facts | options))
        return AthenaSource(name="real", temp_schema=temp_schema, connection_timeout=5, options=made)


class TestAthena(NetworkContract):
    """Athena."""

    @pytest.fixture
    def engine(self, double: AthenaDouble) -> AthenaEngine:
        """The double."""
        return AthenaEngine(double)

    async def test_the_environment_lends_nothing(self, engine: AthenaEngine, monkeypatch: pytest.MonkeyPatch) -> None:
        """Neither keys nor addresses nor proxies (security row 28)."""
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", PASSWORD)
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
        assert await asked(engine.source(), engine, "SELECT 41 + 1") == "42"
        error = await self.failure(engine, engine.source(password=None))
        assert error.details["secret_missing"] is True

    async def test_history(self, engine: AthenaEngine) -> None:
        """Statements that made one table from others are lineage; the missing right is named."""
        engine.double.history = [
            {
                "Query": "INSERT INTO customer SELECT id, 'x' FROM orders", "SubstatementType": "INSERT",
                "Status": {"State": "SUCCEEDED"}, "QueryExecutionContext": {"Database": "shop"},
            },
            {"Query": "SELECT 1", "SubstatementType": "SELECT", "Status": {"State": "SUCCEEDED"}},
        ]  # fmt: skip
        async with engine.kind.connect(engine.source()) as session:
            lineage = await session.lineage(Globs())
        engine.double.history = []
        found = {(str(edge.source), str(edge.target)): edge.origin for edge in lineage.edges}
        assert found["shop.orders", "shop.customer"] is Origin.query_history
        engine.double.may_read_history = False
        async with engine.kind.connect(engine.source()) as session:
            lineage = await session.lineage(Globs())
        engine.double.may_read_history = True
        assert lineage.history is not None
        assert "athena:ListQueryExecutions" in (lineage.history.missing or "")


def fill(server: Moto) -> tuple[Key, Key]:
    """A catalogue, the key of a user who may read it, and one of a user who may do nothing."""
    glue = server.client("glue")
    glue.create_database(DatabaseInput={"Name": "shop"})
    columns = [{"Name": "id", "Type": "int", "Comment": "A number"}, {"Name": "total", "Type": "decimal(10,2)"}]
    table = {
        "Name": "orders",
        "TableType": "EXTERNAL_TABLE",
        "StorageDescriptor": {"Columns": columns},
        "Parameters": {"comment": "Bought"},
    }
    glue.create_table(DatabaseName="shop", TableInput=table)
    view = {
        "Name": "totals",
        "TableType": "VIRTUAL_VIEW",
        "StorageDescriptor": {"Columns": columns[1:]},
        "ViewOriginalText": "/* Presto View: eyJvcmlnaW5hbFNxbCI6ICJTRUxFQ1QgdG90YWwgRlJPTSBzaG9wLm9yZGVycyJ9 */",
    }
    glue.create_table(DatabaseName="shop", TableInput=view)
    return server.key_of("reader", "glue:*", "athena:*"), server.key_of("nobody", "s3:ListBucket")


@pytest.fixture(scope="module")
def moto() -> Iterator[tuple[Moto, tuple[Key, Key]]]:
    """A server with both keys."""
    with running_moto(fill) as found:
        yield found


def moto_source(moto: Moto, key: Key) -> AthenaSource:
    options = AthenaOptions(
        aws_access_key_id=key[0], aws_secret_access_key=key[1], region="us-east-1", s3_staging_dir="s3://results/",
        database="shop", host="127.0.0.1", port=moto.port, tls=False, allow_cleartext_password=True,
    )  # fmt: skip
    return AthenaSource(name="real", connection_timeout=8, options=options)


async def test_glue_of_moto(moto: tuple[Moto, tuple[Key, Key]]) -> None:
    """Tables, comments and views as Glue has them, by signatures that moto verifies."""
    server, (reader, _) = moto
    async with Athena.connect(moto_source(server, reader)) as session:
        found = {table.name: table async for batch in session.tables(Globs()) for table in batch}
        lineage = await session.lineage(Globs("shop.*"))
    assert {name: table.kind for name, table in found.items()} == {"orders": "table", "totals": "view"}
    assert [(column.name, column.comment) for column in found["orders"].columns] == [
        ("id", "A number"),
        ("total", None),
    ]
    assert (found["orders"].comment, found["totals"].definition) == ("Bought", "SELECT total FROM shop.orders")
    assert [(str(edge.source), str(edge.target), edge.columns) for edge in lineage.edges] == [
        ("shop.orders", "shop.totals", ["total"])
    ]


async def test_rights_of_moto(moto: tuple[Moto, tuple[Key, Key]]) -> None:
    """A wrong secret, an unknown key, and a user who may not."""
    server, (reader, nobody) = moto
    for key, code in (
        ((reader[0], "wrong"), ErrorCode.AUTHENTICATION_FAILED),
        (("AKIAUNKNOWN", "wrong"), ErrorCode.AUTHENTICATION_FAILED),
        (nobody, ErrorCode.PERMISSION_DENIED),
    ):
        error = await TestAthena().failure(AthenaEngine.__new__(AthenaEngine), moto_source(server, key))
        assert error.code is code, error.details


@pytest.mark.parametrize(
    ("state", "reason", "code"),
    [
        ("FAILED", "SYNTAX_ERROR: line 1:8: Column 'x' cannot be resolved", ErrorCode.QUERY_ERROR),
        ("FAILED", "SCHEMA_NOT_FOUND: line 1:15: Schema 'x' does not exist", ErrorCode.SCHEMA_NOT_FOUND),
        ("FAILED", "PERMISSION_DENIED: Access Denied", ErrorCode.PERMISSION_DENIED),
        (
            "FAILED",
            "Insufficient permissions to execute the query. User: arn:… is not authorized",
            ErrorCode.PERMISSION_DENIED,
        ),
        ("FAILED", "FAILED: SemanticException [Error 10072]: Database does not exist: x", ErrorCode.SCHEMA_NOT_FOUND),
        ("CANCELLED", "Query cancelled by user", ErrorCode.TIMEOUT),
        ("FAILED", "", ErrorCode.QUERY_ERROR),
    ],
)
def test_reasons_of_failed_queries(state: str, reason: str, code: ErrorCode) -> None:
    """By Trino's names, and by Athena's own words."""
    assert failed_query(state, reason).code is code


def test_views_as_glue_keeps_them() -> None:
    """What is not understood is no text."""
    assert view_text("/* Presto View: bm90IGpzb24= */") is None
    assert view_text("SELECT 1") == "SELECT 1"
    assert "hidden" not in repr(AccessKey("id", "hidden"))


async def test_comments_of_columns(double: AthenaDouble) -> None:
    """They are Glue's."""
    (orders,) = await tables(AthenaEngine(double), "shop.orders")
    assert {column.name: column.comment for column in orders.columns}["total"] == "In euros"
