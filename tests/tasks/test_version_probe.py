"""The version costs no connection of its own: the one that the connection step had was told it."""

import time

import msgspec
import pytest

from datasources.model.errors import CheckError
from datasources.model.source import Source
from datasources.secrecy.scrubber import Scrubber
from tasks import TASKS
from tasks.context import StepContext
from tests.fixtures.servers.database import Server, free_port


def check_of(source: Source) -> StepContext:
    """A check of this source that has just begun."""
    return StepContext(job_id=1, source_id=1, source=source, scrubber=Scrubber([]), deadline=time.time() + 30)


def said(server: Server) -> str:
    """What the server says of itself."""
    with server.connect() as session:
        return f"PostgreSQL {session.info.parameter_status('server_version')}".split(" (")[0]


async def test_told_on_the_way(database: Server) -> None:
    """After the connection step the probe opens nothing: it answers although nobody listens any more."""
    check = check_of(database.source())
    await TASKS["connection"](check)
    gone = msgspec.structs.replace(check, source=database.source(port=free_port()))
    assert (await TASKS["version_probe"](gone)).message == said(database)


async def test_asks_itself_when_nobody_was_told(database: Server) -> None:
    """Without a connection before it, it connects, and a no is its own."""
    assert (await TASKS["version_probe"](check_of(database.source()))).message == said(database)
    with pytest.raises(CheckError):
        await TASKS["version_probe"](check_of(database.source(port=free_port())))
