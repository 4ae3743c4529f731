"""Every error code of contract 5 for PostgreSQL, provoked on real servers."""

import asyncio
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from datasources.databases.base import TableName
from datasources.databases.globs import Globs
from datasources.databases.postgres import Postgres
from datasources.databases.postgres.model import PgOptions
from datasources.databases.postgres.parameters import certificate_files
from datasources.model.errors import REMEDIATIONS, CheckError
from datasources.model.vocabulary import ErrorCode
from tests.fixtures.servers.database import (
    PASSWORD,
    Server,
    authority_and_certificate,
    embedded_binaries,
    free_port,
    running,
)


async def failure(source: Any) -> CheckError:
    """What connecting to it raises."""
    with pytest.raises(CheckError) as caught:
        async with Postgres.connect(source):
            pass
    assert PASSWORD not in str(caught.value)
    assert REMEDIATIONS[caught.value.code]
    return caught.value


def test_every_code_has_a_remediation() -> None:
    """Each word of the table comes with one sentence."""
    assert set(REMEDIATIONS) == set(ErrorCode)
    assert all(sentence.endswith(".") for sentence in REMEDIATIONS.values())


async def test_identity_tells_user_database_and_tls(database: Server) -> None:
    """We know who we are over there; a server that offers TLS is used with TLS."""
    async with Postgres.connect(database.source()) as session:
        identity = await session.identity()
        version = await session.version()
    assert (identity.user, identity.database, identity.tls) == ("reader", "postgres", database.version == "15")
    assert {"resolve", "tcp", "login"} <= set(identity.stages_ms)
    assert version.startswith("PostgreSQL 1")


async def test_refused(embedded: Server) -> None:
    """A port where nobody listens is CONNECTION_ERROR."""
    error = await failure(embedded.source(port=free_port()))
    assert (error.code, error.details["stage"]) == (ErrorCode.CONNECTION_ERROR, "tcp")
    assert error.message == "Connection refused"


async def test_unknown_host(embedded: Server) -> None:
    """A name that DNS does not know is HOST_NOT_FOUND."""
    assert (await failure(embedded.source(host="no-such-host.invalid"))).code is ErrorCode.HOST_NOT_FOUND


async def test_silent_server(embedded: Server, silent_port: int) -> None:
    """A server that accepts and stays silent is TIMEOUT, in time, with the stage."""
    source = msgspec.structs.replace(embedded.source(port=silent_port), connection_timeout=1)
    started = time.monotonic()
    error = await failure(source)
    assert (error.code, error.details["stage"]) == (ErrorCode.TIMEOUT, "tls")
    assert time.monotonic() - started < 10


async def test_wrong_password(database: Server) -> None:
    """A wrong password is AUTHENTICATION_FAILED."""
    assert (await failure(database.source(password="wrong"))).code is ErrorCode.AUTHENTICATION_FAILED


async def test_missing_password(database: Server) -> None:
    """No password where one is asked for is AUTHENTICATION_FAILED, and says that it is missing."""
    error = await failure(database.source(password=None))
    assert error.code is ErrorCode.AUTHENTICATION_FAILED
    assert error.details["secret_missing"] is True


async def test_unknown_user(database: Server) -> None:
    """An unknown user is AUTHENTICATION_FAILED, like a wrong password."""
    assert (await failure(database.source(user="stranger"))).code is ErrorCode.AUTHENTICATION_FAILED


async def test_unknown_database(database: Server) -> None:
    """An unknown database is DATABASE_NOT_FOUND."""
    assert (await failure(database.source(dbname="nothing"))).code is ErrorCode.DATABASE_NOT_FOUND


async def test_tls_refused(embedded: Server) -> None:
    """A server without TLS where TLS is asked for is TLS_ERROR."""
    assert (await failure(embedded.source(sslmode="require"))).code is ErrorCode.TLS_ERROR


