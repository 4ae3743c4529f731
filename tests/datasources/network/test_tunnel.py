"""Tunnels that work: what is yielded, what listens where, and that nothing stays behind."""

import asyncio
import logging
import os
import resource
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack

import psutil
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PrivateFormat

from datasources.model.source import Source
from datasources.model.vocabulary import ErrorCode
from datasources.network.tunnel import Tunnel, TunnelInfo, open_tunnel
from tests.fixtures.servers.ssh import GATEWAY_PASSWORD, KEYS, Bastion, Echo, Sshd, code_of, source_behind

SELECT_LIMIT = 1024


@pytest.fixture(autouse=True)
def nothing_stays_behind() -> Iterator[None]:
    """No thread of a tunnel is left a moment after it."""
    before = set(threading.enumerate())
    yield
    until = time.monotonic() + 30
    while left := [thread for thread in threading.enumerate() if thread not in before and not _pooled(thread)]:
        assert time.monotonic() < until, f"left behind: {left}"
        time.sleep(0.01)


def _pooled(thread: threading.Thread) -> bool:
    """The loop's own threads, in which names are resolved."""
    return thread.name.startswith("asyncio_")


async def echoed(source: Source, words: bytes = b"hello\n") -> bytes:
    """What comes back through the tunnel."""
    assert source.via is not None
    reader, writer = await asyncio.open_connection(source.via.address, source.via.port)
    writer.write(words)
    answer = await reader.readline()
    writer.close()
    return answer


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def test_without_a_gateway_nothing_changes() -> None:
    """A source without `ssh_tunnel` is yielded as it is."""
    source = source_behind(None, 5432)
    async with open_tunnel(source) as seen:
        assert seen is source


async def test_the_way_through_openssh(sshd: Sshd, echo: Echo) -> None:
    """The copy leads to the target; its own name stays what it was, so that TLS is verified for it."""
    source = source_behind(sshd.tunnel(), echo.port)
    async with open_tunnel(source) as seen:
        assert seen.via is not None
        assert (seen.via.address, seen.options) == ("127.0.0.1", source.options)
        assert seen.via.port != echo.port
        assert await echoed(seen) == b"hello\n"
        assert source.via is None


async def test_connections_side_by_side(bastion: Bastion, echo: Echo) -> None:
    """The steps of a test share one tunnel at the same time, each with its own connection."""
    async with open_tunnel(source_behind(bastion.tunnel(), echo.port)) as seen:
        words = [f"number {number}\n".encode() * 500 for number in range(10)]
        answers = await asyncio.gather(*(echoed(seen, word) for word in words))
        assert answers == [word.splitlines(keepends=True)[0] for word in words]
        assert bastion.logins == ["tunnel"]


