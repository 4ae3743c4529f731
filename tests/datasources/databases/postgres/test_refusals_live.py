"""What real servers refuse, before login, at login and later: their own sentence, a code and an advice that fit."""

from collections.abc import Iterator
from typing import Any

import pytest

from datasources.databases.globs import Globs
from datasources.databases.postgres import Postgres
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode
from tests.fixtures.servers.database import PASSWORD, Server

C = ErrorCode
ROLES = ("hba_no", "certuser", "certonly", "nosslonly", "preload", "tt", "idle", "ro", "ddl")


@pytest.fixture(scope="module", params=["embedded", "debian"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server with roles as administrators make them."""
    found: Server = request.getfixturevalue(request.param)
    with found.connect() as admin:
        for role in ROLES:
            admin.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'")  # type: ignore[arg-type]
        admin.execute(f"CREATE ROLE nologin_role PASSWORD '{PASSWORD}'")
        admin.execute("CREATE DATABASE closed ALLOW_CONNECTIONS false")
        admin.execute("ALTER ROLE preload SET session_preload_libraries = 'nope'")
        admin.execute("ALTER ROLE ro SET default_transaction_read_only = on")
        admin.execute("CREATE SCHEMA ro_scratch AUTHORIZATION ro")
        admin.execute("CREATE SCHEMA ddl AUTHORIZATION ddl")
        if found.version != "15":
            admin.execute("ALTER ROLE tt SET transaction_timeout = '300ms'")
            admin.execute("ALTER ROLE idle SET idle_session_timeout = '1ms'")
    rules = ["host all hba_no 127.0.0.1/32 reject"]
    if found.version == "15":  # built with TLS
        (found.data / "clients.crt").write_text(found.ca)
        (found.data / "clients.crt").chmod(0o644)
        with found.connect() as admin:
            admin.execute("ALTER SYSTEM SET ssl_ca_file = 'clients.crt'")
        rules += [
            "hostssl all certuser 127.0.0.1/32 scram-sha-256 clientcert=verify-ca",
            "hostssl all certonly 127.0.0.1/32 cert",
            "hostssl all nosslonly 127.0.0.1/32 reject",
        ]
    with found.rules(*rules):
        yield found


async def refused(source: Any) -> CheckError:
    """What opening it raises."""
    with pytest.raises(CheckError) as caught:
        async with Postgres.connect(source) as session:
            await session.identity()
    assert "auth.c" not in caught.value.message
    return caught.value


@pytest.mark.parametrize(
    ("options", "state", "code", "sentence", "advice"),
    [
        ({"user": "hba_no"}, "28000", C.AUTHENTICATION_FAILED, "pg_hba.conf rejects connection for", "pg_hba.conf"),
        ({"user": "nologin_role"}, "28000", C.AUTHENTICATION_FAILED, "is not permitted to log in", "LOGIN"),
        ({"dbname": "closed"}, "55000", C.PERMISSION_DENIED, "not currently accepting", "ALLOW_CONNECTIONS"),
        ({"user": "preload"}, "58P01", C.CONNECTION_ERROR, "could not access file", "session_preload_libraries"),
        ({"role": "nobody_here"}, "22023", C.PERMISSION_DENIED, 'role "nobody_here" does not exist', "`role`"),
        ({"role": "postgres"}, "42501", C.PERMISSION_DENIED, "permission denied to set role", "`role`"),
    ],
)
async def test_at_login(
    server: Server, options: dict[str, Any], state: str, code: ErrorCode, sentence: str, advice: str
) -> None:
    """Neither the login nor the network is at fault for most of it."""
    error = await refused(server.source(**options))
    assert (error.code, error.details["sqlstate"]) == (code, state)
    assert sentence in error.message
    assert advice in (error.advice or "")


@pytest.mark.parametrize(
    ("user", "sentence", "advice"),
    [
        ("hba_no", "pg_hba.conf rejects connection", "pg_hba.conf"),
        ("nologin_role", "is not permitted to log in", "LOGIN"),
        ("certuser", "connection requires a valid client certificate", "`sslcert`"),
        ("certonly", "connection requires a valid client certificate", "`sslcert`"),
        ("nosslonly", "pg_hba.conf rejects connection", "pg_hba.conf"),
    ],
)
@pytest.mark.parametrize("server", ["debian"], indirect=True)
async def test_within_tls(server: Server, user: str, sentence: str, advice: str) -> None:
    """A rule for encrypted connections is told in the server's words."""
    error = await refused(server.source(user=user, sslmode="require"))
    assert (error.code, error.details["sqlstate"]) == (C.AUTHENTICATION_FAILED, "28000")
    assert sentence in error.message
    assert advice in (error.advice or "")


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
async def test_limits_that_the_server_sets(server: Server) -> None:
    """A transaction or a session that the server ends for its time is TIMEOUT, also for the user's own query."""
    with pytest.raises(CheckError) as caught:
        async with Postgres.connect(server.source(user="tt")) as session:
            await session.query("SELECT pg_sleep(2)")
    assert (caught.value.code, caught.value.details["sqlstate"]) == (C.TIMEOUT, "25P04")
    assert "transaction_timeout" in (caught.value.advice or "")


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
async def test_a_login_trigger(server: Server) -> None:
    """What an administrator's own code refuses at login is no fault of the network."""
    with server.connect() as admin:
        admin.execute("CREATE DATABASE maintained")
    with server.connect(dbname="maintained") as admin:
        admin.execute(
            "CREATE FUNCTION closed() RETURNS event_trigger LANGUAGE plpgsql AS "
            "$$ BEGIN IF session_user <> 'postgres' THEN RAISE 'closed for maintenance'; END IF; END $$"
        )
        admin.execute("CREATE EVENT TRIGGER closed ON login EXECUTE FUNCTION closed()")
    error = await refused(server.source(dbname="maintained"))
    assert (error.code, error.message) == (C.PERMISSION_DENIED, "closed for maintenance")


async def test_a_table_that_may_not_be_made(server: Server) -> None:
    """An event trigger's refusal is a missing right, and so is a role that is read-only by default on a standby."""
    with server.connect() as admin:
        admin.execute(
            "CREATE FUNCTION no_ddl() RETURNS event_trigger LANGUAGE plpgsql AS "
            "$$ BEGIN IF session_user = 'ddl' THEN RAISE 'no DDL here, ask the DBA'; END IF; END $$"
        )
        admin.execute("CREATE EVENT TRIGGER no_ddl ON ddl_command_start EXECUTE FUNCTION no_ddl()")
    try:
        with pytest.raises(CheckError) as caught:
            async with Postgres.connect(server.source(user="ddl"), read_only=False) as session:
                await session.write_and_drop("ddl")
    finally:
        with server.connect() as admin:
            admin.execute("DROP EVENT TRIGGER no_ddl")
    assert (caught.value.code, caught.value.details["sqlstate"]) == (C.PERMISSION_DENIED, "P0001")
    assert caught.value.message.endswith("no DDL here, ask the DBA")
    assert "ask them" in (caught.value.advice or "")


async def test_a_hardened_function_is_named(server: Server) -> None:
    """A right that we need and that was taken from everybody is named."""
    with server.connect() as admin:
        admin.execute("CREATE DATABASE hardened")
    with server.connect(dbname="hardened") as admin:
        admin.execute("REVOKE SELECT ON pg_catalog.pg_constraint FROM public")
    with pytest.raises(CheckError) as caught:
        async with Postgres.connect(server.source(dbname="hardened")) as session:
            async for _ in session.tables(Globs()):
                pass
    assert caught.value.code is C.PERMISSION_DENIED
    assert "pg_constraint" in caught.value.message
