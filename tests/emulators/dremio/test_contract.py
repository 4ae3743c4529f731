"""Dremio keeps the contract of all databases, against a double of its REST API over DuckDB."""

from collections.abc import Iterator
from typing import Any

import pytest

from datasources.databases.base import Origin
from datasources.databases.dremio import Dremio
from datasources.databases.dremio.errors import failed_job
from datasources.databases.dremio.model import DremioOptions, DremioSource
from datasources.databases.globs import Globs
from datasources.model.vocabulary import ErrorCode
from tests.datasources.databases.contract import NetworkContract, asked
from tests.doubles.dremio import DremioDouble, running
from tests.emulators.lake_engine import LakeEngine
from tests.fixtures.servers.database import PASSWORD

TOKEN = "t0ken-of-the-tests"


@pytest.fixture(scope="module")
def double() -> Iterator[DremioDouble]:
    """A coordinator."""
    with running("reader", PASSWORD, TOKEN) as started:
        yield started


class DremioEngine(LakeEngine):
    """The double."""

    kind = Dremio
    level = "protocol"
    version = "Dremio 26"
    database = "DREMIO"
    types = {"id": "INTEGER", "customer_id": "INTEGER", "total": "DECIMAL(10,2)"}
    references = False
    keys = False
    comments = False
    endless = "SELECT a.n FROM (VALUES (1), (2)) AS a(n)"
    slow = "SELECT sum(n % 7) FROM range(1000000000000) AS a(n)"
    wide = "SELECT rpad('', 40000000, 'x')"
    writes = [
        "CREATE TABLE scratch.made AS SELECT 1 AS a",
        "INSERT INTO scratch.kept VALUES (1)",
        "DELETE FROM scratch.kept",
        "DROP TABLE scratch.kept",
        "COPY INTO scratch.kept FROM '@x'",
        "ALTER SYSTEM SET x = 1",
        "VACUUM CATALOG scratch",
        "OPTIMIZE TABLE scratch.kept",
        "GRANT SELECT ON scratch.kept TO USER reader",
    ]
    several = ["SELECT 1; SELECT 2", "SELECT 1; DROP TABLE scratch.kept"]

    def __init__(self, double: DremioDouble) -> None:
        self.double = double

    def source(self, *, temp_schema: str | None = None, **options: Any) -> DremioSource:
        facts = {
            "host": "127.0.0.1", "port": self.double.port, "username": "reader", "password": PASSWORD,
            "allow_cleartext_password": True,
        }  # fmt: skip
        if "user" in options:
            options["username"] = options.pop("user")
        made = DremioOptions(**(facts | options))
        return DremioSource(name="real", temp_schema=temp_schema, connection_timeout=5, options=made)


class TestDremio(NetworkContract):
    """Dremio."""

    @pytest.fixture
    def engine(self, double: DremioDouble) -> DremioEngine:
        """The double."""
        return DremioEngine(double)

    async def test_no_password_in_clear_unless_allowed(self, engine: DremioEngine) -> None:
        """Plain HTTP would show it, and the published default is no TLS: nothing is sent (security row 19)."""
        error = await self.failure(engine, engine.source(allow_cleartext_password=False))
        assert (error.code, error.details["cleartext"]) == (ErrorCode.AUTHENTICATION_FAILED, True)

    async def test_a_token(self, engine: DremioEngine) -> None:
        """It stands in for user and password."""
        source = engine.source(username=None, password=None, token=TOKEN)
        assert await asked(source, engine, "SELECT 41 + 1") == "42"
        error = await self.failure(engine, engine.source(password=None, token="wrong"))
        assert error.code is ErrorCode.AUTHENTICATION_FAILED

    async def test_history(self, engine: DremioEngine) -> None:
        """Tables that jobs have made from others are lineage; the missing grant is named."""
        engine.double.lake.admin(
            "INSERT INTO dremio.sys.jobs_recent VALUES ('INSERT INTO shop.customer SELECT id, total FROM shop.orders', "
            "'COMPLETED', 'REST', now())"
        )
        async with engine.kind.connect(engine.source()) as session:
            lineage = await session.lineage(Globs())
        engine.double.lake.admin("ALTER TABLE dremio.sys.jobs_recent RENAME TO away")
        async with engine.kind.connect(engine.source()) as session:
            without = await session.lineage(Globs())
        engine.double.lake.admin(
            "ALTER TABLE dremio.sys.away RENAME TO jobs_recent", "DELETE FROM dremio.sys.jobs_recent"
        )
        found = {(str(edge.source), str(edge.target)): edge.origin for edge in lineage.edges}
        assert found["shop.orders", "shop.customer"] is Origin.query_history
        assert without.history is not None
        assert "VIEW JOB HISTORY" in (without.history.missing or "")

    async def test_pages(self, engine: DremioEngine) -> None:
        """More than 500 rows come by pages."""
        engine.make_tables("scratch", [f"table_{number}" for number in range(600)])
        async with engine.kind.connect(engine.source()) as session:
            found = [table async for batch in session.tables(Globs("scratch.*")) for table in batch]
        assert len(found) == 600


def test_addresses_of_the_cloud() -> None:
    """The address of Arrow Flight, which people have, is that of the REST API here."""
    assert DremioOptions(host="data.eu.dremio.cloud").target == ("api.eu.dremio.cloud", 443)
    assert DremioOptions(host="dremio.example", port=9047).target == ("dremio.example", 9047)


@pytest.mark.parametrize(
    ("state", "message", "code"),
    [
        ("FAILED", "PERMISSION ERROR: User reader may not", ErrorCode.PERMISSION_DENIED),
        ("FAILED", "VALIDATION ERROR: Object 'x' not found", ErrorCode.QUERY_ERROR),
        ("FAILED", "RESOURCE ERROR: queue timeout", ErrorCode.TOO_MANY_CONNECTIONS),
        ("CANCELED", "", ErrorCode.TIMEOUT),
        pytest.param("FAILED", "schema " * 100_000, ErrorCode.QUERY_ERROR, id="long"),
    ],
)
def test_reasons_of_failed_jobs(state: str, message: str, code: ErrorCode) -> None:
    """By the kind at its beginning."""
    assert failed_job(state, message).code is code
