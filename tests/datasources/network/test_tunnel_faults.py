"""What goes wrong on the way is told apart, in time."""

import asyncio
import contextlib
import errno
import signal
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from datasources.model.errors import CheckError, SourceUnreachable
from datasources.model.vocabulary import ErrorCode
from datasources.network.tunnel import Tunnel, check_target, open_tunnel, tunnel_faults
from tests.fixtures.servers.ssh import Bastion, Echo, Sshd, free_port, refusal, running_sshd, source_behind


async def test_nobody_listens(bastion: Bastion, echo: Echo) -> None:
    """A refused port is SSH_CONNECTION_ERROR."""
    error = await refusal(source_behind(bastion.tunnel(port=free_port()), echo.port))
    assert error.code is ErrorCode.SSH_CONNECTION_ERROR
    assert isinstance(error.__cause__, OSError)
    assert error.__cause__.errno == errno.ECONNREFUSED
    assert error.details["stage"] == "ssh"


async def test_an_unknown_gateway(bastion: Bastion, echo: Echo) -> None:
    """A gateway that has no address is HOST_NOT_FOUND of the stage ssh."""
    error = await refusal(source_behind(bastion.tunnel(host="no-such-gateway.invalid"), echo.port))
    assert error.code is ErrorCode.HOST_NOT_FOUND
    assert error.details["stage"] == "ssh"


async def test_a_silent_gateway(bastion: Bastion, echo: Echo, silent_port: int) -> None:
    """A gateway that accepts and says nothing is TIMEOUT of the stage ssh, when the time is over."""
    started = time.monotonic()
    error = await refusal(source_behind(bastion.tunnel(port=silent_port), echo.port, timeout=1))
    assert error.code is ErrorCode.TIMEOUT
    assert (error.details["stage"], error.details["ssh_stage"]) == ("ssh", "handshake")
    assert 0.9 < time.monotonic() - started < 30


async def test_a_gateway_that_does_not_even_accept(bastion: Bastion, echo: Echo) -> None:
    """A port whose queue is full is TIMEOUT of the stage ssh, while connecting."""
    with full_port() as port:
        started = time.monotonic()
        error = await refusal(source_behind(bastion.tunnel(port=port), echo.port, timeout=1))
    assert error.code is ErrorCode.TIMEOUT
    assert error.details["ssh_stage"] == "tcp"
    assert time.monotonic() - started < 30


@pytest.mark.parametrize("where", ["login", "forward"])
async def test_a_gateway_that_hangs(bastion: Bastion, echo: Echo, where: str) -> None:
    """A gateway that stops to answer at the login, or when it is to forward, is TIMEOUT of that stage."""
    setattr(bastion, f"hangs_at_{where}", True)
    started = time.monotonic()
    error = await refusal(source_behind(bastion.tunnel(), echo.port, timeout=3))
    assert error.code is ErrorCode.TIMEOUT
    assert (error.details["stage"], error.details["ssh_stage"]) == ("ssh", where)
    assert time.monotonic() - started < 30


@pytest.mark.parametrize("drip", [b"S", b"no ssh here\r\n"])
async def test_a_gateway_that_drips(bastion: Bastion, echo: Echo, drip: bytes) -> None:
    """A gateway that sends a little again and again gets no longer than any other."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while not reader.at_eof():
                writer.write(drip)
                await writer.drain()
                await asyncio.sleep(0.1)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    started = time.monotonic()
    error = await refusal(source_behind(bastion.tunnel(port=port), echo.port, timeout=1))
    server.close()
    assert error.code is ErrorCode.TIMEOUT
    assert time.monotonic() - started < 30


@pytest.mark.parametrize(
    ("greeting", "words", "transient"),
    [
        (b"", "MaxStartups", True),
        (b"Exceeded MaxStartups\r\n", "MaxStartups", True),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak SSH, but HTTP", False),
        (b"what is this\r\n", "does not speak SSH", False),
    ],
)
async def test_no_ssh_at_all(bastion: Bastion, echo: Echo, greeting: bytes, words: str, transient: bool) -> None:
    """What hangs up may be a gateway at its limit; what speaks another language is named."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    error = await refusal(source_behind(bastion.tunnel(port=port), echo.port))
    server.close()
    assert error.code is ErrorCode.SSH_CONNECTION_ERROR
    assert words in error.message
    assert error.transient is transient


