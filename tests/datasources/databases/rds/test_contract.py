"""PostgreSQL at Amazon keeps the contract of all databases: RDS on PostgreSQL 15, Aurora on 18 with its version."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from datasources.databases.base import Database
from datasources.databases.globs import Globs
from datasources.databases.postgres.model import PgSource
from datasources.databases.rds import Aurora, Rds
from datasources.databases.rds.model import AuroraSource, RdsOptions, RdsSource
from datasources.databases.rds.refusals import meaning_of
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode
from tasks.steps import temp_schema
from tests.datasources.databases.contract import NetworkContract, check_of
from tests.datasources.databases.postgres.test_contract import PgEngine
from tests.doubles.aurora import AURORA
from tests.doubles.relatives import InDatabase, in_database
from tests.fixtures.servers.database import PASSWORD, Server

LOG = {
    "aws_cloudwatch_log_group": "/aws/rds/cluster/shop/postgresql",
    "aws_region": "eu-west-1",
    "aws_access_key_id": "AKIA",
    "aws_secret_access_key": "never sent",
}


class RdsEngine(PgEngine):
    """A PostgreSQL server."""

    kind: type[Database] = Rds
    level = "emulator"
    version = "PostgreSQL 15"
    made: type[PgSource] = RdsSource

    def source(self, *, temp_schema: str | None = None, **options: Any) -> PgSource:
        facts = {"host": "127.0.0.1", "port": self.server.port, "user": "reader", "password": PASSWORD}
        made = RdsOptions(**(facts | {"dbname": self.database} | options))
        return self.made(name="real", temp_schema=temp_schema, connection_timeout=5, options=made)


class AuroraEngine(RdsEngine):
    """A database that has Aurora's function."""

    kind = Aurora
    version = "PostgreSQL 18."
    database = "aurora"
    made = AuroraSource

    def __init__(self, server: Server) -> None:
        super().__init__(InDatabase(server, self.database))


@pytest.fixture(scope="module")
def aurora(embedded: Server) -> Iterator[Server]:
    """A database that looks like Aurora's."""
    with in_database(embedded, AuroraEngine.database, AURORA):
        yield embedded


class TestRds(NetworkContract):
    """RDS."""

    @pytest.fixture
    def engine(self, debian: Server) -> RdsEngine:
        """PostgreSQL 15."""
        return RdsEngine(debian)

    async def test_amazons_own_database(self, engine: RdsEngine) -> None:
        """It lets nobody in, and the advice says so instead of pointing at a file that only Amazon edits."""
        with engine.server.rules("host rdsadmin all 127.0.0.1/32 reject"):
            error = await self.failure(engine, engine.source(dbname="rdsadmin"))
        assert error.code is ErrorCode.PERMISSION_DENIED
        assert "Only Amazon can use rdsadmin" in (error.advice or "")

    async def test_another_rule_of_amazons(self, engine: RdsEngine) -> None:
        """A login that no rule lets in is refused without advice about pg_hba.conf."""
        with engine.server.rules("host all reader 127.0.0.1/32 reject"):
            error = await self.failure(engine, engine.source())
        assert error.code is ErrorCode.AUTHENTICATION_FAILED
        assert "rds.force_ssl" in (error.advice or "")

    async def test_certificates_of_amazon(self, engine: RdsEngine) -> None:
        """The system does not know who signs them: the advice names the bundle; with it, the name is verified."""
        error = await self.failure(engine, engine.source(host="localhost", sslmode="verify-full"))
        assert error.code is ErrorCode.TLS_ERROR
        assert "truststore.pki.rds.amazonaws.com" in (error.advice or "")
        bundle = engine.server.ca * 200
        assert 65536 < len(bundle) < 262144
        async with engine.kind.connect(
            engine.source(host="localhost", sslmode="verify-full", rootcert=bundle)
        ) as session:
            assert (await session.identity()).tls

    async def test_a_reader_is_no_place_to_write(self, engine: RdsEngine) -> None:
        """The advice names the writer's endpoint."""
        with engine.server.connect() as session:
            session.execute("ALTER ROLE reader SET default_transaction_read_only = on")
            try:
                with pytest.raises(CheckError) as caught:
                    await temp_schema.run(check_of(engine.source(temp_schema=engine.scratch)))
            finally:
                session.execute("ALTER ROLE reader RESET default_transaction_read_only")
        assert caught.value.code is ErrorCode.PERMISSION_DENIED
        assert "writer's endpoint" in (caught.value.advice or "")

    async def test_a_log_group_without_a_key(self, engine: RdsEngine) -> None:
        """Nothing is claimed by silence: what the log needs is told, and else how there would be a history."""
        async with engine.kind.connect(engine.source(**LOG | {"aws_secret_access_key": None})) as session:
            history = (await session.lineage(Globs())).history
        assert history is not None
        assert LOG["aws_cloudwatch_log_group"] in history.read_from
        assert "needs aws_access_key_id" in (history.missing or "")
        async with engine.kind.connect(engine.source()) as session:
            history = (await session.lineage(Globs())).history
        assert history is not None
        assert (history.kept, history.statements) == (False, 0)
        assert "CREATE EXTENSION pg_stat_statements" in (history.missing or "")


class TestAurora(NetworkContract):
    """Aurora."""

    @pytest.fixture
    def engine(self, aurora: Server) -> AuroraEngine:
        """PostgreSQL 18, with Aurora's function."""
        return AuroraEngine(aurora)

    async def test_its_own_version(self, engine: AuroraEngine) -> None:
        """Beside PostgreSQL's."""
        async with engine.kind.connect(engine.source()) as session:
            assert (await session.version()).endswith(" (Aurora 18.1.2)")


def test_keys_are_no_login() -> None:
    """Keys without a log group would be ignored: they are refused, with a sentence that says what they are for."""
    with pytest.raises(ValueError, match="logins by IAM are not supported"):
        RdsOptions(host="h", user="u", dbname="d", aws_access_key_id="AKIA")
    given = {"host": "h", "user": "u", "dbname": "d", "keep_alive": 30, **LOG}
    assert msgspec.convert(given, RdsOptions).secrets()["aws_secret_access_key"] == "never sent"


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ('PAM authentication failed for user "reader"', "REVOKE rds_iam"),
        ('no pg_hba.conf entry for host "10.0.0.1", user "u", database "d", no encryption', "rds.force_ssl"),
        ("SSL error: certificate verify failed", "REGION-bundle.pem"),
    ],
)
def test_words(words: str, advice: str) -> None:
    """What Amazon's servers say means something else than elsewhere."""
    meaning = meaning_of(CheckError(ErrorCode.CONNECTION_ERROR, words, {}))
    assert meaning is not None
    assert advice in (meaning.advice or "")


def test_other_words() -> None:
    """All else means what it does elsewhere."""
    assert meaning_of(CheckError(ErrorCode.QUERY_NOT_READ_ONLY, "said", {"sqlstate": "25006"})) is None