async def test_a_process_with_many_open_files(bastion: Bastion, echo: Echo) -> None:
    """Descriptors beyond 1,023, which select(2) refuses, are carried like all others."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        async with AsyncExitStack() as opened:
            for _ in range(SELECT_LIMIT):
                opened.callback(os.close, os.open(os.devnull, os.O_RDONLY))
            async with open_tunnel(source_behind(bastion.tunnel(), echo.port)) as seen:
                assert await echoed(seen) == b"hello\n"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_what_is_known_of_it(sshd: Sshd, echo: Echo) -> None:
    """Answers can say that the tunnel stands, whose key it was, and how long it took."""
    source = source_behind(sshd.tunnel(), echo.port)
    async with open_tunnel(source) as seen:
        assert isinstance(seen.via, Tunnel)
        info = seen.via.info
        assert isinstance(info, TunnelInfo)
        assert info.established
        assert info.key_type == "ssh-ed25519"
        assert info.fingerprint.startswith("SHA256:")
        assert 0 < info.opened_ms < 5000
    assert not seen.via.info.established


async def test_only_the_loopback_listens(bastion: Bastion, echo: Echo) -> None:
    """The local end is on 127.0.0.1, on a port of its own for each tunnel."""
    source = source_behind(bastion.tunnel(), echo.port)
    async with open_tunnel(source) as one, open_tunnel(source) as other:
        assert one.via is not None
        assert other.via is not None
        assert one.via.port != other.via.port
        ends = [
            connection.laddr.ip
            for connection in psutil.Process().net_connections("inet")
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port in (one.via.port, other.via.port)
        ]
        assert ends == ["127.0.0.1", "127.0.0.1"]


async def test_closed_after_the_test(bastion: Bastion, echo: Echo) -> None:
    """After the test the port no longer listens and the gateway has nobody left."""
    async with open_tunnel(source_behind(bastion.tunnel(), echo.port)) as seen:
        assert seen.via is not None
        assert listens(seen.via.port)
    assert not listens(seen.via.port)
    await until_gone(bastion)


async def test_closed_after_an_error(bastion: Bastion, echo: Echo) -> None:
    """An error in the test goes through unchanged, and the tunnel is closed."""
    with pytest.raises(ZeroDivisionError):
        async with open_tunnel(source_behind(bastion.tunnel(), echo.port)) as seen:
            raise ZeroDivisionError
    assert seen.via is not None
    assert not listens(seen.via.port)
    await until_gone(bastion)


async def test_closed_when_cancelled(bastion: Bastion, echo: Echo) -> None:
    """Cancelling a test closes its tunnel."""
    opened: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def test() -> None:
        async with open_tunnel(source_behind(bastion.tunnel(), echo.port)) as seen:
            assert seen.via is not None
            opened.set_result(seen.via.port)
            await asyncio.sleep(60)

    running = asyncio.create_task(test())
    port = await opened
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not listens(port)
    await until_gone(bastion)


@pytest.mark.parametrize("where", ["login", "forward"])
async def test_cancelled_while_opening(bastion: Bastion, echo: Echo, where: str) -> None:
    """Cancelling ends a tunnel that is only being opened, at once."""
    setattr(bastion, f"hangs_at_{where}", True)

    async def test() -> None:
        async with open_tunnel(source_behind(bastion.tunnel(), echo.port, timeout=60)):
            raise AssertionError("this gateway hangs")

    running = asyncio.create_task(test())
    while not bastion.logins:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.3)
    started = time.monotonic()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert time.monotonic() - started < 30
    await until_gone(bastion)


async def test_the_event_loop_goes_on(bastion: Bastion, echo: Echo) -> None:
    """Nothing blocks the loop: neither the handshake nor a passphrase, nor closing."""
    slow = PrivateFormat.OpenSSH.encryption_builder().kdf_rounds(100).build(b"words")
    key = KEYS["rsa"].private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, slow).decode()
    gaps: list[float] = []

    async def watch() -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.005)
            gaps.append(time.monotonic() - before)

    watching, began = asyncio.create_task(watch()), time.monotonic()
    tunnel = bastion.tunnel(private_key=key, passphrase="words")
    async with open_tunnel(source_behind(tunnel, echo.port, timeout=30)) as seen:
        await echoed(seen)
    took = time.monotonic() - began
    watching.cancel()
    assert len(gaps) > 20
    assert max(gaps) < took / 2  # most of it is the passphrase, on any machine


async def test_nothing_secret_in_logs_and_errors(
    bastion: Bastion, echo: Echo, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """With every logger at its most talkative, neither password nor data of the test is written anywhere."""
    caplog.set_level(1)
    for name in ("paramiko", "paramiko.transport", "sshtunnel", "datasources"):
        caplog.set_level(1, logger=name)
    async with open_tunnel(source_behind(bastion.tunnel(), echo.port)) as seen:
        await echoed(seen, b"private words\n")
    bastion.password = "changed"
    assert await code_of(source_behind(bastion.tunnel(), echo.port)) is ErrorCode.SSH_AUTHENTICATION_FAILED
    captured = capfd.readouterr()
    texts = [record.getMessage() for record in caplog.records if not record.name.startswith("asyncssh")]
    written = "\n".join([*texts, captured.out, captured.err])
    for secret in (GATEWAY_PASSWORD, "private words", b"private words".hex()):
        assert secret not in written
    assert not [record for record in caplog.records if record.name.startswith(("paramiko", "sshtunnel"))]
    assert logging.getLogger("datasources.network.ssh.wire").propagate is False


async def until_gone(bastion: Bastion) -> None:
    """Every connection to the gateway has ended."""
    async with asyncio.timeout(30):
        for connection in bastion.connections:
            await connection.wait_closed()
