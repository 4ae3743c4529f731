"""Opening a connection to any server: where to, within which limit, and again while its refusal is transient."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TypeVar

from datasources.model.errors import SourceUnreachable
from datasources.model.settings import Settings
from datasources.model.source import Source
from datasources.model.vocabulary import ErrorCode
from datasources.network.addresses import Policy, resolve
from datasources.network.progress import Progress

T = TypeVar("T")

RETRY_SECONDS = 0.1


@asynccontextmanager
async def opening(seconds: float) -> AsyncIterator[Progress]:
    """Bound the opening of one connection as a whole; the block notes its stages in what is yielded.

    Raises `SourceUnreachable`, TIMEOUT, with the stage at which the time was over.
    """
    progress = Progress(seconds)
    try:
        async with asyncio.timeout(seconds):
            yield progress
    except TimeoutError as error:
        message = f"No answer within {seconds:.3g} s (stage: {progress.stage})"
        raise SourceUnreachable(ErrorCode.TIMEOUT, message, {"stage": progress.stage}) from error


async def addresses_of(source: Source) -> tuple[list[str], int]:
    """The addresses to connect to, and the port: those of the source that the policy allows, or its tunnel's near end.

    Connect to these and to nothing else (security rows 1 and 2); the host's name is for TLS alone. Raises
    `SourceUnreachable`.
    """
    if source.via is not None:
        return await resolve(source.via.address, source.via.port, Policy(allow_private=True)), source.via.port
    target = source.options.target
    assert target is not None  # noqa: S101 -- asked of servers only
    return await resolve(*target, Policy.from_settings(Settings.load())), target[1]


@asynccontextmanager
async def patiently(open_once: Callable[[], AbstractAsyncContextManager[T]], patience: float) -> AsyncIterator[T]:
    """Open it, and open it again for so many seconds while what refuses it may pass by itself.

    A server or gateway may be full or starting up, a name server away for a moment; and the steps of one test run side
    by side, so a user with few connections is not at fault for that.
    """
    until = time.monotonic() + patience
    async with AsyncExitStack() as stack:
        while True:
            try:
                opened = await stack.enter_async_context(open_once())
                break
            except SourceUnreachable as error:
                if not error.transient or time.monotonic() > until:
                    raise
            await asyncio.sleep(RETRY_SECONDS)
        yield opened
