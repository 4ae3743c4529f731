"""CockroachDB keeps the contract of all databases, on a PostgreSQL that says that it is one."""

from collections.abc import Iterator
from typing import Any

import pytest

from datasources.databases.cockroachdb import Cockroachdb
from datasources.databases.cockroachdb.catalog import columns_of, keys_of
from datasources.databases.cockroachdb.model import CockroachOptions, CockroachSource
from datasources.databases.cockroachdb.refusals import meaning_of
from datasources.databases.cockroachdb.session import VERSION
from datasources.databases.postgres.model import PgSource
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode
from tests.datasources.databases.contract import NetworkContract, tables
from tests.datasources.databases.postgres.test_contract import PgEngine
from tests.doubles.cockroachdb import COCKROACHDB
from tests.doubles.relatives import InDatabase, in_database
from tests.fixtures.servers.database import PASSWORD, Server

DATABASE = "defaultdb"


class CockroachEngine(PgEngine):
    """The double."""

    kind = Cockroachdb
    level = "protocol"
    version = "CockroachDB 25.2.1"
    database = DATABASE

    def __init__(self, server: Server) -> None:
        super().__init__(InDatabase(server, DATABASE))

    def source(self, *, temp_schema: str | None = None, **options: Any) -> PgSource:
        facts = {"host": "127.0.0.1", "port": self.server.port, "user": "reader", "password": PASSWORD}
        made = CockroachOptions(**(facts | {"dbname": DATABASE} | options))
        return CockroachSource(name="real", temp_schema=temp_schema, connection_timeout=5, options=made)


@pytest.fixture(scope="module")
def cockroachdb(embedded: Server) -> Iterator[Server]:
    """A database that looks like CockroachDB."""
    with in_database(embedded, DATABASE, COCKROACHDB):
        yield embedded


class TestCockroachdb(NetworkContract):
    """CockroachDB."""

    @pytest.fixture
    def engine(self, cockroachdb: Server) -> CockroachEngine:
        """The double."""
        return CockroachEngine(cockroachdb)

    async def test_counts_of_rows(self, engine: CockroachEngine) -> None:
        """They are there where the view may be read, and not asked for otherwise."""
        (orders,) = await tables(engine, "shop.orders")
        assert orders.rows == 12
        with engine.server.connect() as session:
            session.execute("REVOKE USAGE ON SCHEMA crdb_internal FROM reader")
            try:
                (orders,) = await tables(engine, "shop.orders")
            finally:
                session.execute("GRANT USAGE ON SCHEMA crdb_internal TO reader")
        assert orders.rows is None

    @pytest.mark.parametrize(
        "query",
        ["CREATE TABLE scratch.made (a int)", "BACKUP INTO 'nodelocal://1/x'", "EXPORT INTO CSV 'x' FROM TABLE t"],
    )
    async def test_what_is_no_query_is_not_sent(self, engine: CockroachEngine, query: str) -> None:
        """DDL would commit the read-only transaction before it runs, and some of it answers rows."""
        async with engine.kind.connect(engine.source()) as session:
            with pytest.raises(CheckError) as caught:
                await session.query(query)
        assert caught.value.code is ErrorCode.QUERY_NOT_READ_ONLY


def test_columns_of_the_servers_own() -> None:
    """The column that a table without a primary key is given, and those of sharded indexes, are no columns of a user."""
    rows = [
        ("s", "t", "rowid", "bigint", "t", "unique_rowid()", None),
        ("s", "t", "crdb_internal_id_shard_16", "integer", "t", "mod(fnv32(id), 16)", None),
        ("s", "t", "a", "text", "f", None, ""),
        ("s", "u", "rowid", "bigint", "t", None, "ours"),
    ]
    found = [(table, column.name, column.nullable, column.comment) for _, table, column in columns_of(rows)]
    assert found == [("t", "a", True, None), ("u", "rowid", False, "ours")]


def test_keys() -> None:
    """Columns of a key in their order, each beside the one that it refers to."""
    primary, foreign = keys_of(
        [
            ("s", "t", "fk", "o.p", "q", "x, y", "k"),
            ("s", "t", "fk", "o.p", "q", "z", "l"),
            ("s", "t", "pk", None, None, "a", None),
            ("s", "t", "pk", None, None, "b", None),
            ("s", "u", "pk", None, None, "rowid", None),
        ]
    )
    assert primary == {("s", "t"): ["a", "b"]}
    ((key,),) = foreign.values()
    assert (key.columns, str(key.table), key.referenced) == (["x, y", "z"], "o.p.q", ["k", "l"])


@pytest.mark.parametrize(
    ("state", "stage", "code", "transient"),
    [
        ("40001", "tables", ErrorCode.QUERY_ERROR, True),
        ("40003", "commit", ErrorCode.QUERY_ERROR, True),
        ("08S01", "tables", ErrorCode.CONNECTION_ERROR, True),
        ("53200", "login", ErrorCode.CONNECTION_ERROR, True),
        ("53300", "login", ErrorCode.TOO_MANY_CONNECTIONS, True),
        ("XXUUU", "login", ErrorCode.CONNECTION_ERROR, False),
        ("XXUUU", "tables", ErrorCode.QUERY_ERROR, False),
        ("42P14", "query", ErrorCode.QUERY_NOT_READ_ONLY, False),
        ("0A000", "tables", ErrorCode.PROTOCOL_ERROR, False),
    ],
)
def test_its_own_refusals(state: str, stage: str, code: ErrorCode, transient: bool) -> None:
    """By their states; those of what a version lacks keep their code."""
    meaning = meaning_of(CheckError(ErrorCode.PROTOCOL_ERROR, "said", {"sqlstate": state, "stage": stage}))
    assert meaning is not None
    assert (meaning.code, meaning.transient) == (code, transient)
    assert meaning.advice


def test_refusals_as_postgresql_has_them() -> None:
    """What has no line of its own keeps its meaning, and so does a test query that is wrong."""
    for state, stage in (("28P01", "login"), ("42883", "query"), (None, "tcp")):
        assert meaning_of(CheckError(ErrorCode.QUERY_ERROR, "said", {"sqlstate": state, "stage": stage})) is None


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("CockroachDB CCL v24.1.0 (x86_64-pc-linux-gnu, built 2024/05/15 21:28:29, go1.22.2)", "CockroachDB 24.1.0"),
        ("CockroachDB OSS v22.2.3 (aarch64-apple-darwin21.2, built …, go1.19)", "CockroachDB 22.2.3"),
    ],
)
def test_versions(said: str, version: str) -> None:
    """Of each edition."""
    found = VERSION.match(said)
    assert found is not None
    assert f"CockroachDB {found[1]}" == version


def test_a_database_of_a_cluster_behind_one_address() -> None:
    """Serverless clusters are named before the database, with a dot."""
    assert CockroachOptions(host="h", user="u", dbname="funny-cat-123.defaultdb").port == 26257
