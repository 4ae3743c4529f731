"""A streaming standby: what works on it, and what it says where nothing can."""

import asyncio
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from datasources.databases.globs import Globs
from datasources.databases.postgres import Postgres
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode
from tests.fixtures.processes import kept
from tests.fixtures.servers.database import DEBIAN, PASSWORD, Server, _account, _wait, free_port


@pytest.fixture(scope="module")
def standby(debian: Server) -> Iterator[Server]:
    """A copy of Debian's server that follows it."""
    with debian.connect() as admin:
        admin.execute(f"CREATE ROLE follower REPLICATION LOGIN PASSWORD '{PASSWORD}'")
    account = _account()
    who = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account else {}
    folder = Path(tempfile.mkdtemp(prefix="sourcecheck-standby-"))
    if account:
        shutil.chown(folder, account.pw_uid, account.pw_gid)
    data, port = folder / "data", free_port()
    with debian.rules("host replication follower 127.0.0.1/32 scram-sha-256"):
        where = f"host=127.0.0.1 port={debian.port} user=follower password={PASSWORD}"
        copy = [str(DEBIAN / "pg_basebackup"), "-D", str(data), "-R", "-X", "stream", "-c", "fast", "-d", where]
        subprocess.run(copy, check=True, capture_output=True, cwd="/", **who)  # type: ignore[call-overload]
        command = [str(DEBIAN / "postgres"), "-D", str(data), "-p", str(port), "-k", str(folder)]
        with (folder / "log").open("wb") as log, kept(command, stdout=log, stderr=log, cwd="/", **who) as process:
            server = Server(debian.version, port, data, debian.ca, process)
            _wait(server)
            yield server
    with debian.connect() as admin:
        admin.execute("DROP ROLE follower")


async def test_what_reads_works(standby: Server) -> None:
    """Connection, tables, lineage and a query."""
    async with Postgres.connect(standby.source()) as session:
        assert (await session.identity()).user == "reader"
        assert [table async for batch in session.tables(Globs("shop.*")) for table in batch]
        assert (await session.lineage(Globs())).edges
        assert (await session.query("SELECT pg_is_in_recovery()")).value == "t"


async def test_what_writes_is_told(standby: Server) -> None:
    """The server refuses to write: a right that is missing, not a fault of a query."""
    async with Postgres.connect(standby.source(), read_only=False) as session:
        with pytest.raises(CheckError, match="read-only transaction") as caught:
            await session.write_and_drop("scratch")
    assert caught.value.code is ErrorCode.PERMISSION_DENIED


async def test_a_role_whose_transactions_are_serializable(standby: Server, debian: Server) -> None:
    """A standby has no such transactions: ours say themselves how much they are isolated."""
    with debian.connect() as admin:
        admin.execute(f"CREATE ROLE serial LOGIN PASSWORD '{PASSWORD}' IN ROLE reader")
        admin.execute("ALTER ROLE serial SET default_transaction_isolation = serializable")
        admin.execute("ALTER ROLE serial SET default_transaction_deferrable = on")
        (wanted,) = admin.execute("SELECT pg_current_wal_lsn()").fetchone() or ("",)
    try:
        with standby.connect() as admin:
            while admin.execute("SELECT pg_last_wal_replay_lsn() < %s::pg_lsn", [wanted]).fetchone() == (True,):
                await asyncio.sleep(0.05)
        async with Postgres.connect(standby.source(user="serial")) as session:
            assert (await session.identity()).user == "serial"
            assert [table async for batch in session.tables(Globs("shop.*")) for table in batch]
            assert (await session.lineage(Globs())).edges
            assert (await session.query("SELECT 1")).value == "1"
    finally:
        with debian.connect() as admin:
            admin.execute("DROP ROLE serial")