async def test_no_algorithm_in_common(echo: Echo) -> None:
    """A gateway with which there is nothing to agree on is SSH_CONNECTION_ERROR that says so."""
    with running_sshd(Ciphers="chacha20-poly1305@openssh.com") as sshd:
        error = await refusal(source_behind(sshd.tunnel(), echo.port))
    assert error.code is ErrorCode.SSH_CONNECTION_ERROR
    assert "no algorithm that we accept" in error.message


async def test_a_gateway_that_leaves_during_the_login(bastion: Bastion, echo: Echo) -> None:
    """A connection that breaks at the login is no refused login."""
    bastion.leaves_at_login = True
    error = await refusal(source_behind(bastion.tunnel(), echo.port))
    assert error.code is ErrorCode.SSH_CONNECTION_ERROR
    assert "during the login" in error.message


async def test_the_target_is_down(sshd: Sshd, bastion: Bastion) -> None:
    """A target that refuses the gateway is SSH_FORWARD_REFUSED, on both kinds of servers."""
    for gateway in (sshd, bastion):
        port = free_port()
        error = await refusal(source_behind(gateway.tunnel(), port))
        assert error.code is ErrorCode.SSH_FORWARD_REFUSED
        assert error.details == {"stage": "ssh", "reason": "connect_failed", "target": f"127.0.0.1:{port}"}


async def test_the_target_is_unknown_to_the_gateway(sshd: Sshd) -> None:
    """A name that the gateway cannot resolve is SSH_FORWARD_REFUSED."""
    error = await refusal(source_behind(sshd.tunnel(), 5432, host="no-such-database.invalid"))
    assert error.code is ErrorCode.SSH_FORWARD_REFUSED
    assert error.details["reason"] == "connect_failed"


@pytest.mark.parametrize(
    "options", [{"AllowTcpForwarding": "no"}, {"PermitOpen": "127.0.0.1:1"}, {"DisableForwarding": "yes"}]
)
async def test_the_gateway_may_not_forward(echo: Echo, options: dict[str, str]) -> None:
    """A gateway that forbids forwarding, at all or to this target, is SSH_FORWARD_REFUSED with that reason."""
    with running_sshd(**options) as sshd:
        error = await refusal(source_behind(sshd.tunnel(), echo.port))
    assert error.code is ErrorCode.SSH_FORWARD_REFUSED
    assert error.details["reason"] == "prohibited"
    assert "does not allow" in error.message
    assert echo.connections == 0


@pytest.mark.parametrize(("code", "reason"), [(1, "prohibited"), (2, "connect_failed"), (3, "other"), (4, "other")])
async def test_every_reason_to_refuse(bastion: Bastion, echo: Echo, code: int, reason: str) -> None:
    """The reasons of RFC 4254 are SSH_FORWARD_REFUSED, the two that users can mend by name."""
    bastion.refuses_with = code
    error = await refusal(source_behind(bastion.tunnel(), echo.port))
    assert error.code is ErrorCode.SSH_FORWARD_REFUSED
    assert error.details["reason"] == reason


class ABody:
    """A test that fails as drivers do when their connection breaks."""

    def __init__(self, code: ErrorCode = ErrorCode.CONNECTION_ERROR) -> None:
        self.error = SourceUnreachable(code, "server closed the connection unexpectedly", {"stage": "login"})

    async def run(self, seen: Any) -> None:
        assert seen.via is not None
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection(seen.via.address, seen.via.port)
            writer.write(b"anybody?\n")
            await asyncio.wait_for(reader.read(), 5)
        raise self.error


