"""Parses the texts of statements in a separate process: any user who may run a statement may have written one.

Some texts of a hundred characters keep a parser busy for minutes, and a thread cannot be killed.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Iterable

import msgspec
from msgspec import Struct

from datasources.databases.base import History, LineageEdge
from datasources.databases.history.edges import Names, Written, edges_from
from datasources.databases.history.statements import Deed, understood
from datasources.databases.limits import Limit
from datasources.databases.separate import limit_memory, process_of

READ_SECONDS = 30.0
"""For all texts together; those that the process does not reach in time count as unread."""
TEXT_SECONDS = 1.0
"""CPU time for one text."""
START_SECONDS = 30.0
"""How long the process may take to start and to answer, not counting parsing: it imports only our code."""


class Texts(Struct, frozen=True):
    """A request to the process."""

    texts: list[str]
    dialect: str
    seconds: float
    asker: int
    """The number of the process that asks."""


async def history_of_texts(
    statements: Iterable[Written], names: Names, dialect: str, limit: Limit, read_from: str
) -> tuple[list[LineageEdge], History]:
    """The edges that these statements have made, and what of them was read."""
    async with limit.round("history"):
        edges, count, unread = await edges_apart(statements, names, dialect)
    return edges, History(read_from=read_from, statements=count, unread=unread)


async def edges_apart(
    statements: Iterable[Written], names: Names, dialect: str, *, seconds: float = READ_SECONDS
) -> tuple[list[LineageEdge], int, int]:
    """The same as `edges_by`, but safe for any text: those that take too long or too much memory count as unread."""
    statements = list(statements)
    deeds = await deeds_apart([statement.sql for statement in statements], dialect, seconds)
    return edges_from(list(zip(statements, deeds, strict=True)), names)


async def deeds_apart(texts: list[str], dialect: str, seconds: float) -> list[Deed | None]:
    """What each text does; None if the parser understands nothing of it, or takes too long or too much memory."""
    return await _deeds(Texts(texts, dialect, seconds, os.getpid())) if texts else []


async def _deeds(asked: Texts) -> list[Deed | None]:
    async with process_of("datasources.databases.history.apart") as process:
        try:
            async with asyncio.timeout(START_SECONDS + asked.seconds):
                answer, _ = await process.communicate(msgspec.json.encode(asked))
            return msgspec.json.decode(answer, type=list[Deed | None])
        except (TimeoutError, msgspec.DecodeError):  # we killed it, or the system did
            return [None] * len(asked.texts)


class _TooLong(BaseException):
    """Derives from `BaseException`, so that no parser catches it as an error of its own."""


def answer(asked: Texts) -> list[Deed | None]:
    """What each text does, as far as time allows and while the process that asked is still running."""
    until = time.monotonic() + asked.seconds
    return [
        _in_time(text, asked.dialect) if time.monotonic() < until and os.getppid() == asked.asker else None
        for text in asked.texts
    ]


def _in_time(text: str, dialect: str) -> Deed | None:
    try:
        signal.setitimer(signal.ITIMER_PROF, TEXT_SECONDS)
        try:
            return understood(text, dialect)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
    except _TooLong:
        return None


def _end(*_: object) -> None:
    raise _TooLong


def main() -> None:
    """Answer the request on standard input, within limits that the operating system enforces."""
    limit_memory()
    signal.signal(signal.SIGPROF, _end)
    asked = msgspec.json.decode(sys.stdin.buffer.read(), type=Texts)
    sys.stdout.buffer.write(msgspec.json.encode(answer(asked)))


if __name__ == "__main__":
    main()
