"""The log of statements that RDS and Aurora send to CloudWatch, against moto, which verifies signatures and policies."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from datasources.databases.aws.service import Service
from datasources.databases.aws.signing import AccessKey
from datasources.databases.base import Lineage, Origin
from datasources.databases.globs import Globs
from datasources.databases.rds import Rds
from datasources.databases.rds.cloudwatch import TARGET, Place
from datasources.databases.rds.model import RdsOptions, RdsSource
from datasources.databases.rds.session import RdsSession
from tests.doubles.relatives import in_database
from tests.emulators.moto import Key, Moto, running
from tests.fixtures.servers.database import PASSWORD, Server, free_port

GROUP = "/aws/rds/instance/shop/postgresql"
DATABASE = "logged"
TABLES = (
    "CREATE TABLE shop.summary (total numeric); GRANT SELECT ON shop.summary TO reader; CREATE TABLE shop.old (id int);"
)
WHO = "UTC:10.0.0.5(50123):etl@logged:[77]"
ENTRIES = [
    (0.1, f"{WHO}:LOG:  statement: INSERT INTO shop.summary\n\tSELECT sum(total)\n\tFROM shop.orders"),
    (0.2, f"{WHO}:LOG:  execute <unnamed>: INSERT INTO shop.customer SELECT id, $1 FROM shop.summary, shop.orders"),
    (2, "UTC:10.0.0.5(50123):etl@other:[77]:LOG:  statement: INSERT INTO shop.orders SELECT id FROM shop.customer"),
    (3, f"{WHO}:LOG:  statement: CREATE ROLE x PASSWORD 's3cret-of-a-role'"),
    (4, f"{WHO}:LOG:  statement: DO $$ BEGIN INSERT INTO shop.orders SELECT 1 FROM shop.customer; END $$"),
    (100, f"{WHO}:LOG:  statement: UPDATE shop.orders SET total = c.id FROM shop.customer AS c WHERE c.id = orders.id"),
    (24 * 9, f"{WHO}:LOG:  statement: INSERT INTO shop.customer (id) SELECT id FROM shop.totals"),
]
"""Hours ago, and what stands behind the time. The last one is too old to be looked for."""


def fill(server: Moto) -> tuple[Key, Key]:
    """The log, the key of a user who may read it, and one of a user who may do nothing."""
    logs = server.client("logs")
    logs.create_log_group(logGroupName=GROUP)
    logs.create_log_stream(logGroupName=GROUP, logStreamName="shop.0")
    for hours, text in reversed(ENTRIES):
        moment = time.time() - hours * 3600
        written = time.strftime("%Y-%m-%d %H:%M:%S ", time.gmtime(moment)) + text
        event = {"timestamp": int(moment * 1000), "message": written}
        logs.put_log_events(logGroupName=GROUP, logStreamName="shop.0", logEvents=[event])
    return server.key_of("reader", "logs:FilterLogEvents"), server.key_of("nobody", "s3:ListBucket")


@pytest.fixture(scope="module")
def moto() -> Iterator[tuple[Moto, tuple[Key, Key]]]:
    """A server with both keys."""
    with running(fill) as found:
        yield found


@pytest.fixture(scope="module")
def shop(embedded: Server) -> Iterator[Server]:
    """A database of the usual content, which logs what is modified."""
    with in_database(embedded, DATABASE, TABLES):
        with embedded.connect() as session:
            session.execute(f"ALTER DATABASE {DATABASE} SET log_statement = 'mod'")  # type: ignore[arg-type]
        yield embedded


def source(server: Server, **options: Any) -> RdsSource:
    """A source there, with a log group."""
    facts = {"host": "127.0.0.1", "port": server.port, "user": "reader", "password": PASSWORD, "dbname": DATABASE}
    named = {
        "aws_cloudwatch_log_group": GROUP, "aws_region": "us-east-1", "aws_access_key_id": "AKIA",
        "aws_secret_access_key": "never used",
    }  # fmt: skip
    return RdsSource(
        name="real", connection_timeout=5, query_timeout=20, options=RdsOptions(**(facts | named | options))
    )


async def lineage(server: Server, port: int, key: Key, group: str = GROUP, **options: Any) -> Lineage:
    """What is found with this key at a service on this port."""
    async with Rds.connect(source(server, **options)) as session:
        assert isinstance(session, RdsSession)
        assert session.log_place is not None
        assert session.log_place.service.host == "logs.us-east-1.amazonaws.com"
        service = Service("logs", TARGET, "us-east-1", "127.0.0.1", port, tls=False)
        session.log_place = Place(group, service, AccessKey(*key))
        return await session.lineage(Globs())


async def test_statements_of_the_log(shop: Server, moto: tuple[Moto, tuple[Key, Key]]) -> None:
    """Of the source's own database, of a week, over several lines; a block is unread. No text leaves."""
    server, (reader, _) = moto
    found = await lineage(shop, server.port, reader)
    made = {(str(edge.source), str(edge.target)) for edge in found.edges if edge.origin is Origin.query_history}
    assert made == {
        ("shop.orders", "shop.summary"), ("shop.summary", "shop.customer"), ("shop.orders", "shop.customer"),
        ("shop.customer", "shop.orders"),
    }  # fmt: skip
    assert found.history is not None
    assert (found.history.statements, found.history.unread, found.history.missing) == (3, 1, None)
    assert found.history.read_from == f"CloudWatch {GROUP} (the last 168 h)"
    assert "s3cret-of-a-role" not in str(found)


async def test_what_is_missing(shop: Server, moto: tuple[Moto, tuple[Key, Key]]) -> None:
    """A right by its policy, a wrong key, a group that is not there, a service that is not: the views are read all the same."""
    server, (reader, nobody) = moto
    for port, key, group, words in (
        (server.port, nobody, GROUP, '"Action": "logs:FilterLogEvents"'),
        (server.port, nobody, GROUP, f"arn:aws:logs:us-east-1:*:log-group:{GROUP}:*"),
        (server.port, (reader[0], "wrong"), GROUP, "AWS does not take the access key"),
        (server.port, reader, "/aws/none", "log group"),
        (free_port(), reader, GROUP, "refused"),
    ):
        found = await lineage(shop, port, key, group)
        assert found.history is not None
        assert words in (found.history.missing or "")
        assert {str(edge.target) for edge in found.edges} == {"shop.totals", "shop.best"}


async def test_a_log_without_statements(shop: Server, moto: tuple[Moto, tuple[Key, Key]]) -> None:
    """A server that logs no statements is told so: an empty log is no proof that nothing was made."""
    server, (reader, _) = moto
    with shop.connect() as session:
        session.execute(f"ALTER DATABASE {DATABASE} SET log_statement = 'none'")  # type: ignore[arg-type]
        found = await lineage(shop, server.port, reader)
        session.execute(f"ALTER DATABASE {DATABASE} SET log_statement = 'mod'")  # type: ignore[arg-type]
    assert found.history is not None
    assert "log_statement is none: set it to mod" in (found.history.missing or "")


async def test_no_key_is_no_key(shop: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys of the worker's environment are not lent (security row 28); what is missing is named."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAWORKER")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the worker's own")
    async with Rds.connect(source(shop, aws_secret_access_key=None)) as session:
        history = (await session.lineage(Globs())).history
    assert history is not None
    assert "needs aws_access_key_id, aws_secret_access_key and aws_region" in (history.missing or "")