@pytest.mark.parametrize("code", [ErrorCode.CONNECTION_ERROR, ErrorCode.TLS_ERROR, ErrorCode.TIMEOUT])
async def test_the_gateway_is_lost_in_the_middle(bastion: Bastion, echo: Echo, code: ErrorCode) -> None:
    """What drivers make of a lost gateway is told as SSH_CONNECTION_ERROR, with theirs as the cause."""
    body = ABody(code)
    with pytest.raises(SourceUnreachable) as raised:
        async with open_tunnel(source_behind(bastion.tunnel(), echo.port)) as seen:
            bastion.cut()
            await body.run(seen)
    assert raised.value.code is ErrorCode.SSH_CONNECTION_ERROR
    assert raised.value.__cause__ is body.error


async def test_openssh_is_killed_in_the_middle(echo: Echo) -> None:
    """The same when sshd's process for this connection is killed."""
    with running_sshd() as sshd:
        with pytest.raises(SourceUnreachable) as raised:
            async with open_tunnel(source_behind(sshd.tunnel(), echo.port)) as seen:
                for session in sshd.sessions():
                    session.kill()
                await ABody().run(seen)
        assert raised.value.code is ErrorCode.SSH_CONNECTION_ERROR
        assert "during the test" in raised.value.message


async def test_openssh_is_frozen_in_the_middle(echo: Echo) -> None:
    """A gateway that stops to answer is TIMEOUT of the stage ssh, and closing does not wait for it."""
    with running_sshd() as sshd:
        with pytest.raises(SourceUnreachable) as raised:
            async with open_tunnel(source_behind(sshd.tunnel(), echo.port)) as seen:
                for session in sshd.sessions():
                    session.send_signal(signal.SIGSTOP)
                started = time.monotonic()
                raise ABody(ErrorCode.TIMEOUT).error
        assert time.monotonic() - started < 6
        assert raised.value.code is ErrorCode.TIMEOUT
        assert raised.value.details["stage"] == "ssh"
        assert seen.via is not None


async def test_the_target_is_lost_in_the_middle(bastion: Bastion, echo: Echo) -> None:
    """A connection that the gateway does not forward any more is SSH_FORWARD_REFUSED, not the driver's puzzle."""
    with pytest.raises(SourceUnreachable) as raised:
        async with open_tunnel(source_behind(bastion.tunnel(), echo.port)) as seen:
            bastion.refuses_with = 2
            await ABody().run(seen)
    assert raised.value.code is ErrorCode.SSH_FORWARD_REFUSED
    assert raised.value.details["reason"] == "connect_failed"


async def test_steps_are_judged_one_by_one(bastion: Bastion, echo: Echo) -> None:
    """A refused connection of one step does not explain the failure of the next."""
    async with open_tunnel(source_behind(bastion.tunnel(), echo.port)) as seen:
        bastion.refuses_with = 2
        with pytest.raises(SourceUnreachable) as raised:
            async with tunnel_faults(seen):
                await ABody().run(seen)
        assert raised.value.code is ErrorCode.SSH_FORWARD_REFUSED
        bastion.refuses_with = None
        body = ABody()
        with pytest.raises(SourceUnreachable) as raised:
            async with tunnel_faults(seen):
                raise body.error
        assert raised.value is body.error


@pytest.mark.parametrize("code", [ErrorCode.AUTHENTICATION_FAILED, ErrorCode.PERMISSION_DENIED, ErrorCode.QUERY_ERROR])
async def test_what_the_database_says_stays(bastion: Bastion, echo: Echo, code: ErrorCode) -> None:
    """A verdict of the database is not the tunnel's fault, even when the tunnel is gone since."""
    verdict = CheckError(code, "no")
    with pytest.raises(CheckError) as raised:
        async with open_tunnel(source_behind(bastion.tunnel(), echo.port)):
            bastion.cut()
            raise verdict
    assert raised.value is verdict


