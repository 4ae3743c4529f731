"""A test is no way to reach or scan inner hosts, and DNS has no second say (security rows 1 and 2).

The policy itself: `tests/datasources/network/test_addresses.py`. The gateway and what lies behind it:
`tests/datasources/network/test_tunnel_faults.py`, from `test_a_forbidden_gateway` on.
"""

import asyncio
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from datasources.databases.dbapi.asker import DbapiAsker
from datasources.databases.postgres import Postgres
from datasources.model.errors import SourceUnreachable
from datasources.model.vocabulary import ErrorCode
from datasources.network.tunnel import open_tunnel
from tests.fixtures.servers.database import Server
from tests.fixtures.servers.ssh import Bastion, Echo, refusal, source_behind

ROOT = Path(__file__).parents[2]
LOOPBACK = ["127.0.0.1", "localhost", "127.1", "0x7f.1", "2130706433", "0177.0.0.1", "::ffff:127.0.0.1"]
METADATA = ["169.254.169.254", "0xa9fea9fe", "2852039166", "169.254.43518", "::ffff:a9fe:a9fe"]
HOST, UNREACHABLE = "rebinding.test", "192.0.2.1"

DOORS = {
    "socket.getaddrinfo": "datasources/network/addresses.py",
    "connect_start": "datasources/databases/postgres/connect.py",
    "sock_connect": "datasources/network/dial.py",
    "open_connection": "datasources/network/recognise.py",
}
"""The only places from which anything is looked up or connected to for a source; each goes by the policy."""
NOT_DIALLED = r"(?!\(sock=)"
"""A socket that `dial` has connected is no door."""
OTHER_DOORS = ("psycopg.connect", "AsyncConnection.connect", "create_connection", "urlopen(")
NOT_OUT = {
    ("create_connection", "datasources/databases/mssql/asker.py"): "(self.host, port)",
    ("create_connection", "datasources/databases/oracle/line.py"): "await self._line.socket(host, port)",
}
"""What looks like a door, and what stands there that makes it none: a relay on the loopback, a socket of `dial`'s."""


class Resolver:
    """A name server of an attacker, in front of the real one: other addresses for `HOST` at each question."""

    def __init__(self, *answers: list[str]) -> None:
        self.asked = 0
        self._answers = answers
        self._real: Callable[..., Any] = socket.getaddrinfo

    def __call__(self, host: Any, *rest: Any, **more: Any) -> list[Any]:
        """As `socket.getaddrinfo`."""
        if host != HOST:
            return list(self._real(host, *rest, **more))
        answer = self._answers[min(self.asked, len(self._answers) - 1)]
        self.asked += 1
        return [entry for address in answer for entry in self._real(address, *rest, **more)]


