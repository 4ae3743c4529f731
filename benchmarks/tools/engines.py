"""The engines that figures by type are about, started as the tests start them; what is not installed is left out."""

import os
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import duckdb
import httpx
import psycopg
import pymysql
from msgspec import Struct

from datasources.databases.clickhouse.model import ClickhouseOptions, ClickhouseSource
from datasources.databases.duckdb.model import DuckdbOptions, DuckdbSource
from datasources.databases.mongodb.model import MongodbOptions, MongodbSource
from datasources.databases.mysql.model import MariadbSource, MysqlOptions
from datasources.databases.s3.model import S3Options, S3Source
from datasources.databases.sqlite.model import SqliteOptions, SqliteSource
from datasources.model.source import Source
from tests.emulators import kit
from tests.emulators.mongodb.conftest import running_mongodb
from tests.emulators.s3.conftest import BUCKET, REGION, running_moto
from tests.fixtures.servers import clickhouse, mariadb
from tests.fixtures.servers.database import PASSWORD, Server, embedded_binaries, running

COLUMNS = 20
BATCH = 500
"""Tables made in one transaction: each holds a lock until its end."""
WIDE = "wide"
"""The schema of many tables."""


class Engine(Struct):
    """One that answers."""

    source: Source
    bare: Callable[[], Any]
    """Connect, ask for the version and close, by the driver alone."""


@contextmanager
def engines(tables: int = 0) -> Iterator[list[Engine]]:
    """PostgreSQL, MariaDB, SQLite, DuckDB and ClickHouse, each with so many tables of `COLUMNS` columns."""
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sourcecheck-bench-")))
        os.environ["SOURCECHECK_FILE_ROOT"] = str(root)
        os.environ["SOURCECHECK_ALLOW_PRIVATE_NETWORKS"] = "true"
        found = [_postgres(stack, tables), _sqlite(root, tables), _duckdb(root, tables)]
        if mariadb.PROGRAM.exists():
            found.append(_mariadb(stack, tables))
        else:
            _say("no MariaDB here: apt-get install mariadb-server")
        if clickhouse.PYTHON.exists():
            found.append(_clickhouse(stack, tables))
        else:
            _say("no chDB here: make emulator-chdb")
        yield found


@contextmanager
def emulators() -> Iterator[list[Engine]]:
    """Those that start in seconds: MongoDB's and S3's, where they are installed."""
    with ExitStack() as stack:
        found = []
        if (kit.HOME / "secantus" / "pins").exists():
            found.append(_mongodb(stack))
        if (kit.HOME / "moto" / "pins").exists():
            found.append(_s3(stack))
        yield found


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr)


def _columns(kinds: str) -> str:
    return ", ".join(f"column_{number} {kinds.split()[number % len(kinds.split())]}" for number in range(COLUMNS))


def _statements(tables: int, columns: str, after: str = "") -> Iterator[str]:
    return (f"CREATE TABLE {WIDE}.table_{number:05} ({columns}){after}" for number in range(tables))


def _postgres(stack: ExitStack, tables: int) -> Engine:
    server: Server = stack.enter_context(running(embedded_binaries(), tls=False))
    with server.connect() as session:
        session.execute(f"CREATE SCHEMA {WIDE}; GRANT USAGE ON SCHEMA {WIDE} TO reader")
        statements = list(_statements(tables, _columns("integer text timestamptz numeric")))
        for first in range(0, tables, BATCH):
            with session.transaction():
                session.execute("; ".join(statements[first : first + BATCH]))
        session.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {WIDE} TO reader")

    def bare() -> None:
        facts = {"host": "127.0.0.1", "port": server.port, "user": "reader", "password": PASSWORD, "dbname": "postgres"}
        with psycopg.connect(**facts) as session:
            session.execute("SHOW server_version").fetchone()

    return Engine(server.source(), bare)


