"""How a step comes to its verdict, and how that is recorded: the same with and without Prefect."""

import asyncio
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from datasources.databases import database_of
from datasources.model.errors import BUSY, CheckError, SourceUnreachable, advise
from datasources.model.questions import asks_again, worth_asking
from datasources.model.results import Finding, Published, StepResult
from datasources.model.source import SshTunnel
from datasources.model.steps import CONNECTION, TEST_QUERY, step_named
from datasources.model.vocabulary import Code, ErrorCode, Outcome
from datasources.network.tunnel import tunnel_faults
from tasks import TASKS
from tasks.context import StepContext
from tasks.place import STAGES, placed
from tasks.sanitize import clean

Log = Callable[[str], object]

LEAST_SECONDS = 0.05
"""The least time that a step needs; with less left it does not begin."""
AGAIN_SECONDS = 0.5
"""Between two attempts at a step that a server ended for the moment."""
SLACK_SECONDS = 0.3
"""Beyond the deadline of a job, until a step is stopped that has no limit of its own or does not keep it."""


async def judge(name: str, check: StepContext, log: Log) -> tuple[StepResult, bool]:
    """Carry out one step: its verdict with its duration, and whether it could be carried out at all.

    `log` is given the traceback, scrubbed, of an error that is ours. A failure that a person is asked about before it
    counts is put into the recorder's `pending` as well.
    """
    started = time.monotonic()
    result, carried_out = await _judge(name, check, log)
    spent = time.monotonic() - started + (check.opening_seconds if name == CONNECTION else 0)
    return msgspec.structs.replace(result, duration_ms=round(spent * 1000)), carried_out


async def _judge(name: str, check: StepContext, log: Log) -> tuple[StepResult, bool]:
    """The step's verdict, and whether it could be carried out at all."""
    if reason := database_of(check.source).lacks.get(name):
        return passed(Finding(message=reason, outcome=Outcome.skipped)), True
    try:
        if check.unreachable is not None and (
            name == CONNECTION or step_named(name).needs_connection
        ):  # known, however little time is left
            raise check.unreachable
        left = check.deadline - time.time()
        if left < LEAST_SECONDS:
            message = f"The time for this test ran out before {name} began"
            raise CheckError(ErrorCode.TIMEOUT, message, {"stage": "waiting"})
        # A limit of the driver's comes first: it knows at which stage the time was over.
        bounded = msgspec.structs.replace(check, source=check.source.within(left))
        async with asyncio.timeout(left + SLACK_SECONDS), tunnel_faults(check.source):
            return passed(await _run(name, bounded)), True
    except CheckError as error:
        if check.may_ask and (asked := _question_behind(error, check)) is not None:
            check.recorder.pending[name] = asked
        return refusal(error, name), True
    except TimeoutError as error:
        stage = next(iter(getattr(error.__cause__, "__notes__", ())), name)
        message = f"The time for this test ran out during {name} (stage: {stage})"
        return refusal(CheckError(ErrorCode.TIMEOUT, message, {"stage": stage}), name), True
    except MemoryError:
        message = f"What the server sent during {name} does not fit into the memory of a test"
        return refusal(CheckError(ErrorCode.PROTOCOL_ERROR, message, {"stage": name}), name), True
    except Exception as error:
        log(check.scrubber.text(traceback.format_exc()))
        message = f"Internal error during {name}: {type(error).__name__}"
        return refusal(CheckError(ErrorCode.INTERNAL_ERROR, message), name), False


async def _run(name: str, check: StepContext) -> Finding:
    """Run the step, and run it again while its failure is transient; opening its session does the same."""
    until = time.monotonic() + check.source.connection_timeout
    while True:
        try:
            return await TASKS[name](check)
        except CheckError as error:
            if isinstance(error, SourceUnreachable) or not error.transient or time.monotonic() > until:
                raise
        await asyncio.sleep(AGAIN_SECONDS)


def _question_behind(error: CheckError, check: StepContext) -> CheckError | None:
    """The failure to ask a user about before it counts; None for a verdict."""
    if worth_asking(error):
        return error
    ssh = error.code is ErrorCode.SSH_AUTHENTICATION_FAILED
    return asks_again(error, check.answers, SshTunnel.secret_fields if ssh else check.source.options.asked_fields)


def passed(finding: Finding) -> StepResult:
    """A finding as the result on the wire (contract 2.4)."""
    return StepResult(code=Code.OK, message=finding.message, outcome=finding.outcome, details=finding.details)


def refusal(error: CheckError, step: str) -> StepResult:
    """A "no" as the result on the wire (contract 2.4). Its advice speaks to the user: only a test query is theirs."""
    transient = error.transient
    late = error.code is ErrorCode.TIMEOUT and error.details.get("stage") not in STAGES
    advice = error.advice or (BUSY if late else None)
    return StepResult(
        code=Code.ERROR,
        message=error.message,
        outcome=Outcome.failed,
        error_code=error.code,
        remediation=advise(error.code, advice, transient=transient, own_query=step == TEST_QUERY),
        details=error.details | {"transient": True} if transient else error.details,
    )


def publish(name: str, check: StepContext, result: StepResult, *, carried_out: bool = True) -> Published:
    """Scrub the result, say where it happened, and record it."""
    result = placed(clean(result, check.scrubber), check.source)
    published = Published(
        job_id=check.job_id, task=name, result=result, carried_out=carried_out, ended_at=datetime.now(UTC)
    )
    check.recorder.publish(published, until=check.deadline)
    return published


def skip(name: str, check: StepContext, reason: str) -> None:
    """Publish that a step did not run, and why."""
    publish(name, check, StepResult(code=Code.SKIP, message=reason, outcome=Outcome.skipped))