async def test_a_broken_database_behind_a_good_tunnel(bastion: Bastion, echo: Echo) -> None:
    """A closed connection through a tunnel that stands is the driver's to tell."""
    body = ABody()
    with pytest.raises(SourceUnreachable) as raised:
        async with open_tunnel(source_behind(bastion.tunnel(), echo.port)) as seen:
            assert isinstance(seen.via, Tunnel)
            raise body.error
    assert raised.value is body.error


async def test_without_a_tunnel_nothing_is_translated() -> None:
    """`tunnel_faults` does nothing for a source that is reached directly."""
    body = ABody()
    with pytest.raises(SourceUnreachable) as raised:
        async with tunnel_faults(source_behind(None, 5432)):
            raise body.error
    assert raised.value is body.error


@pytest.mark.parametrize("host", ["169.254.169.254", "fe80::1", "fe80::1%nowhere9", "224.0.0.1", "::", "0.0.0.0"])
async def test_a_forbidden_gateway(bastion: Bastion, echo: Echo, host: str) -> None:
    """The addresses that are refused everywhere are refused for a gateway (security row 1)."""
    error = await refusal(source_behind(bastion.tunnel(host=host), echo.port))
    expected = ErrorCode.HOST_NOT_FOUND if "%" in host else ErrorCode.DESTINATION_FORBIDDEN
    assert (error.code, error.details["stage"]) == (expected, "ssh")


async def test_a_private_gateway_is_a_setting(bastion: Bastion, echo: Echo, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where private ranges are not allowed, a gateway may not lie in one, unless it is listed."""
    monkeypatch.setenv("SOURCECHECK_ALLOW_PRIVATE_NETWORKS", "false")
    error = await refusal(source_behind(bastion.tunnel(), echo.port))
    assert error.code is ErrorCode.DESTINATION_FORBIDDEN
    monkeypatch.setenv("SOURCECHECK_ALLOWED_NETWORKS", "127.0.0.0/8")
    async with open_tunnel(source_behind(bastion.tunnel(), echo.port)) as seen:
        assert seen.via is not None


TARGETS = [
    "169.254.169.254",
    "169.254.170.2",
    "100.100.100.200",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%nowhere9",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "224.0.0.1",
    "0.0.0.0",
    "::",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "169.254.169.254.",
    "2852039166.",
    "0xa9.0xfe.0xa9.0xfe.",
    "169.254.43518",
    "metadata.google.internal",
    "Metadata.Google.Internal.",
    "instance-data.ec2.internal",
]


@pytest.mark.parametrize("host", TARGETS)
async def test_a_forbidden_target(bastion: Bastion, host: str) -> None:
    """The gateway is not asked to reach what nobody may reach, in no spelling; it is not even called."""
    error = await refusal(source_behind(bastion.tunnel(), 80, host=host))
    assert (error.code, error.details["stage"]) == (ErrorCode.DESTINATION_FORBIDDEN, "ssh")
    assert bastion.connections == []


@pytest.mark.parametrize("host", ["10.1.2.3", "127.0.0.1", "localhost", "db.internal.invalid", "8.8.8.8", "fd12::1"])
async def test_what_lies_behind_a_gateway(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Private addresses and names that mean nothing here are what tunnels are for, whatever the setting."""
    monkeypatch.setenv("SOURCECHECK_ALLOW_PRIVATE_NETWORKS", "false")
    await check_target((host, 5432))


@pytest.mark.parametrize(
    ("addresses", "allowed"),
    [(["10.0.0.5"], True), (["10.0.0.5", "10.0.0.6"], True), (["10.0.0.5", "169.254.169.254"], False)],
)
async def test_every_address_of_a_target(addresses: list[str], allowed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gateway gets the name and takes which address it likes: all of them have to be allowed."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80)) for address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    if allowed:
        await check_target(("several.example", 80))
        return
    with pytest.raises(SourceUnreachable) as caught:
        await check_target(("several.example", 80))
    assert caught.value.code is ErrorCode.DESTINATION_FORBIDDEN


@contextlib.contextmanager
def full_port() -> Iterator[int]:
    """A port whose queue is full: connections to it hang."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        yield port
