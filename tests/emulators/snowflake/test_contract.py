"""Snowflake keeps the contract of all databases, by its own connector, against fakesnow."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from datasources.databases.base import Origin
from datasources.databases.globs import Globs
from datasources.databases.snowflake import Snowflake
from datasources.databases.snowflake.model import SnowflakeOptions, SnowflakeSource
from datasources.databases.warehouse import entra
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode
from tests.datasources.databases.contract import Engine, NetworkContract, asked, tables
from tests.doubles.https import Answer, Request, https_double
from tests.emulators.snowflake.conftest import Snow
from tests.fixtures.servers.database import PASSWORD, authority_and_certificate, free_port


class SnowflakeEngine(Engine):
    """The emulator."""

    kind = Snowflake
    level = "emulator"
    version = "Snowflake 10."
    database = "lake"
    user = "duckdb"
    types = {"id": "NUMBER(38,0)", "customer_id": "NUMBER(38,0)", "total": "NUMBER(10,2)"}
    endless = "SELECT a.value::int + 1 FROM TABLE(FLATTEN(ARRAY_GENERATE_RANGE(0, 100000))) AS a"
    slow = "SELECT COUNT(*) FROM shop.orders /* slow */"
    wide = "SELECT REPEAT('x', 40000000)"
    writes = [
        'CREATE TABLE "scratch"."made" (a int)',
        'INSERT INTO "scratch"."kept" VALUES (1)',
        'WITH a AS (SELECT 1 AS n) INSERT INTO "scratch"."kept" SELECT n FROM a',
        'DELETE FROM "scratch"."kept"',
        'DROP TABLE "scratch"."kept"',
        'UNDROP TABLE "scratch"."kept"',
        "CALL SYSTEM$WAIT(1)",
        "SELECT SYSTEM$CANCEL_ALL_QUERIES(1)",
        "SELECT system $abort_session(1)",
        "EXECUTE IMMEDIATE 'DROP TABLE x'",
        "BEGIN DROP TABLE x; END",
        "PUT file:///etc/passwd @~",
        "GET @~ file:///tmp",
        'COPY INTO @~ FROM "shop"."orders"',
        "SET x = 1",
        "USE ROLE ACCOUNTADMIN",
        "ALTER SESSION SET QUERY_TAG = 'x'",
    ]
    several = ["SELECT 1; SELECT 2", 'SELECT 1; CREATE TABLE "scratch"."made" (a int)']

    def __init__(self, snow: Snow) -> None:
        self.snow = snow

    def source(self, *, temp_schema: str | None = None, **options: Any) -> SnowflakeSource:
        facts = {
            "account": "test", "host": "127.0.0.1", "port": self.snow.port, "user": "reader", "password": PASSWORD,
            "default_db": "lake", "default_schema": "shop", "tls": False, "allow_cleartext_password": True,
        }  # fmt: skip
        made = SnowflakeOptions(**(facts | options))
        return SnowflakeSource(name="real", temp_schema=temp_schema, connection_timeout=8, options=made)

    def make_tables(self, schema: str, names: list[str]) -> None:
        self.snow.run(*(f'CREATE TABLE "{schema}"."{name}" (a int)' for name in names))

    def drop_tables(self, schema: str) -> None:
        self.snow.run(*(f'DROP TABLE "{schema}"."{name}"' for name in self.tables_in(schema)))

    def tables_in(self, schema: str) -> set[str]:
        (rows,) = self.snow.run(
            f"SELECT table_name FROM \"lake\".INFORMATION_SCHEMA.TABLES WHERE table_schema = '{schema}'"
        )
        return {name for (name,) in rows}

    def state(self) -> Any:
        return self.tables_in("scratch"), self.snow.run('SELECT * FROM "scratch"."kept"')


class TestSnowflake(NetworkContract):
    """Snowflake."""

    no_login = {"user": "stranger"}
    tells = {"account", "home"}  # by the path of Python's library

    @pytest.fixture
    def engine(self, snow: Snow) -> SnowflakeEngine:
        """The emulator."""
        return SnowflakeEngine(snow)

    async def test_no_password_in_clear_unless_allowed(self, engine: SnowflakeEngine) -> None:
        """Nothing is sent (security row 19)."""
        error = await self.failure(engine, engine.source(allow_cleartext_password=False))
        assert (error.code, error.details["cleartext"]) == (ErrorCode.AUTHENTICATION_FAILED, True)

    async def test_tls_where_there_is_none(self, engine: SnowflakeEngine) -> None:
        """What answers speaks no TLS."""
        error = await self.failure(engine, engine.source(tls=True))
        assert error.code in {ErrorCode.TLS_ERROR, ErrorCode.CONNECTION_ERROR}

    async def test_a_server_that_asks_for_a_file(self, engine: SnowflakeEngine) -> None:
        """An answer that names a file of the worker's gets none (security row 4)."""
        before = sorted(engine.snow.folder.iterdir())
        with pytest.raises(CheckError):
            await asked(engine.source(), engine, "SELECT 1 /* file */")
        assert sorted(engine.snow.folder.iterdir()) == before

    async def test_the_environment_lends_nothing(
        self, engine: SnowflakeEngine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Neither proxies nor credentials of the worker's (security row 1)."""
        for name in ("http_proxy", "HTTPS_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.setenv(name, "*")
        monkeypatch.setenv("SNOWFLAKE_PASSWORD", PASSWORD)
        # The emulator is asked directly at the end, by the connector's defaults.
        assert await asked(engine.source(), engine, "SELECT 41 + 1") == "42"
        error = await self.failure(engine, engine.source(password=None))
        assert error.details["secret_missing"] is True
        monkeypatch.setenv("SOURCECHECK_ALLOW_PRIVATE_NETWORKS", "false")
        error = await self.failure(engine, engine.source())
        assert error.code is ErrorCode.DESTINATION_FORBIDDEN
        monkeypatch.undo()

    async def test_variables_are_values(self, engine: SnowflakeEngine) -> None:
        """What is set at connect is a text, never a statement (security row 6)."""
        engine.make_tables("scratch", ["kept"])
        source = engine.source(sql_variables='one=1\ntwo=x\'; DROP TABLE "scratch"."kept"; --')
        assert await asked(source, engine, "SELECT $one") == "1"
        assert "kept" in engine.tables_in("scratch")

    async def test_the_accounts_own_records(self, engine: SnowflakeEngine) -> None:
        """Dependencies and access history where the role may read them; the missing grant where not."""
        async with engine.kind.connect(engine.source(metadata_database="NO_SUCH")) as session:
            lineage = await session.lineage(Globs())
        assert lineage.history is not None
        assert "IMPORTED PRIVILEGES" in (lineage.history.missing or "")
        engine.snow.run(*RECORDS)
        async with engine.kind.connect(engine.source(metadata_database="SNOWFLAKE")) as session:
            lineage = await session.lineage(Globs())
        found = {(str(edge.source), str(edge.target)): edge for edge in lineage.edges}
        made = found["shop.orders", "shop.customer"]
        assert (made.columns, made.origin) == (["total"], Origin.query_history)
        assert [(edge.source, edge.target) for edge in made.column_edges] == [("total", "name")]

    async def test_every_database(self, engine: SnowflakeEngine) -> None:
        """Without one, all are read, and a schema has its database before it."""
        async with engine.kind.connect(engine.source(default_db="", default_schema="")) as session:
            found = {f"{table.schema}.{table.name}" async for batch in session.tables(Globs()) for table in batch}
        assert {"lake.shop.orders", "lake.shop.best"} <= found

    async def test_keys_are_keys(self, engine: SnowflakeEngine) -> None:
        """A text that is no private key is refused before anything is sent."""
        error = await self.failure(engine, engine.source(password=None, keyPairFile="no key"))
        assert (error.code, error.details["stage"]) == (ErrorCode.AUTHENTICATION_FAILED, "login")

    async def test_a_key_pair(self, engine: SnowflakeEngine) -> None:
        """The connector signs a token for the user with the key; one that the server does not know is refused with advice."""
        own, other = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
        public = own.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (engine.snow.folder / "reader.pub").write_bytes(public)

        def by(key: rsa.RSAPrivateKey, encryption: KeySerializationEncryption) -> SnowflakeSource:
            text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption).decode()
            return engine.source(password=None, keyPairFile=text, authMethod="keypair")

        assert await asked(by(own, NoEncryption()), engine, "SELECT 41 + 1") == "42"
        error = await self.failure(engine, by(other, NoEncryption()))
        assert error.code is ErrorCode.AUTHENTICATION_FAILED
        assert "RSA_PUBLIC_KEY" in (error.advice or "")
        error = await self.failure(engine, by(own, BestAvailableEncryption(b"phrase")))
        assert error.code is ErrorCode.AUTHENTICATION_FAILED
        assert "passphrase" in error.message

    async def test_a_token_of_entra(
        self, engine: SnowflakeEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """An application gets one from Microsoft's authority, verified, and shows it to Snowflake; a refusal is Entra's own."""
        (engine.snow.folder / "token").write_text("a.token")
        facts = {"azure_tenant_id": "ten", "azure_client_id": "app", "azure_scope": "api://snow/.default"}
        secrets = {"s3cret&": b'{"access_token": "a.token"}', "stale": b'{"access_token": "old.token"}'}

        def answer(request: Request) -> Answer:
            given = parse_qs(request.body.decode())
            assert (request.path, given["scope"]) == ("/ten/oauth2/v2.0/token", ["api://snow/.default"])
            if found := secrets.get(given["client_secret"][0]):
                return 200, {}, found
            return 401, {}, b'{"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret."}'

        def by(secret: str) -> SnowflakeSource:
            return engine.source(password=None, authMethod="azure_entra", azure_client_secret=secret, **facts)

        identity = authority_and_certificate()
        (tmp_path / "authorities.pem").write_text(identity[0])
        with https_double(answer, identity) as double:
            monkeypatch.setattr(entra, "AUTHORITY", f"https://localhost:{double.port}")
            unverified = await self.failure(engine, by("s3cret&"))
            monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authorities.pem"))
            assert await asked(by("s3cret&"), engine, "SELECT 41 + 1") == "42"
            wrong = await self.failure(engine, by("wrong"))
            stale = await self.failure(engine, by("stale"))
        assert unverified.code is ErrorCode.TLS_ERROR
        assert (wrong.code, wrong.message[:13]) == (ErrorCode.AUTHENTICATION_FAILED, "AADSTS7000215")
        assert stale.code is ErrorCode.AUTHENTICATION_FAILED

    async def test_what_views_read_by_the_servers_own_record(self, engine: SnowflakeEngine) -> None:
        """Where the role may read it, a view whose text it may not read is known by it as well."""
        engine.snow.run(*DEPENDENCIES)
        async with engine.kind.connect(engine.source(metadata_database="RECORDS")) as session:
            lineage = await session.lineage(Globs())
        found = {(str(edge.source), str(edge.target)): edge.origin for edge in lineage.edges}
        assert found["shop.orders", "shop.hidden"] is Origin.dependency_record
        assert found["shop.orders", "shop.totals"] is Origin.view_text

    async def test_rows_of_tables(self, engine: SnowflakeEngine) -> None:
        """Counts are Snowflake's own."""
        (orders,) = await tables(engine, "shop.orders")
        assert orders.rows == 0


DEPENDENCIES = [
    "CREATE DATABASE IF NOT EXISTS RECORDS",
    "CREATE SCHEMA IF NOT EXISTS RECORDS.ACCOUNT_USAGE",
    "CREATE OR REPLACE TABLE RECORDS.ACCOUNT_USAGE.OBJECT_DEPENDENCIES (REFERENCED_DATABASE VARCHAR, REFERENCED_SCHEMA VARCHAR, "
    "REFERENCED_OBJECT_NAME VARCHAR, REFERENCING_DATABASE VARCHAR, REFERENCING_SCHEMA VARCHAR, REFERENCING_OBJECT_NAME VARCHAR)",
    "INSERT INTO RECORDS.ACCOUNT_USAGE.OBJECT_DEPENDENCIES VALUES ('lake', 'shop', 'orders', 'lake', 'shop', 'hidden')",
]
RECORDS = [
    "CREATE DATABASE IF NOT EXISTS SNOWFLAKE",
    "CREATE SCHEMA IF NOT EXISTS SNOWFLAKE.ACCOUNT_USAGE",
    "CREATE OR REPLACE TABLE SNOWFLAKE.ACCOUNT_USAGE.ACCESS_HISTORY (QUERY_START_TIME TIMESTAMP, OBJECTS_MODIFIED VARIANT)",
    'INSERT INTO SNOWFLAKE.ACCOUNT_USAGE.ACCESS_HISTORY SELECT CURRENT_TIMESTAMP()::TIMESTAMP, PARSE_JSON(\'[{"objectName": '
    '"lake.shop.customer", "columns": [{"columnName": "name", "directSources": [{"objectName": "lake.shop.orders", '
    '"columnName": "total"}]}]}]\')',
]


@pytest.mark.parametrize("line", ["no value", "1=2", "a b=c", "x; DROP TABLE y=1"])
def test_lines_that_are_no_variables(line: str) -> None:
    """They are refused where the source is registered, without a word of their value."""
    with pytest.raises(ValueError, match="line 1"):
        SnowflakeOptions(account="a", sql_variables=line)


@pytest.mark.parametrize(
    ("options", "host"),
    [
        ({"account": "ab12345"}, "ab12345.snowflakecomputing.com"),
        ({"account": "My_Org-My_Account"}, "my-org-my-account.snowflakecomputing.com"),
        ({"account": "ab12345", "region": "eu-central-1"}, "ab12345.eu-central-1.snowflakecomputing.com"),
        ({"account": "ab12345.eu-central-1"}, "ab12345.eu-central-1.snowflakecomputing.com"),
        ({"account": "ab12345.cn-northwest-1"}, "ab12345.cn-northwest-1.snowflakecomputing.cn"),
        (
            {"account": "ab12345", "host": "x.privatelink.snowflakecomputing.com"},
            "x.privatelink.snowflakecomputing.com",
        ),
    ],
)
def test_the_host_of_an_account(options: dict[str, str], host: str) -> None:
    """By the documented forms of an account identifier."""
    assert SnowflakeOptions(**options).target == (host, 443)  # type: ignore[arg-type]


def test_the_connector_is_not_core() -> None:
    """It comes with its extra."""
    assert (
        "snowflake-connector-python" in Path("pyproject.toml").read_text().split("[project.optional-dependencies]")[1]
    )
