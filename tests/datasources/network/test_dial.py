"""Connections to the addresses of a host, and what the system says of those that fail."""

import errno
import socket

import pytest

from datasources.network.dial import dial, system_words
from datasources.network.progress import Progress
from tests.fixtures.servers.database import free_port


async def test_a_closed_port_is_told_in_the_words_of_the_system() -> None:
    """Not in those of asyncio, which are about its own call."""
    with pytest.raises(ConnectionRefusedError) as failure:
        await dial(["127.0.0.1"], free_port(), Progress(5))
    assert failure.value.strerror == "Connection refused"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ECONNREFUSED, "Connect call failed ('127.0.0.1', 1)"), "Connection refused"),
        (socket.gaierror(-2, "Name or service not known"), None),
        (OSError("All connection attempts failed"), None),
        (ExceptionGroup("two addresses", [OSError(errno.EHOSTUNREACH, "x"), ValueError()]), "No route to host"),
        (None, None),
    ],
)
def test_what_the_system_says_is_found_behind_other_errors(error: Exception | None, words: str | None) -> None:
    """By its number, also in a group and behind what a library raises; a number of another kind says nothing."""
    behind = RuntimeError("All connection attempts failed")
    behind.__cause__ = error
    assert system_words(behind) == words
