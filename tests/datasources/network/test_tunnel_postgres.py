"""A real PostgreSQL behind a real gateway."""

import msgspec
import pytest

from datasources.databases.postgres import Postgres
from datasources.databases.postgres.model import PgSource
from datasources.model.errors import SourceUnreachable
from datasources.model.vocabulary import ErrorCode
from datasources.network.tunnel import open_tunnel, tunnel_faults
from tests.fixtures.servers.database import DEBIAN, Server, running
from tests.fixtures.servers.ssh import Bastion, Sshd


def behind(gateway: Sshd | Bastion, source: PgSource) -> PgSource:
    return msgspec.structs.replace(source, ssh_tunnel=gateway.tunnel())


async def test_a_version_through_a_tunnel(sshd: Sshd, database: Server) -> None:
    """Every step goes through the tunnel without knowing."""
    async with open_tunnel(behind(sshd, database.source())) as seen, Postgres.connect(seen) as session:
        assert (await session.version()).startswith("PostgreSQL ")
        assert (await session.identity()).user == "reader"


async def test_tls_is_verified_for_the_databases_name(sshd: Sshd, debian: Server) -> None:
    """verify-full holds through a tunnel: the certificate is for `localhost`, which is the database's own name."""
    source = debian.source(host="localhost", sslmode="verify-full", rootcert=debian.ca)
    async with open_tunnel(behind(sshd, source)) as seen, Postgres.connect(seen) as session:
        assert (await session.identity()).tls


async def test_tls_for_a_name_that_only_the_gateway_knows(bastion: Bastion, debian: Server) -> None:
    """The name that is verified is the one in the options, not the tunnel's end: here the certificate is another's."""
    bastion.names["db.internal"] = ("127.0.0.1", debian.port)
    trusting = debian.source(host="db.internal", sslmode="verify-ca", rootcert=debian.ca)
    async with open_tunnel(behind(bastion, trusting)) as seen, Postgres.connect(seen) as session:
        assert (await session.identity()).tls
    strict = debian.source(host="db.internal", sslmode="verify-full", rootcert=debian.ca)
    async with open_tunnel(behind(bastion, strict)) as seen:
        with pytest.raises(SourceUnreachable) as raised:
            async with tunnel_faults(seen), Postgres.connect(seen):
                raise AssertionError("the certificate is for another name")
    assert raised.value.code is ErrorCode.TLS_ERROR
    assert "db.internal" in raised.value.message


async def test_a_wrong_password_of_the_database(sshd: Sshd, database: Server) -> None:
    """The database's verdicts come through a tunnel as they are."""
    async with open_tunnel(behind(sshd, database.source(password="wrong"))) as seen:
        with pytest.raises(SourceUnreachable) as raised:
            async with tunnel_faults(seen), Postgres.connect(seen):
                raise AssertionError("the password is wrong")
    assert raised.value.code is ErrorCode.AUTHENTICATION_FAILED


async def test_the_gateway_dies_during_a_query(bastion: Bastion, database: Server) -> None:
    """A query that breaks because the gateway is lost is SSH_CONNECTION_ERROR."""
    async with open_tunnel(behind(bastion, database.source())) as seen:
        with pytest.raises(SourceUnreachable) as raised:
            async with tunnel_faults(seen), Postgres.connect(seen) as session:
                bastion.cut()
                await session.query("SELECT 1")
    assert raised.value.code is ErrorCode.SSH_CONNECTION_ERROR


async def test_the_database_is_stopped_between_two_steps(bastion: Bastion) -> None:
    """A database that went away after the tunnel was opened: the gateway cannot connect any more."""
    with running(DEBIAN, tls=False) as server:
        async with open_tunnel(behind(bastion, server.source())) as seen:
            async with tunnel_faults(seen), Postgres.connect(seen) as session:
                await session.version()
            server.process.kill()
            server.process.wait()
            with pytest.raises(SourceUnreachable) as raised:
                async with tunnel_faults(seen), Postgres.connect(seen):
                    raise AssertionError("the server is gone")
    assert raised.value.code is ErrorCode.SSH_FORWARD_REFUSED
