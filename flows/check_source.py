"""One test of one source, from the job in the catalogue to the verdict."""

import logging
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.logging import get_run_logger
from prefect.states import Completed, Crashed, Failed

from datasources.catalogue.jobs.work import NotThisRuns, Work
from datasources.catalogue.schemas.keeper import Keeper
from datasources.health.verdict import failures
from datasources.logs import about
from datasources.model.errors import CheckError, ServerLost
from datasources.model.results import Published
from datasources.model.settings import Settings
from datasources.model.steps import CONNECTION
from datasources.model.vocabulary import Outcome
from datasources.secrecy.scrubber import Scrubber
from flows.by_hand import own_job
from flows.guard import guard_secrets, named_losses
from flows.opening import opened, secrets_of
from flows.questions import ask, doubt_query, prepared
from flows.report import report_of, write_report
from flows.secret_blocks import with_secrets
from flows.states import SERVER_LOST, UNHEALTHY, declined
from tasks.context import Recorder
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
    """Test the source of this job, or the source of this id in a new job; first ask what a person has to answer."""
    settings = Settings.load()
    if job_id is None:
        own = await own_job(settings, source_id)
        if isinstance(own, State):
            return own
        job_id = own
    try:
        with named_losses():
            return await _answered(settings, job_id)
    except NotThisRuns as error:
        return declined(str(error))
    except ServerLost as error:
        return Crashed(name=SERVER_LOST, message=str(error))


async def _answered(settings: Settings, job_id: int) -> State[Any]:
    """Test the source of this job, and test it again after each answer of a person."""
    while True:
        work = await with_secrets(settings, await prepared(settings, job_id))
        try:
            return await tested(work)
        except CheckError as error:
            scrubber = Scrubber(secrets_of(work.source))
            message, details = visible(scrubber.text(error.message)), scrubber.data(error.details)
            await ask(settings, work, CheckError(error.code, message, details, error.advice))


async def tested(work: Work) -> State[Any]:
    """Run the connection step first, then all others side by side. Raises `CheckError` for a failure to ask about."""
    doubt_query(work)
    run = FlowRunContext.get()
    ids = {"job_id": work.job_id, "source_id": work.source_id, "organization_id": work.organization_id}
    with about(**ids, flow_run_id=str(run.flow_run.id) if run and run.flow_run else None):
        return await _walked(work)


async def _walked(work: Work) -> State[Any]:
    scrubber = Scrubber(secrets_of(work.source))
    with guard_secrets(scrubber, get_run_logger()):
        found = {published.task: published for published in work.found}
        outbox = Outbox(expected=len({CONNECTION, *work.steps} - {*found}))
        recorder = Recorder(published=found, outbox=outbox)
        async with opened(work, scrubber, recorder, _keeper_of(work, scrubber)) as check, outbox:
            await run_steps(check, work.steps, perform)
            state = verdict(check.recorder.published.values())
            logger.info("tested: %s", summary(check.recorder.published.values()))
            state.data = report_of(check)
            return state


def _keeper_of(work: Work, scrubber: Scrubber) -> Keeper | None:
    """What keeps its downloads; `work` has the source as registered, not as seen through a tunnel."""
    if not work.keeps_schema:
        return None
    return Keeper(Settings.load(), work.source, work.source_id, work.job_id, scrubber)


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