def _mariadb(stack: ExitStack, tables: int) -> Engine:
    server = stack.enter_context(mariadb.running_mariadb())
    server.run(f"CREATE DATABASE {WIDE}", f"GRANT SELECT ON {WIDE}.* TO reader")
    server.run(*_statements(tables, _columns("integer text datetime decimal(10,2)")))
    facts: dict[str, Any] = {"host": "127.0.0.1", "port": server.port, "user": "reader", "password": PASSWORD}

    def bare() -> None:
        with pymysql.connect(**facts, database="shop") as session, session.cursor() as cursor:
            cursor.execute("SELECT VERSION()")
            cursor.fetchall()

    return Engine(MariadbSource(name="maria", options=MysqlOptions(**facts, db="shop")), bare)


def _sqlite(root: Path, tables: int) -> Engine:
    path = root / "bench.sqlite"
    with sqlite3.connect(path) as session:
        session.execute("BEGIN")
        for statement in _statements(tables, _columns("integer text datetime numeric")):
            session.execute(statement.replace(f"{WIDE}.", ""))
        session.execute("CREATE TABLE one (a integer)")

    def bare() -> None:
        session = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        session.execute("SELECT sqlite_version()").fetchone()
        session.close()

    return Engine(SqliteSource(name="sqlite", options=SqliteOptions(path=path.name)), bare)


def _duckdb(root: Path, tables: int) -> Engine:
    path = root / "bench.duckdb"
    session = duckdb.connect(str(path))
    session.execute(f"CREATE SCHEMA {WIDE}; BEGIN")
    for statement in _statements(tables, _columns("integer text timestamp decimal(10,2)")):
        session.execute(statement)
    session.execute("COMMIT")
    session.close()

    def bare() -> None:
        opened = duckdb.connect(str(path), read_only=True)
        opened.execute("SELECT version()").fetchone()
        opened.close()

    return Engine(DuckdbSource(name="duckdb", options=DuckdbOptions(path=path.name)), bare)


def _clickhouse(stack: ExitStack, tables: int) -> Engine:
    server = stack.enter_context(clickhouse.running_clickhouse())
    server.run(f"CREATE DATABASE {WIDE}")
    server.run(*_statements(tables, _columns("Int32 String DateTime Decimal(10,2)"), " ENGINE = Memory"))
    options = ClickhouseOptions(
        host="127.0.0.1", port=server.port, user="reader", password=PASSWORD, database="shop", tls="off",
        allow_cleartext_password=True,
    )  # fmt: skip
    login = {"X-ClickHouse-User": "reader", "X-ClickHouse-Key": PASSWORD}

    def bare() -> None:
        with httpx.Client(timeout=60) as client:
            client.post(
                f"http://127.0.0.1:{server.port}/", content="SELECT version()", headers=login
            ).raise_for_status()

    return Engine(ClickhouseSource(name="clickhouse", options=options), bare)


def _mongodb(stack: ExitStack) -> Engine:
    import pymongo

    server = stack.enter_context(running_mongodb())
    options = MongodbOptions(
        host="localhost", port=server.port, username="reader", password=PASSWORD, database="shop", rootcert=server.ca
    )

    def bare() -> None:
        with pymongo.MongoClient[Any](
            "localhost", server.port, directConnection=True, username="reader", password=PASSWORD, tls=True,
            tlsCAFile=f"{server.folder}/ca.crt",
        ) as client:  # fmt: skip
            client.server_info()

    return Engine(MongodbSource(name="mongodb", options=options), bare)


def _s3(stack: ExitStack) -> Engine:
    server = stack.enter_context(running_moto())
    options = S3Options(
        bucket_name=BUCKET, region=REGION, key_id=server.reader[0], secret=server.reader[1],
        endpoint=f"https://localhost:{server.port}", rootcert=server.ca,
    )  # fmt: skip

    def bare() -> None:
        server.client(login=server.reader).list_objects_v2(Bucket=BUCKET, MaxKeys=1)

    return Engine(S3Source(name="s3", options=options), bare)
