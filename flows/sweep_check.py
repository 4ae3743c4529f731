"""One check of a sweep: the steps of a test without a run of their own, shown in Prefect as one task."""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed

from datasources.catalogue.health.record_check import Checked
from datasources.catalogue.jobs.work import Work
from datasources.health.verdict import failures, says_nothing
from datasources.logs import about
from datasources.model.errors import CheckError
from datasources.model.results import Published
from datasources.model.settings import Settings
from datasources.model.steps import CONNECTION
from datasources.model.vocabulary import ErrorCode
from datasources.secrecy.scrubber import Scrubber
from flows.guard import guard_secrets
from flows.opening import opened, secrets_of
from flows.secret_blocks import with_secrets
from flows.states import UNHEALTHY
from tasks._prefect import report_run
from tasks.context import Recorder
from tasks.direct import perform
from tasks.judge import refusal
from tasks.sanitize import visible
from tasks.sequence import run_steps

TASK = "check"
"""What Prefect calls the task of every check."""
SLACK_SECONDS = 2.0
"""Beyond the deadline of a check, until it is given up although its steps have not ended."""


async def carry_out(settings: Settings, work: Work, revision: int) -> Checked:
    """Check the source, and tell Prefect how it went. Every outcome is returned as a result."""
    began, recorder = datetime.now(UTC), Recorder()
    with about(source_id=work.source_id, organization_id=work.organization_id):
        try:
            async with asyncio.timeout(work.deadline - time.time() + SLACK_SECONDS):
                await _walk(await with_secrets(settings, work), recorder)
        except TimeoutError:
            _give_up(work, recorder, CheckError(ErrorCode.TIMEOUT, "The time for this check ran out"))
        except Exception as error:
            get_run_logger().error("A check of data source %d broke: %s", work.source_id, type(error).__name__)
            broken = CheckError(ErrorCode.INTERNAL_ERROR, f"Internal error: {type(error).__name__}")
            _give_up(work, recorder, broken, carried_out=False)
    published = list(recorder.published.values())
    _show(work, began, published)
    return Checked(source_id=work.source_id, revision=revision, steps=work.steps, published=published)


def unreadable(source_id: int, revision: int) -> Checked:
    """The result for a source whose secrets cannot be read, which is not the source's fault."""
    error = CheckError(ErrorCode.INTERNAL_ERROR, "The stored secrets of this data source cannot be read")
    result = refusal(error, CONNECTION)
    published = Published(job_id=0, task=CONNECTION, result=result, carried_out=False, ended_at=datetime.now(UTC))
    return Checked(source_id=source_id, revision=revision, steps=[CONNECTION], published=[published])


async def _walk(work: Work, recorder: Recorder) -> None:
    scrubber = Scrubber(secrets_of(work.source))
    with guard_secrets(scrubber, get_run_logger()):
        async with opened(work, scrubber, recorder) as check:
            await run_steps(check, work.steps, perform)


def _give_up(work: Work, recorder: Recorder, error: CheckError, *, carried_out: bool = True) -> None:
    """Fail the step that has not ended, or the connection step if none has begun."""
    missing = [step for step in [CONNECTION, *work.steps] if step not in recorder.published]
    if not missing:
        return
    ended_at = datetime.now(UTC)
    recorder.published[missing[0]] = Published(
        job_id=work.job_id,
        task=missing[0],
        result=refusal(error, missing[0]),
        carried_out=carried_out,
        ended_at=ended_at,
    )


def _show(work: Work, began: datetime, published: Sequence[Published]) -> None:
    name, source_id = visible(work.source.name), str(work.source_id)
    report_run(name, TASK, source_id, began, state_of(published), [f"data-source:{source_id}"])


def state_of(published: Sequence[Published]) -> State[Any]:
    """What a check's task shows in Prefect: green where the source passed, red with the reason where it did not."""
    failed = failures(published)
    if not failed:
        return Completed(message="Every step passed or was skipped")
    unclear = all(says_nothing(p) for p in failed)
    message = "; ".join(f"{p.task}: {p.result.message}" for p in failed)
    return Failed(name="Unclear" if unclear else UNHEALTHY, message=message)
