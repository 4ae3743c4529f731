"""MariaDB keeps the contract of all databases, as a source of its own type and as one of type `mysql`."""

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from datasources.databases.base import Origin
from datasources.databases.mysql import Mariadb, Mysql
from datasources.databases.mysql.model import MariadbSource, MysqlOptions, MysqlSource
from datasources.model.vocabulary import ErrorCode
from tests.datasources.databases.contract import Engine, NetworkContract
from tests.doubles.mysql8 import says_mysql
from tests.fixtures.servers.database import PASSWORD
from tests.fixtures.servers.mariadb import MariaServer


class MariaEngine(Engine):
    """A running MariaDB."""

    kind = Mariadb
    level = "engine"
    made: Any = MariadbSource
    version = "MariaDB 10."
    user = "reader@%"
    database = "shop"
    catalog = "def"
    types = {"id": "int(11)", "customer_id": "int(11)", "total": "decimal(10,2)"}
    default = "'unknown'"
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) SELECT a.i FROM n AS a, n AS b, n AS c, n AS d"
    slow = "SELECT SLEEP(60)"
    wide = "SELECT repeat('x', 15000000)"
    writes = [
        "CREATE TABLE scratch.made (a int)",
        "CREATE TEMPORARY TABLE scratch.made (a int)",
        "INSERT INTO scratch.kept VALUES (1)",
        "INSERT INTO scratch.kept VALUES (1) RETURNING a",
        "BEGIN NOT ATOMIC COMMIT; SET SESSION TRANSACTION READ WRITE; INSERT INTO scratch.kept VALUES (1); END",
        "EXECUTE IMMEDIATE 'INSERT INTO scratch.kept VALUES (1)'",
        "PREPARE made FROM 'SELECT 1'",
        "/*!50000 INSERT INTO scratch.kept VALUES (1) */",
        "SELECT 1 /*M! INTO OUTFILE '/tmp/made' */",
        "SELECT 1 INTO OUTFILE '/tmp/sourcecheck-made'",
        "SELECT 1 INTO @made",
        "SET SESSION TRANSACTION READ WRITE",
        "SET @a = 1",
        "DO 1",
        "KILL QUERY 1",
        "COMMIT",
        "LOCK TABLES scratch.kept WRITE",
        "HANDLER scratch.kept OPEN",
        "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE scratch.kept",
        "ANALYZE UPDATE scratch.kept SET a = 1",
        "FLUSH TABLES",
        "USE scratch",
    ]
    several = ["SELECT 1; SELECT 2", "SELECT 1; CREATE TABLE scratch.made (a int)"]

    def __init__(self, server: MariaServer) -> None:
        self.server = server
        self.port = server.port

    def source(self, *, temp_schema: str | None = None, **options: Any) -> Any:
        facts = {"host": "127.0.0.1", "port": self.port, "user": "reader", "password": PASSWORD, "db": "shop"}
        return self.made(
            name="real", temp_schema=temp_schema, connection_timeout=5, options=MysqlOptions(**(facts | options))
        )

    def make_tables(self, schema: str, names: list[str]) -> None:
        statements = [f"CREATE TABLE {schema}.`{name}` (a int)" for name in names]
        self.server.run(*statements, user="reader", password=PASSWORD)

    def drop_tables(self, schema: str) -> None:
        self.server.run(*(f"DROP TABLE {schema}.`{name}`" for name in self.tables_in(schema)))

    def tables_in(self, schema: str) -> set[str]:
        (rows,) = self.server.run(f"SHOW TABLES IN {schema}")
        return {name for (name,) in rows}

    def state(self) -> Any:
        return self.server.run(
            "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES", "SELECT * FROM scratch.kept"
        )

    def running(self, query: str) -> int:
        (rows,) = self.server.run(
            "SELECT count(*) FROM information_schema.PROCESSLIST WHERE USER = 'reader' AND INFO LIKE '%SLEEP%'"
        )
        return int(rows[0][0])


class MysqlEngine(MariaEngine):
    """The same server as a source of type `mysql`, behind a double that has it seem to be MySQL."""

    kind = Mysql
    level = "emulator"
    made = MysqlSource
    version = "MySQL 8."
    origin = Origin.dependency_record
    usage: ClassVar = [tuple(f"{source}.{view}".split(".")) for source, view in MariaEngine.lineage]

    def __init__(self, server: MariaServer, port: int) -> None:
        super().__init__(server)
        self.port = port


class TestMariadb(NetworkContract):
    """MariaDB."""

    tells = {"process"}

    no_database = {ErrorCode.PERMISSION_DENIED}

    @pytest.fixture(params=["mariadb", "mysql"])
    def engine(self, request: pytest.FixtureRequest, mariadb: MariaServer) -> Iterator[MariaEngine]:
        """As each of the two types."""
        if request.param == "mariadb":
            yield MariaEngine(mariadb)
            return
        with says_mysql(mariadb.port, MysqlEngine.usage) as port:
            yield MysqlEngine(mariadb, port)
