"""Real SSH gateways: OpenSSH's sshd, and an asyncssh server in this process that can be made to misbehave."""

import asyncio
import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh
import psutil
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from datasources.databases.postgres.model import PgOptions, PgSource
from datasources.model.errors import SourceUnreachable
from datasources.model.inputs.host_keys import HostKey
from datasources.model.source import Source, SshTunnel
from datasources.model.vocabulary import ErrorCode
from datasources.network.tunnel import open_tunnel

SSHD = Path("/usr/sbin/sshd")
GATEWAY_USER = "tunnel"
GATEWAY_PASSWORD = "p@ss: of/the %gateway"
KEYS: dict[str, Any] = {
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
    "ecdsa-256": ec.generate_private_key(ec.SECP256R1()),
    "ecdsa-384": ec.generate_private_key(ec.SECP384R1()),
    "ecdsa-521": ec.generate_private_key(ec.SECP521R1()),
    "rsa": rsa.generate_private_key(65537, 2048),
}
"""The keys of the user that logs in, by type."""


def private_text(key: Any, form: PrivateFormat = PrivateFormat.OpenSSH, passphrase: str | None = None) -> str:
    """A private key as a user would paste it."""
    encryption = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    return str(key.private_bytes(Encoding.PEM, form, encryption).decode())


def public_line(key: Any) -> str:
    return str(key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode())


def fingerprint(key: Any) -> str:
    return HostKey.parse(public_line(key)).fingerprint


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def source_behind(tunnel: SshTunnel | None, port: int, host: str = "127.0.0.1", timeout: int = 5) -> PgSource:
    """A source at this port behind the gateway."""
    options = PgOptions(host=host, port=port, user="reader", dbname="postgres")
    return PgSource(name="behind", options=options, ssh_tunnel=tunnel, connection_timeout=timeout)


@dataclass
class Sshd:
    """A running sshd into which this system user may log in with any of `KEYS`."""

    port: int
    folder: Path
    process: subprocess.Popen[bytes]
    host_keys: dict[str, str]
    """Public key lines by the type that ssh-keygen calls them."""

    def tunnel(self, **changes: Any) -> SshTunnel:
        facts = {
            "host": "127.0.0.1",
            "port": self.port,
            "username": getpass.getuser(),
            "private_key": private_text(KEYS["ed25519"]),
            "host_key": self.host_keys.get("ed25519"),
        }
        return SshTunnel(**(facts | changes))

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def sessions(self) -> list[psutil.Process]:
        """The processes that serve the connections."""
        return psutil.Process(self.process.pid).children(recursive=True)


@contextlib.contextmanager
def running_sshd(key_types: tuple[str, ...] = ("ed25519", "ecdsa", "rsa"), **options: str) -> Iterator[Sshd]:
    """An sshd of its own on the loopback; `options` are added to its configuration."""
    if not SSHD.exists():
        reason = f"no OpenSSH server at {SSHD}: install the package openssh-server"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="sourcecheck-sshd-"))
    host_keys = {}
    for name in key_types:
        file = folder / f"host_{name}"
        subprocess.run(["ssh-keygen", "-q", "-t", name, "-N", "", "-C", "a comment", "-f", file], check=True)
        host_keys[name] = file.with_suffix(".pub").read_text().strip()
    (folder / "authorized_keys").write_text("\n".join(public_line(key) for key in KEYS.values()) + "\n")
    port = free_port()
    settings = {
        "ListenAddress": f"127.0.0.1:{port}",
        "PidFile": "none",
        "AuthorizedKeysFile": str(folder / "authorized_keys"),
        "StrictModes": "no",
        "UsePAM": "no",
        "PasswordAuthentication": "no",
        "KbdInteractiveAuthentication": "no",
        "PermitRootLogin": "yes",
        "MaxStartups": "100",
        "LogLevel": "VERBOSE",
    }
    lines = [f"HostKey {folder / f'host_{name}'}" for name in key_types]
    lines += [f"{name} {value}" for name, value in (settings | options).items()]
    (folder / "sshd_config").write_text("\n".join(lines) + "\n")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([str(SSHD), "-D", "-e", "-f", str(folder / "sshd_config")], stderr=log)
    server = Sshd(port, folder, process, host_keys)
    try:
        _wait(server)
        yield server
    finally:
        for session in server.sessions():
            with contextlib.suppress(psutil.NoSuchProcess):
                session.kill()
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _wait(server: Sshd) -> None:
    until = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", server.port), 1).close()
        except OSError:
            if time.monotonic() > until or server.process.poll() is not None:
                raise RuntimeError(f"sshd did not start: {server.log}") from None
            time.sleep(0.02)
        else:
            return


@pytest.fixture(scope="session")
def sshd() -> Iterator[Sshd]:
    """Debian's sshd with a host key of each type."""
    with running_sshd() as server:
        yield server