async def test_tls_wrong_authority(debian: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate of another authority is TLS_ERROR, and the file with the authority is gone afterwards."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    stranger = authority_and_certificate()[0]
    error = await failure(debian.source(host="localhost", sslmode="verify-ca", rootcert=stranger))
    assert error.code is ErrorCode.TLS_ERROR
    assert not list(tmp_path.iterdir())


async def test_tls_wrong_name(debian: Server) -> None:
    """A certificate for another name is TLS_ERROR under verify-full, and fine for the right one."""
    wrong = debian.source(host="127.0.0.1", sslmode="verify-full", rootcert=debian.ca)
    assert (await failure(wrong)).code is ErrorCode.TLS_ERROR
    right = debian.source(host="localhost", sslmode="verify-full", rootcert=debian.ca)
    async with Postgres.connect(right) as session:
        assert (await session.identity()).tls


@pytest.mark.parametrize(
    ("sslmode", "rootcert", "verified"),
    [
        ("prefer", False, "none"),
        ("require", False, "none"),
        ("prefer", True, "ca"),
        ("require", True, "ca"),
        ("verify-ca", True, "ca"),
        ("verify-full", True, "full"),
    ],
)
async def test_tls_as_it_was_verified(debian: Server, sslmode: str, rootcert: bool, verified: str) -> None:
    """libpq holds the certificate against an authority wherever it has one, which another authority shows."""
    given = {"rootcert": debian.ca} if rootcert else {}
    async with Postgres.connect(debian.source(host="localhost", sslmode=sslmode, **given)) as session:
        identity = await session.identity()
    assert (identity.tls, identity.tls_verified) == (True, verified)
    if rootcert and sslmode != "prefer":  # which goes on without TLS
        stranger = debian.source(host="localhost", sslmode=sslmode, rootcert=authority_and_certificate()[0])
        assert (await failure(stranger)).code is ErrorCode.TLS_ERROR


async def test_too_many_connections(database: Server) -> None:
    """A user at the limit of its connections is TOO_MANY_CONNECTIONS."""
    assert (await failure(database.source(user="nobody_in"))).code is ErrorCode.TOO_MANY_CONNECTIONS


async def test_narrow_user_is_patient(database: Server) -> None:
    """Steps side by side get along with a user who may have one connection."""

    async def once() -> str:
        async with Postgres.connect(database.source(user="narrow"), patience=10) as session:
            await asyncio.sleep(0.1)
            return await session.version()

    assert len(await asyncio.gather(once(), once(), once())) == 3


@pytest.mark.parametrize(
    ("schema", "code"), [("locked", ErrorCode.PERMISSION_DENIED), ("missing", ErrorCode.SCHEMA_NOT_FOUND)]
)
async def test_temp_schema_says_no(database: Server, schema: str, code: ErrorCode) -> None:
    """No right, or no schema: each has its code, and the message names the table."""
    with pytest.raises(CheckError) as caught:
        async with Postgres.connect(database.source(), read_only=False) as session:
            await session.write_and_drop(schema)
    assert caught.value.code is code
    assert caught.value.message.startswith(f'Unable to create table "postgres"."{schema}"."sourcecheck_tmp_')


async def test_terminated_in_the_middle(database: Server) -> None:
    """A session that the server ends while it works is CONNECTION_ERROR."""
    with pytest.raises(CheckError) as caught:
        async with Postgres.connect(database.source()) as session:
            running_query = asyncio.create_task(session.query("SELECT pg_sleep(30)"))
            await asyncio.sleep(0.3)
            with database.connect() as admin:
                admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'reader'")
            await running_query
    assert caught.value.code is ErrorCode.CONNECTION_ERROR


async def test_server_killed_in_the_middle() -> None:
    """A server that dies under us is CONNECTION_ERROR, too."""
    with running(embedded_binaries(), tls=False) as server, pytest.raises(CheckError) as caught:
        async with Postgres.connect(server.source()) as session:
            await session.version()
            server.process.kill()
            await asyncio.sleep(0.5)
            await session.query("SELECT 1")
    assert caught.value.code is ErrorCode.CONNECTION_ERROR


async def test_query_answers_its_first_value(database: Server) -> None:
    """Values are text, null is null, and an endless result costs nothing."""
    for statement, value in (
        ("SELECT 41 + 1", "42"),
        ("SELECT NULL", None),
        ("SELECT 1 WHERE false", None),
        ("SELECT generate_series(1, 1000000000)", "1"),
    ):
        async with Postgres.connect(database.source()) as session:
            assert (await session.query(statement)).value == value


async def test_query_error(database: Server) -> None:
    """A query the server does not understand is QUERY_ERROR."""
    with pytest.raises(CheckError) as caught:
        async with Postgres.connect(database.source()) as session:
            await session.query("SELEC 1")
    assert caught.value.code is ErrorCode.QUERY_ERROR


async def test_cancelled_query_stops_on_the_server(database: Server) -> None:
    """When a test is cut off, the server stops working for it."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5), Postgres.connect(database.source()) as session:
            await session.query("SELECT pg_sleep(60)")
    busy = "SELECT FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND usename = 'reader'"
    with database.connect() as admin:
        async with asyncio.timeout(20):
            while admin.execute(busy).fetchone() is not None:  # the server hears it in its own time
                await asyncio.sleep(0.05)


async def test_tables_and_lineage(database: Server) -> None:
    """Schemas, kinds, columns, keys and comments; views down to the columns they read."""
    async with Postgres.connect(database.source()) as session:
        found = {f"{t.schema}.{t.name}": t async for batch in session.tables(Globs("shop.*")) for t in batch}
        edges = {(str(e.source), str(e.target)): e.columns for e in (await session.lineage(Globs())).edges}
    assert {name: table.kind for name, table in found.items()} == {
        "shop.best": "materialized view",
        "shop.customer": "table",
        "shop.orders": "table",
        "shop.totals": "view",
    }
    orders = found["shop.orders"]
    assert [(c.name, c.type) for c in orders.columns] == [
        ("id", "integer"),
        ("customer_id", "integer"),
        ("total", "numeric(10,2)"),
    ]
    assert (orders.primary_key, orders.comment) == (["id"], "What was bought")
    assert orders.foreign_keys[0].table == TableName("shop", "customer")
    assert edges[("shop.orders", "shop.totals")] == ["customer_id", "total"]
    assert edges[("shop.totals", "shop.best")] == ["customer_id", "total"]


async def test_a_client_certificate(debian: Server) -> None:
    """PEM text, with Windows line ends as well; a server that asks for one and gets none says so in its own words."""
    ca, certificate, key = authority_and_certificate("certified")
    (debian.data / "clients.crt").write_text(ca)
    with debian.connect() as admin:
        admin.execute("CREATE ROLE certified LOGIN")
        admin.execute("ALTER SYSTEM SET ssl_ca_file = 'clients.crt'")
    try:
        with debian.rules("hostssl all certified 127.0.0.1/32 cert", "host all certified 127.0.0.1/32 reject"):
            bare = debian.source(user="certified", password=None, sslmode="require")
            error = await failure(bare)
            assert error.code is ErrorCode.AUTHENTICATION_FAILED
            assert error.message == "connection requires a valid client certificate"
            pair = {"sslcert": certificate.decode().replace("\n", "\r\n"), "sslkey": key.decode()}
            async with Postgres.connect(debian.source(user="certified", password=None, sslmode="require", **pair)) as s:
                assert (await s.identity()).user == "certified"
            broken = await failure(debian.source(user="certified", sslmode="require", sslcert="garbage", sslkey="x"))
            assert "sourcecheck-" not in broken.message
            assert "sslcert" in broken.message
    finally:
        with debian.connect() as admin:
            admin.execute("ALTER SYSTEM RESET ssl_ca_file")
            admin.execute("DROP ROLE certified")


async def test_a_certificate_that_no_login_can_be_bound_to(debian: Server) -> None:
    """A certificate of a kind without a digest (Ed25519) is no wrong password: the login goes on without the binding."""
    kept = {name: (debian.data / name).read_bytes() for name in ("server.crt", "server.key")}
    key = ed25519.Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, None)
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    try:
        (debian.data / "server.crt").write_bytes(certificate.public_bytes(pem))
        (debian.data / "server.key").write_bytes(private)
        with debian.rules():
            async with Postgres.connect(debian.source(sslmode="require")) as session:
                assert (await session.identity()).tls
            wrong = await failure(debian.source(sslmode="require", password="wrong"))
            assert wrong.code is ErrorCode.AUTHENTICATION_FAILED
            assert "digest" not in wrong.message
    finally:
        for file, content in kept.items():
            (debian.data / file).write_bytes(content)
        with debian.rules():
            pass


def test_the_system_s_certificates_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system keeps them, whatever the driver was built to look for, and without any variable."""
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    options = PgOptions(host="h", user="u", dbname="d", sslmode="verify-full")
    with certificate_files(options) as files:
        assert files.root == "system" or Path(files.root).read_text().count("BEGIN CERTIFICATE") > 10
    assert Path("/etc/ssl/certs/ca-certificates.crt").exists() == (files.root == "/etc/ssl/certs/ca-certificates.crt")


async def test_keys_that_refer_to_a_partitioned_table(database: Server) -> None:
    """They count once, not once for each partition over there; what a partition inherits is its own."""
    statements = """
        DROP SCHEMA IF EXISTS parts CASCADE;
        CREATE SCHEMA parts AUTHORIZATION reader;
        CREATE TABLE parts.p (id integer PRIMARY KEY) PARTITION BY RANGE (id);
        CREATE TABLE parts.p1 PARTITION OF parts.p FOR VALUES FROM (0) TO (10);
        CREATE TABLE parts.p2 PARTITION OF parts.p FOR VALUES FROM (10) TO (20);
        CREATE TABLE parts.p3 PARTITION OF parts.p FOR VALUES FROM (20) TO (30);
        CREATE TABLE parts.c (id integer REFERENCES parts.p);
        CREATE TABLE parts.q (id integer REFERENCES parts.p1);
        CREATE TABLE parts.part (id integer REFERENCES parts.p) PARTITION BY RANGE (id);
        CREATE TABLE parts.part1 PARTITION OF parts.part FOR VALUES FROM (0) TO (10);
        GRANT SELECT ON ALL TABLES IN SCHEMA parts TO reader;
    """
    with database.connect() as admin:
        admin.execute(statements)  # type: ignore[arg-type]
    async with Postgres.connect(database.source()) as session:
        found = {t.name: t.foreign_keys async for batch in session.tables(Globs("parts.*")) for t in batch}
    with database.connect() as admin:
        admin.execute("DROP SCHEMA parts CASCADE")
    keys = {name: [str(key.table) for key in foreign] for name, foreign in found.items() if foreign}
    assert keys == {"c": ["parts.p"], "q": ["parts.p1"], "part": ["parts.p"], "part1": ["parts.p"]}


async def test_lineage_obeys_the_lists(database: Server) -> None:
    """An edge is there when both of its ends are wanted."""
    statements = """
        DROP SCHEMA IF EXISTS la, lb CASCADE;
        CREATE SCHEMA la; CREATE SCHEMA lb;
        CREATE TABLE la.t (id integer); CREATE TABLE lb.t (id integer);
        CREATE VIEW la.v AS SELECT id FROM la.t; CREATE VIEW la.w AS SELECT id FROM lb.t;
        CREATE VIEW lb.v AS SELECT id FROM lb.t; CREATE VIEW lb.w AS SELECT id FROM la.t;
        GRANT USAGE ON SCHEMA la, lb TO reader;
        GRANT SELECT ON ALL TABLES IN SCHEMA la, lb TO reader;
    """
    with database.connect() as admin:
        admin.execute(statements)  # type: ignore[arg-type]
    for wanted in (Globs("la.*"), Globs("la.*, lb.*", "lb.*")):
        async with Postgres.connect(database.source()) as session:
            edges = (await session.lineage(wanted)).edges
        assert [(str(edge.source), str(edge.target)) for edge in edges] == [("la.t", "la.v")]
    with database.connect() as admin:
        admin.execute("DROP SCHEMA la, lb CASCADE")


async def test_ten_thousand_tables(embedded: Server) -> None:
    """A large catalogue comes in batches."""
    with embedded.connect() as session:
        session.execute("CREATE DATABASE large")
    with embedded.connect(dbname="large") as session:
        for start in range(0, 10_000, 1000):
            session.execute(
                f"DO $$ BEGIN FOR n IN {start}..{start + 999} LOOP"  # type: ignore[arg-type]
                " EXECUTE format('CREATE TABLE t%s (id int, name text)', n); END LOOP; END $$"
            )
        session.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
    async with Postgres.connect(embedded.source(dbname="large")) as session:
        sizes = [len(batch) async for batch in session.tables(Globs())]
    assert sum(sizes) == 10_000
    assert max(sizes) <= 500
