"""ClickHouse's engine behind its HTTP interface: chDB, in an environment of its own (`make emulators`)."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fix_database import PASSWORD, free_port
from tests.fix_processes import kept

PYTHON = Path(".emulators/chdb/bin/python")
DOUBLE = Path(__file__).parent / "doubles" / "clickhouse_http.py"
SCHEMA = """
CREATE DATABASE shop; CREATE DATABASE scratch; CREATE DATABASE locked;
CREATE TABLE shop.customer (id Int32, name String DEFAULT 'unknown') ENGINE = MergeTree ORDER BY id;
CREATE TABLE shop.orders (id Int32, customer_id Nullable(Int32), total Decimal(10, 2) COMMENT 'In euros')
    ENGINE = MergeTree ORDER BY id COMMENT 'What was bought';
CREATE VIEW shop.totals AS SELECT customer_id, sum(total) AS total FROM shop.orders GROUP BY customer_id;
CREATE VIEW shop.best AS SELECT c.name, t.total FROM shop.totals AS t JOIN shop.customer AS c ON c.id = t.customer_id
"""


@dataclass(frozen=True)
class ClickhouseServer:
    """A running server."""

    port: int

    def run(self, *statements: str) -> list[Any]:
        """What each statement answers to a user who may do everything."""
        login = {"X-ClickHouse-User": "admin", "X-ClickHouse-Key": PASSWORD}
        with httpx.Client(headers=login, params={"default_format": "JSONCompact"}, timeout=60) as client:
            return [self._run(client, statement) for statement in statements]

    def _run(self, client: httpx.Client, statement: str) -> Any:
        answer = client.post(f"http://127.0.0.1:{self.port}/", content=statement)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"] if answer.text.strip() else []


@pytest.fixture(scope="session")
def clickhouse() -> Iterator[ClickhouseServer]:
    """chDB behind HTTP."""
    if not PYTHON.exists():
        reason = f"no chDB at {PYTHON}: run `make emulator-chdb`"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    with running_clickhouse() as server:
        yield server


@contextmanager
def running_clickhouse() -> Iterator[ClickhouseServer]:
    """A server of its own, from nothing, ended and removed at the end."""
    folder, port = tempfile.mkdtemp(prefix="sourcecheck-chdb-"), free_port()
    command = [str(PYTHON), str(DOUBLE), f"{folder}/data", str(port), PASSWORD]
    try:
        with kept(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            server = ClickhouseServer(port)
            _wait(server, process)
            server.run(*(statement for statement in SCHEMA.split(";") if statement.strip()))
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait(server: ClickhouseServer, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + 60
    while True:
        try:
            server.run("SELECT 1")
        except httpx.TransportError:
            if time.monotonic() > until or process.poll() is not None:
                raise
            time.sleep(0.1)
        else:
            return
