"""A real pgbouncer in front of a real PostgreSQL: what a pooler lends us must come back as it was."""

import os
import pwd
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.fix_database import PASSWORD, Server, free_port
from tests.fix_processes import kept

PGBOUNCER = Path("/usr/sbin/pgbouncer")
START_SECONDS = 20


@dataclass(frozen=True)
class Pooler:
    """A running pgbouncer."""

    port: int
    server: Server

    def connect(self, dbname: str = "postgres", user: str = "reader") -> psycopg.Connection[Any]:
        """Another client of it, as applications have one."""
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user=user, password=PASSWORD, dbname=dbname, autocommit=True
        )

    def options(self, **changes: Any) -> dict[str, Any]:
        """Options of a source behind it."""
        facts = {"host": "127.0.0.1", "port": self.port, "user": "reader", "password": PASSWORD, "dbname": "postgres"}
        return facts | changes


@contextmanager
def running_pooler(server: Server, databases: str = "", *, others: bool = True, **settings: Any) -> Iterator[Pooler]:
    """pgbouncer in front of this server; by transaction with one connection, unless `settings` say otherwise.

    `others`: whether it also passes on databases that `databases` does not name.
    """
    if not PGBOUNCER.exists():
        message = f"no pgbouncer at {PGBOUNCER}: install the package pgbouncer"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    port = free_port()
    folder = Path(tempfile.mkdtemp(prefix="sourcecheck-pooler-"))
    facts = {
        "listen_addr": "127.0.0.1",
        "listen_port": port,
        "auth_type": "scram-sha-256",
        "auth_file": folder / "users.txt",
        "unix_socket_dir": "",
        "pool_mode": "transaction",
        "default_pool_size": 1,
        "logfile": folder / "log",
        "ignore_startup_parameters": "extra_float_digits",
    } | settings
    (folder / "users.txt").write_text("".join(f'"{user}" "{PASSWORD}"\n' for user in ("reader", "postgres")))
    (folder / "pgbouncer.ini").write_text(
        f"[databases]\n{databases}\n{f'* = host=127.0.0.1 port={server.port}' if others else ''}\n[pgbouncer]\n"
        + "".join(f"{name} = {value}\n" for name, value in facts.items())
    )
    who: dict[str, Any] = {}
    if os.geteuid() == 0:  # pgbouncer does not run as root
        nobody = pwd.getpwnam("nobody")
        who = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        for path in (folder, *folder.iterdir()):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
    with (
        (folder / "out").open("wb") as log,
        kept([str(PGBOUNCER), str(folder / "pgbouncer.ini")], stdout=log, stderr=log, **who) as process,
    ):
        _wait(port, process, folder)
        yield Pooler(port, server)


def _wait(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    pytest.fail(f"pgbouncer did not start:\n{(folder / 'out').read_text()}")


@pytest.fixture(scope="session")
def pooler(embedded: Server) -> Iterator[Pooler]:
    """By transaction, with one connection to the server, and a database under another name."""
    with running_pooler(embedded, f"alias = host=127.0.0.1 port={embedded.port} dbname=postgres") as found:
        yield found
