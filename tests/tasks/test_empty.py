"""0 tables, for three reasons; and where temporary tables go, by every name of the database."""

import time

import pytest
from msgspec.structs import replace

from datasources.databases.postgres.model import PgSource
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode
from datasources.secrecy.scrubber import Scrubber
from tasks.context import StepContext
from tasks.steps import schema_download, temp_schema
from tests.fixtures.servers.database import PASSWORD, Server


@pytest.fixture(scope="module", params=["embedded", "debian"])
def server(request: pytest.FixtureRequest) -> Server:
    """A server with an empty database, and one whose only table is not for the reader."""
    found: Server = request.getfixturevalue(request.param)
    with found.connect() as admin:
        admin.execute("CREATE DATABASE bare")
        admin.execute("CREATE DATABASE priv")
    with found.connect(dbname="priv") as admin:
        admin.execute("CREATE SCHEMA x; CREATE TABLE x.y (id integer)")
    return found


def context(source: PgSource) -> StepContext:
    """What a step of a test of this source is given."""
    return StepContext(job_id=1, source_id=1, source=source, scrubber=Scrubber([PASSWORD]), deadline=time.time() + 60)


@pytest.mark.parametrize(
    ("dbname", "include", "reason", "words"),
    [
        ("bare", None, "nothing_there", "there are none"),
        ("priv", None, "nothing_readable", "none of the 1 that exist"),
        ("postgres", "publik.*", "nothing_matched", "leave nothing of the"),
        ("postgres", "SHOP.ORDERS", "nothing_matched", "did you mean shop.orders?"),
    ],
)
async def test_why_there_are_no_tables(
    server: Server, dbname: str, include: str | None, reason: str, words: str
) -> None:
    """The last two are warned of: the user most likely did not mean it."""
    source = replace(server.source(dbname=dbname), catalog_include_list=include)
    found = await schema_download.run(context(source))
    assert found.details["reason"] == reason
    assert found.message.startswith("Discovered 0 tables: ")
    assert words in found.message
    assert ("warning" in found.details) is (reason != "nothing_there")


async def test_tables_have_no_reason(server: Server) -> None:
    """Where there are some, nothing is to be explained."""
    found = await schema_download.run(context(server.source()))
    assert not {"reason", "warning"} & {*found.details}


async def test_a_schema_with_a_name_that_is_cut(server: Server) -> None:
    """A name longer than the server keeps is no schema's, although the server would find one for it."""
    with server.connect() as admin:
        admin.execute(f"CREATE SCHEMA {'s' * 63} AUTHORIZATION reader")  # type: ignore[arg-type]
    assert "writeable" in (await temp_schema.run(context(server.source(temp_schema="s" * 63)))).message
    with pytest.raises(CheckError) as caught:
        await temp_schema.run(context(server.source(temp_schema="s" * 70)))
    assert caught.value.code is ErrorCode.SCHEMA_NOT_FOUND


@pytest.mark.parametrize("name", ["scratch", "postgres.scratch"])
async def test_the_connected_database_by_its_name(server: Server, name: str) -> None:
    """It is told by its name or not at all."""
    found = await temp_schema.run(context(server.source(temp_schema=name)))
    assert found.message == 'Schema "postgres"."scratch" is writeable'