@dataclass
class Bastion:
    """An SSH gateway whose behaviour can be changed while it runs."""

    host_key: Any = field(default_factory=ed25519.Ed25519PrivateKey.generate)
    password: str | None = GATEWAY_PASSWORD
    """None lets everybody in."""
    methods: frozenset[str] = frozenset({"password"})
    """What it asks for: password, keyboard-interactive."""
    hangs_at_login: bool = False
    leaves_at_login: bool = False
    refuses_with: int | None = None
    """The reason with which it refuses to forward."""
    hangs_at_forward: bool = False
    names: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Names that only this gateway knows."""
    port: int = 0
    logins: list[str] = field(default_factory=list)
    connections: list[asyncssh.SSHServerConnection] = field(default_factory=list)
    _listener: asyncssh.SSHAcceptor | None = None
    _loop: asyncio.AbstractEventLoop | None = None

    def tunnel(self, **changes: Any) -> SshTunnel:
        facts = {
            "host": "127.0.0.1",
            "port": self.port,
            "username": GATEWAY_USER,
            "password": GATEWAY_PASSWORD,
            "host_key": public_line(self.host_key),
        }
        return SshTunnel(**(facts | changes))

    async def start(self) -> None:
        """Listen, on the same port as before if there was one."""
        self._loop = asyncio.get_running_loop()
        self._listener = await asyncssh.listen(
            "127.0.0.1",
            self.port,
            server_factory=lambda: _Session(self),
            server_host_keys=[asyncssh.import_private_key(private_text(self.host_key))],
            password_auth="password" in self.methods,
            kbdint_auth="keyboard-interactive" in self.methods,
            public_key_auth=False,
            login_timeout=60,
        )
        self.port = self._listener.get_port()

    async def stop(self) -> None:
        """Stop to listen and cut every connection."""
        if self._listener:
            self._listener.close()
            await self._listener.wait_closed()
        self.cut()

    def cut(self) -> None:
        """Break every connection, as a crash would."""
        for connection in self.connections:
            connection.abort()
        self.connections.clear()

    def cut_from_outside(self) -> None:
        """The same, from another thread."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self.cut)


class _Session(asyncssh.SSHServer):
    """One connection to a bastion."""

    def __init__(self, bastion: Bastion) -> None:
        self._bastion = bastion
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._bastion.connections.append(conn)

    async def begin_auth(self, username: str) -> bool:
        self._bastion.logins.append(username)
        if self._bastion.hangs_at_login:
            await asyncio.sleep(60)
        if self._bastion.leaves_at_login and self._connection:
            self._connection.abort()
        return self._bastion.password is not None

    def password_auth_supported(self) -> bool:
        return "password" in self._bastion.methods

    def kbdint_auth_supported(self) -> bool:
        return "keyboard-interactive" in self._bastion.methods

    async def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == (GATEWAY_USER, self._bastion.password)

    async def validate_kbdint_response(self, username: str, responses: list[str]) -> bool:
        return (username, responses) == (GATEWAY_USER, [self._bastion.password])

    def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> Any:
        return "", "", "", [("Password: ", False)]

    async def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> Any:
        if self._bastion.hangs_at_forward:
            await asyncio.sleep(60)
        if self._bastion.refuses_with is not None:
            raise asyncssh.ChannelOpenError(self._bastion.refuses_with, "refused by the test")
        assert self._connection is not None
        return await self._connection.forward_connection(*self._bastion.names.get(dest_host, (dest_host, dest_port)))


@pytest_asyncio.fixture
async def bastion() -> AsyncIterator[Bastion]:
    """A gateway in this process that lets `GATEWAY_USER` in with `GATEWAY_PASSWORD`."""
    server = Bastion()
    await server.start()
    yield server
    await server.stop()


@contextlib.contextmanager
def running_bastion(**facts: Any) -> Iterator[Bastion]:
    """A gateway in a thread of its own, for tests that do not run in an event loop."""
    server, loop = Bastion(**facts), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(server.start(), loop).result(30)
        yield server
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(30)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


@dataclass
class Echo:
    """Answers every line with the same line, and counts connections."""

    port: int = 0
    connections: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(OSError):
            while line := await reader.readline():
                writer.write(line)
                await writer.drain()
        writer.close()


@pytest_asyncio.fixture
async def echo() -> AsyncIterator[Echo]:
    """A target behind the gateways."""
    target = Echo()
    server = await asyncio.start_server(target.serve, "127.0.0.1", 0)
    target.port = server.sockets[0].getsockname()[1]
    yield target
    server.close()


async def refusal(source: Source, trusted: Collection[str] = ()) -> SourceUnreachable:
    """Why no tunnel can be opened."""
    with pytest.raises(SourceUnreachable) as raised:
        async with open_tunnel(source, trusted_keys=trusted):
            raise AssertionError("the tunnel was opened")
    assert raised.value.details["stage"] == "ssh"
    return raised.value


async def code_of(source: Source) -> ErrorCode:
    """The same, as its code alone."""
    return (await refusal(source)).code
