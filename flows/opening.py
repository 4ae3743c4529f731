"""Keeps the way to a source open while a test runs."""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from datasources.catalogue.jobs.work import Work
from datasources.databases.opening import patiently
from datasources.model.errors import CheckError
from datasources.model.source import Source
from datasources.network.tunnel import open_tunnel
from datasources.secrecy.scrubber import Scrubber
from tasks.context import Keeper, Recorder, StepContext
from tasks.judge import LEAST_SECONDS


@asynccontextmanager
async def opened(
    work: Work, scrubber: Scrubber, recorder: Recorder, keeper: Keeper | None = None
) -> AsyncIterator[StepContext]:
    """Open the way to the source; if that fails, the connection step says why."""
    async with AsyncExitStack() as stack:
        source, unreachable, began = work.source, None, time.monotonic()
        bounded = work.source.within(max(LEAST_SECONDS, work.deadline - time.time()))
        try:
            if work.unreachable is not None:
                raise work.unreachable
            tunnel = partial(open_tunnel, bounded, trusted_keys=work.trusted_keys)
            source = await stack.enter_async_context(patiently(tunnel, bounded.connection_timeout))
        except CheckError as error:
            unreachable = error
        yield StepContext(
            job_id=work.job_id,
            source_id=work.source_id,
            source=source,
            scrubber=scrubber,
            deadline=work.deadline,
            test_query=work.test_query,
            query_confirmed=work.query_confirmed,
            unreachable=unreachable,
            opening_seconds=time.monotonic() - began,
            may_ask=work.may_ask,
            answers=work.answers,
            recorder=recorder,
            keeper=keeper,
        )


def secrets_of(source: Source) -> list[str]:
    """Every secret that must not show up in what a run writes.

    A value that the user also gave as something that is not secret, such as a user name, stays legible everywhere.
    """
    tunnel = source.ssh_tunnel.secrets() if source.ssh_tunnel else {}
    given = [*source.options.public().values(), *(source.ssh_tunnel.public().values() if source.ssh_tunnel else ())]
    given += (source.temp_schema or "").split(".")
    legible = {value for value in given if isinstance(value, str)}
    secrets = [*source.options.secrets().values(), *tunnel.values()]
    legible |= set(source.secret_references.values())
    return [secret for secret in secrets if secret not in legible]
