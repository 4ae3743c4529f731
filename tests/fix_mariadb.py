"""A real MariaDB server: Debian's."""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymysql
import pytest

from tests.fix_database import PASSWORD, authority_and_certificate, free_port
from tests.fix_processes import kept

PROGRAM = Path("/usr/sbin/mariadbd")
SCHEMA = f"""
CREATE DATABASE shop; CREATE DATABASE scratch; CREATE DATABASE locked; CREATE DATABASE missing_to_others;
CREATE USER reader IDENTIFIED BY '{PASSWORD}';
CREATE USER nobody_in IDENTIFIED BY '{PASSWORD}' WITH MAX_USER_CONNECTIONS 1;
CREATE USER filer IDENTIFIED BY '{PASSWORD}'; GRANT FILE ON *.* TO filer;
CREATE TABLE shop.customer (id integer PRIMARY KEY, name varchar(50) NOT NULL DEFAULT 'unknown');
CREATE TABLE shop.orders (
    id integer PRIMARY KEY, customer_id integer, total decimal(10, 2) COMMENT 'In euros',
    FOREIGN KEY (customer_id) REFERENCES shop.customer (id)) COMMENT 'What was bought';
CREATE VIEW shop.totals AS SELECT customer_id, sum(total) AS total FROM shop.orders GROUP BY customer_id;
CREATE VIEW shop.best AS SELECT c.name, t.total FROM shop.totals AS t JOIN shop.customer AS c ON c.id = t.customer_id;
CREATE TABLE locked.seen (a integer);
GRANT SELECT, SHOW VIEW ON shop.* TO reader; GRANT ALL ON scratch.* TO reader; GRANT SELECT ON locked.* TO reader;
GRANT SELECT ON shop.* TO nobody_in; GRANT SELECT ON shop.* TO filer;
"""


@dataclass(frozen=True)
class MariaServer:
    """A running server with TLS."""

    port: int
    data: Path
    ca: str
    process: subprocess.Popen[bytes]

    def run(self, *statements: str, user: str = "root", password: str = "") -> list[Any]:
        """What each statement answers to this user."""
        session = pymysql.connect(
            host="127.0.0.1", port=self.port, user=user, password=password, autocommit=True, ssl_disabled=True
        )
        found = []
        with session, session.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
                found.append(cursor.fetchall())
        return found


@contextlib.contextmanager
def running_mariadb() -> Iterator[MariaServer]:
    """A server of its own, from nothing, ended and removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="sourcecheck-maria-"))
    data = folder / "data"
    account = "root" if os.geteuid() == 0 else ""
    as_user = [f"--user={account}"] if account else []
    install = ["mariadb-install-db", "--no-defaults", f"--datadir={data}", *as_user, "--skip-test-db"]
    subprocess.run([*install, "--auth-root-authentication-method=normal"], check=True, capture_output=True)
    ca, certificate, key = authority_and_certificate()
    (folder / "server.crt").write_bytes(certificate)
    (folder / "server.key").write_bytes(key)
    port = free_port()
    command = [
        str(PROGRAM), "--no-defaults", *as_user, f"--datadir={data}", f"--port={port}", f"--socket={folder}/m.sock",
        "--bind-address=127.0.0.1", "--skip-name-resolve", "--innodb-flush-log-at-trx-commit=0",
        f"--ssl-cert={folder}/server.crt", f"--ssl-key={folder}/server.key",
    ]  # fmt: skip
    try:
        with kept(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            server = MariaServer(port, data, ca, process)
            _wait(server)
            server.run(*(statement for statement in SCHEMA.split(";") if statement.strip()))
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait(server: MariaServer) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            server.run("SELECT 1")
        except pymysql.MySQLError:
            if time.monotonic() > until or server.process.poll() is not None:
                raise
            time.sleep(0.1)
        else:
            return


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaServer]:
    """MariaDB 10.11, from Debian."""
    if not PROGRAM.exists():
        reason = f"no MariaDB at {PROGRAM}: install the package mariadb-server"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    with running_mariadb() as server:
        yield server
