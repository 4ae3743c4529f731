"""One test of one source, from the job in the catalogue to the verdict."""

import logging
import tempfile
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed

from datasources.catalogue.work import NotThisRuns, Work
from datasources.databases.opening import patiently
from datasources.health.verdict import failures
from datasources.logs import about
from datasources.model.errors import CheckError
from datasources.model.results import Published
from datasources.model.settings import Settings
from datasources.model.source import Source
from datasources.model.steps import CONNECTION
from datasources.model.vocabulary import Outcome
from datasources.network.tunnel import open_tunnel
from datasources.secrecy.scrubber import Scrubber
from flows.guard import guard_secrets
from flows.questions import ask, doubt_query, prepared
from flows.report import report_of, write_report
from flows.scheduled import own_job
from flows.states import UNHEALTHY, declined
from tasks.context import Recorder, StepContext
from tasks.judge import LEAST_SECONDS
from tasks.outbox import Outbox
from tasks.runner import perform
from tasks.sanitize import visible
from tasks.sequence import run_steps

logger = logging.getLogger("sourcecheck.run")


# A place is named although nothing is stored: without one, each run asks Prefect's server for the default.
@flow(
    name="check-source",
    persist_result=False,
    result_storage=Path(tempfile.gettempdir()),
    on_completion=[write_report],
    on_failure=[write_report],
)
async def check_source(job_id: int | None = None, source_id: int | None = None) -> State[Any]:
    """Test the source of this job, or the source of this id in a new job; ask first where a person has to answer."""
    settings = Settings.load()
    if job_id is None:
        own = await own_job(settings, source_id)
        if isinstance(own, State):
            return own
        job_id = own
    while True:
        try:
            work = await prepared(settings, job_id)
        except NotThisRuns as error:
            return declined(str(error))
        try:
            return await tested(work)
        except CheckError as error:
            scrubber = Scrubber(secrets_of(work.source))
            message, details = visible(scrubber.text(error.message)), scrubber.data(error.details)
            await ask(settings, work, CheckError(error.code, message, details, error.advice))


async def tested(work: Work) -> State[Any]:
    """Connection first, then everything else side by side. Raises `CheckError` for what is to be asked about."""
    doubt_query(work)
    run = FlowRunContext.get()
    ids = {"job_id": work.job_id, "source_id": work.source_id, "organization_id": work.organization_id}
    with about(**ids, flow_run_id=str(run.flow_run.id) if run and run.flow_run else None):
        return await _walked(work)


async def _walked(work: Work) -> State[Any]:
    async with opened(work) as check:
        await run_steps(check, work.steps, perform)
        state = verdict(check.recorder.published.values())
        logger.info("tested: %s", summary(check.recorder.published.values()))
        if not (work.scheduled and state.is_completed()):  # hundreds of good ones a day need no report each
            state.data = report_of(check)
        return state


@asynccontextmanager
async def opened(work: Work) -> AsyncIterator[StepContext]:
    """Open the way to the source for the length of the test; where there is none, the connection step says why."""
    scrubber = Scrubber(secrets_of(work.source))
    with guard_secrets(scrubber, get_run_logger()):
        async with AsyncExitStack() as stack:
            source, unreachable, began = work.source, None, time.monotonic()
            bounded = work.source.within(max(LEAST_SECONDS, work.deadline - time.time()))
            try:
                tunnel = partial(open_tunnel, bounded, trusted_keys=work.trusted_keys)
                source = await stack.enter_async_context(patiently(tunnel, bounded.connection_timeout))
            except CheckError as error:
                unreachable = error
            outbox = Outbox(expected=len({CONNECTION, *work.steps}))
            check = StepContext(
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
                recorder=Recorder(outbox=outbox),
            )
            async with outbox:
                yield check


def secrets_of(source: Source) -> list[str]:
    """Every secret that must not show up in what this run writes.

    What the user gave as no secret as well, such as a user name, is legible everywhere and hides nothing.
    """
    tunnel = source.ssh_tunnel.secrets() if source.ssh_tunnel else {}
    given = [*source.options.public().values(), *(source.ssh_tunnel.public().values() if source.ssh_tunnel else ())]
    given += (source.temp_schema or "").split(".")
    legible = {value for value in given if isinstance(value, str)}
    secrets = [*source.options.secrets().values(), *tunnel.values()]
    return [secret for secret in secrets if secret not in legible]


def summary(published: Iterable[Published]) -> str:
    """What came of each step that ran, for the log: its milliseconds, or its error code."""
    ran = [p for p in published if p.result.outcome is not Outcome.skipped]
    return ", ".join(f"{p.task} {p.result.error_code or f'{p.result.duration_ms or 0} ms'}" for p in ran)


def verdict(published: Iterable[Published]) -> State[Any]:
    """The state of the flow run: did the source pass? (contract 4.2)."""
    failed = failures(published)
    if not failed:
        return Completed(message="Every step passed or was skipped")
    broken = [p for p in failed if not p.carried_out]
    return Failed(
        name="Failed" if broken else UNHEALTHY, message="; ".join(f"{p.task}: {p.result.message}" for p in failed)
    )
