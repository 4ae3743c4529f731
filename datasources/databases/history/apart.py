"""Texts of statements are read in a process of its own: anybody who may run a statement may have written one.

A parser takes minutes for some of a hundred characters, and a thread cannot be ended.
"""

import asyncio
import os
import resource
import signal
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from weakref import WeakKeyDictionary

import msgspec
from msgspec import Struct

from datasources.databases.base import LineageEdge
from datasources.databases.history.edges import Names, Written, edges_from
from datasources.databases.history.statements import Deed, understood

READ_SECONDS = 30.0
"""For all texts together; those that are not reached in time are unread."""
TEXT_SECONDS = 1.0
"""Of a processor, for one text."""
MOST_BYTES = 2**30
"""Of memory."""
START_SECONDS = 30.0
"""How long the process may take to be there and to answer, beside reading: what it imports is ours."""
AT_ONCE = 2
"""Such processes; the others wait."""
_room: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


class Texts(Struct, frozen=True):
    """What the process is asked."""

    texts: list[str]
    dialect: str
    seconds: float


async def edges_apart(
    statements: Iterable[Written], names: Names, dialect: str, *, seconds: float = READ_SECONDS
) -> tuple[list[LineageEdge], int, int]:
    """What `edges_by` answers, whatever the texts are: those that take too long, or too much memory, are unread."""
    statements = list(statements)
    deeds = await deeds_apart([statement.sql for statement in statements], dialect, seconds)
    return edges_from(list(zip(statements, deeds, strict=True)), names)


async def deeds_apart(texts: list[str], dialect: str, seconds: float) -> list[Deed | None]:
    """What each text does; None for one of which nothing is understood, or that takes too long, or too much memory."""
    return await _deeds(Texts(texts, dialect, seconds)) if texts else []


async def _deeds(asked: Texts) -> list[Deed | None]:
    loop = asyncio.get_running_loop()
    async with _room.setdefault(loop, asyncio.Semaphore(AT_ONCE)):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-m", "datasources.databases.history.apart", env={},
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            async with asyncio.timeout(START_SECONDS + asked.seconds):
                answer, _ = await process.communicate(msgspec.json.encode(asked))
            return msgspec.json.decode(answer, type=list[Deed | None])
        except (TimeoutError, msgspec.DecodeError):  # it was ended, by us or by the system
            return [None] * len(asked.texts)
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


class _TooLong(BaseException):
    """No parser takes it for an error of its own."""


def answer(asked: Texts) -> list[Deed | None]:
    """What each text does, in the time that there is, and while the process that asked is there."""
    until, asker = time.monotonic() + asked.seconds, os.getppid()
    return [
        _in_time(text, asked.dialect) if time.monotonic() < until and os.getppid() == asker else None
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
    """Answer what is asked on the standard input, within limits that the system enforces."""
    with suppress(ValueError, OSError):  # not every system has it
        resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    signal.signal(signal.SIGPROF, _end)
    asked = msgspec.json.decode(sys.stdin.buffer.read(), type=Texts)
    sys.stdout.buffer.write(msgspec.json.encode(answer(asked)))


if __name__ == "__main__":
    main()
