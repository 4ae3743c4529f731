"""What is tried again, and what is not."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from datasources.databases.opening import patiently
from datasources.model.errors import SourceUnreachable
from datasources.model.vocabulary import ErrorCode
from datasources.network.addresses import look_up

TRANSIENT = SourceUnreachable(ErrorCode.CONNECTION_ERROR, "the database system is starting up", {"transient": True})
FULL = SourceUnreachable(ErrorCode.TOO_MANY_CONNECTIONS, "too many clients already")
REFUSED = SourceUnreachable(ErrorCode.CONNECTION_ERROR, "Connection refused")


class Door:
    """Something to open that fails a few times."""

    def __init__(self, *failures: SourceUnreachable) -> None:
        self.failures = list(failures)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[str]:
        """What is behind it."""
        if self.failures:
            raise self.failures.pop(0)
        yield "open"


async def test_what_may_pass_by_itself_is_tried_again() -> None:
    """As long as the patience lasts."""
    async with patiently(Door(TRANSIENT, FULL, TRANSIENT).open, 30) as found:
        assert found == "open"


@pytest.mark.parametrize(("failure", "patience"), [(REFUSED, 30), (TRANSIENT, 0), (FULL, 0)])
async def test_everything_else_is_told_at_once(failure: SourceUnreachable, patience: float) -> None:
    """And what is transient, when there is no time left."""
    door = Door(failure, *[REFUSED] * 50)
    with pytest.raises(SourceUnreachable) as caught:
        async with patiently(door.open, -1 if patience == 0 else patience):
            pass
    assert caught.value is failure


@pytest.mark.parametrize(("number", "transient"), [(socket.EAI_AGAIN, True), (socket.EAI_NONAME, False)])
async def test_a_name_server_that_is_away(number: int, transient: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that cannot be looked up now is not a name that does not exist."""

    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(number, "no")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(SourceUnreachable) as caught:
        await look_up("db.example", 5432)
    assert (caught.value.code, caught.value.transient) == (ErrorCode.HOST_NOT_FOUND, transient)