def resolving(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> Resolver:
    """Put it in place."""
    resolver = Resolver(*answers)
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    return resolver


@pytest.fixture
def only_public(monkeypatch: pytest.MonkeyPatch) -> None:
    """As everywhere but in the local stack."""
    monkeypatch.setenv("SOURCECHECK_ALLOW_PRIVATE_NETWORKS", "false")


async def refused(source: Any) -> SourceUnreachable:
    """Why there is no connection."""
    with pytest.raises(SourceUnreachable) as caught:
        async with Postgres.connect(source):
            pass
    return caught.value


@pytest.mark.usefixtures("only_public")
@pytest.mark.parametrize("host", LOOPBACK)
async def test_nobody_knocks_at_a_private_address(host: str, embedded: Server) -> None:
    """However it is spelled: refused before a packet is sent."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        error = await refused(embedded.source(host=host, port=listener.getsockname()[1]))
        assert error.code is ErrorCode.DESTINATION_FORBIDDEN
        with pytest.raises(BlockingIOError):
            listener.accept()


@pytest.mark.parametrize("host", METADATA)
async def test_metadata_services_are_never_reached(host: str, embedded: Server) -> None:
    """Not even where private addresses are allowed."""
    assert (await refused(embedded.source(host=host))).code is ErrorCode.DESTINATION_FORBIDDEN


@pytest.mark.usefixtures("only_public")
async def test_a_refusal_tells_no_address(embedded: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a name means inside is nobody's business outside."""
    resolving(monkeypatch, ["10.11.12.13"])
    error = await refused(embedded.source(host=HOST))
    assert error.code is ErrorCode.DESTINATION_FORBIDDEN
    assert "10.11.12.13" not in f"{error.message} {error.details}"


async def test_forbidden_addresses_of_a_name_are_left_out(embedded: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several, only those that are allowed are tried."""
    resolving(monkeypatch, ["169.254.169.254", "127.0.0.1", "0.0.0.0"])
    async with Postgres.connect(embedded.source(host=HOST)) as session:
        assert (await session.identity()).address == "127.0.0.1"


async def test_a_name_is_resolved_once(embedded: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was checked is what is connected to, also when a query is cancelled; libpq asks nobody."""
    resolver = resolving(monkeypatch, ["127.0.0.1"], [UNREACHABLE])
    with embedded.connect() as admin:
        with pytest.raises(TimeoutError):
            async with Postgres.connect(embedded.source(host=HOST)) as session:
                assert (await session.identity()).address == "127.0.0.1"
                async with asyncio.timeout(0.5):
                    await session.query("SELECT pg_sleep(61)")
        busy = "SELECT FROM pg_stat_activity WHERE query LIKE '%sleep(61)%' AND usename = 'reader' AND state = 'active'"
        async with asyncio.timeout(20):
            while admin.execute(busy).fetchone() is not None:  # the server hears it in its own time
                await asyncio.sleep(0.05)
    assert resolver.asked == 1


async def test_a_name_that_moves_inside_is_refused(embedded: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every connection is checked anew: the first answer gives no right to the second."""
    resolving(monkeypatch, ["127.0.0.1"], ["169.254.169.254"])
    async with Postgres.connect(embedded.source(host=HOST)):
        pass
    assert (await refused(embedded.source(host=HOST))).code is ErrorCode.DESTINATION_FORBIDDEN


async def test_tls_is_verified_for_the_name(debian: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Although the connection goes to an address, the certificate has to be the name's."""
    resolving(monkeypatch, ["127.0.0.1"])
    error = await refused(debian.source(host=HOST, sslmode="verify-full", rootcert=debian.ca))
    assert error.code is ErrorCode.TLS_ERROR
    async with Postgres.connect(debian.source(host="localhost", sslmode="verify-full", rootcert=debian.ca)) as session:
        assert (await session.identity()).tls


async def test_a_gateway_is_resolved_once(bastion: Bastion, echo: Echo, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many connections it takes to find out which key it has."""
    resolver = resolving(monkeypatch, ["127.0.0.1"], [UNREACHABLE])
    async with open_tunnel(source_behind(bastion.tunnel(host=HOST), echo.port)) as seen:
        assert seen.via is not None
    assert resolver.asked == 1


async def test_a_gateway_that_moves_inside_is_refused(
    bastion: Bastion, echo: Echo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next test checks it anew."""
    resolving(monkeypatch, ["127.0.0.1"], ["169.254.169.254"])
    async with open_tunnel(source_behind(bastion.tunnel(host=HOST), echo.port)):
        pass
    error = await refusal(source_behind(bastion.tunnel(host=HOST), echo.port))
    assert error.code is ErrorCode.DESTINATION_FORBIDDEN


def test_there_is_no_other_door() -> None:
    """Tests, scheduled runs and gateways connect from the same few places, so that none can forget the policy."""
    files = [file for folder in ("api", "flows", "tasks", "datasources") for file in (ROOT / folder).rglob("*.py")]
    assert len(files) > 50
    found = {
        (word, str(file.relative_to(ROOT)))
        for file in files
        for word in (*DOORS, *OTHER_DOORS)
        if re.search(rf"(?<!\w){re.escape(word)}{NOT_DIALLED}", file.read_text())
    }
    assert found == {*DOORS.items(), *NOT_OUT}
    for (_, file), proof in NOT_OUT.items():
        assert proof in (ROOT / file).read_text(), file
    assert DbapiAsker.host == LOOPBACK[0]
