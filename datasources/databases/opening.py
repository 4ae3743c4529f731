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
from datasources.network.recognise import first_bytes, recognise, recognise_silent

T = TypeVar("T")

RETRY_SECONDS = 0.1
PROBE_SECONDS = 2.0
"""How long a port that broke the protocol may take to show what it speaks."""
FOREIGN = frozenset({ErrorCode.PROTOCOL_ERROR, ErrorCode.TLS_ERROR, ErrorCode.CONNECTION_ERROR})
"""What drivers report of a port that is another service's."""


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


async def place_of(source: Source, host: str, port: int) -> tuple[list[str], int]:
    """Addresses and port of a host that is asked for: the source's own, which may be behind a tunnel, or another's.

    Raises `SourceUnreachable`.
    """
    if source.options.target == (host, port):
        return await addresses_of(source)
    return await resolve(host, port, Policy.from_settings(Settings.load())), port


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
                pause = max(RETRY_SECONDS, error.details.get("retry_after", 0))
                if not error.transient or time.monotonic() + pause > until:
                    raise
            await asyncio.sleep(pause)
        yield opened


@asynccontextmanager
async def recognising(
    source: Source, product: str, own: str | None, open_once: Callable[[], AbstractAsyncContextManager[T]]
) -> AsyncIterator[T]:
    """Open it; PROTOCOL_ERROR with `details["speaks"]` where the start fails because another service is there.

    `own`: the protocol that the product speaks itself; a server that answers in it is no other service.
    """
    async with AsyncExitStack() as stack:
        began = time.monotonic()
        try:
            opened = await stack.enter_async_context(open_once())
        except SourceUnreachable as error:
            what = error.details.get("speaks")
            left = min(PROBE_SECONDS, source.connection_timeout - (time.monotonic() - began))
            if what is None and left > 0 and _may_be_foreign(source, error):
                what = await _spoken(source, own, left)
            if what in (None, own):
                raise
            message = f"The server at this port speaks {what}, not {product} ({error.message})"
            details = error.details | {"speaks": what}
            advice = f"Check the host and port: the server there speaks {what}, not {product}."
            raise SourceUnreachable(ErrorCode.PROTOCOL_ERROR, message, details, advice) from error
        yield opened


async def _spoken(source: Source, own: str | None, seconds: float) -> str | None:
    """What speaks at the source's port.

    PostgreSQL has to be asked in its own way, in which its relatives answer as well: so it is looked for only where
    the product's own protocol is known to be none of theirs.
    """
    where = await addresses_of(source)
    if own is not None:
        return await recognise_silent(*where, seconds)
    return recognise(await first_bytes(*where, seconds) or b"")


def _may_be_foreign(source: Source, error: SourceUnreachable) -> bool:
    """Whether a start failed in a way that another service's port explains: after TCP, and with no word of ours."""
    understood = error.transient or error.details.get("sqlstate") or "certificate" in error.message
    reached = error.details.get("stage") not in ("resolve", "tcp", "ssh", "driver")
    return source.options.target is not None and error.code in FOREIGN and reached and not understood
