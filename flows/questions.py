"""A run that asks: it records its question, suspends itself, and starts again once it has the answer.

Nothing waits meanwhile, neither a process nor a connection. Questions are answered by our API, which writes the answer
into the catalogue and resumes the run, or in the Prefect UI; then the answer is checked here.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.flow_runs import asuspend_flow_run
from prefect.input import RunInput
from prefect.logging import get_run_logger
from pydantic import ConfigDict

from datasources.catalogue.engine import session_scope
from datasources.catalogue.jobs.questions import lock_job, open_question, question_of, take_answer
from datasources.catalogue.jobs.work import Work, load_work
from datasources.catalogue.tables import Job
from datasources.databases.read_only import Reading, judge
from datasources.model.errors import CheckError
from datasources.model.inputs.host_keys import echoes
from datasources.model.questions import Answer, HostKeyQuestion, QueryQuestion, Question, question_about
from datasources.model.results import Published, StepResult
from datasources.model.settings import Settings
from datasources.model.steps import CONNECTION, TEST_QUERY
from datasources.model.vocabulary import Code, ErrorCode, Outcome
from datasources.secrecy.vault import Vault
from flows.states import NEEDS_AUTHENTICATION, NEEDS_CONFIRMATION
from tasks.judge import refusal

ROUNDED = timedelta(seconds=1)
"""Prefect takes whole seconds, and may let a question expire this much earlier than we do."""


class ConfirmHostKey(RunInput):
    """The answer to a question about a gateway's key."""

    fingerprint: str


class ConfirmQuery(RunInput):
    """The answer to a question about a query."""

    confirm: bool = False


class AnsweredElsewhere(RunInput):
    """The form for when answers in Prefect do not count: it takes what our API sends, and asks for nothing."""

    model_config = ConfigDict(extra="ignore")


class SecretStored(RunInput):
    """The answer to a question about a secret; it has no field for it, because Prefect stores input in clear."""


async def prepared(settings: Settings, job_id: int) -> Work:
    """The job, once it has no open question; suspends the run while it has one.

    Raises `NotThisRuns` when this run has no open job.
    """
    context = FlowRunContext.get()
    run_id = context.flow_run.id if context and context.flow_run else None
    while True:
        async with session_scope(settings) as session:
            work = await load_work(session, Vault.from_settings(settings), job_id, run_id)
        if work.question is None:
            return work
        await _take(settings, job_id, work.question, await _wait(settings, work.question))


async def ask(settings: Settings, work: Work, error: CheckError) -> None:
    """Record the question behind this failure; the wait for its answer does not use up the job's time."""
    now = datetime.now(UTC)
    expires_at = now + timedelta(seconds=settings.question_timeout)
    question = question_about(error, len(work.answers) + 1, now, expires_at)
    async with session_scope(settings) as session:
        await open_question(session, work.job_id, question)


def doubt_query(work: Work) -> None:
    """Raises `CheckError` for a test query that a person has to approve before it runs."""
    if work.test_query and work.may_ask and not work.query_confirmed and judge(work.test_query) is not Reading.reads:
        message = "The test query may do more than read; it would run in a read-only session"
        raise CheckError(ErrorCode.QUERY_NOT_READ_ONLY, message, {"stage": "query", "unconfirmed": True})


async def _wait(settings: Settings, question: Question) -> Any:
    """The answer given in Prefect's UI; suspends the run if there is none yet."""
    left = (question.expires_at - datetime.now(UTC)).total_seconds()
    form = _form(question) if settings.answers_in_prefect else _closed_form(question)
    return await asuspend_flow_run(wait_for_input=form, key=pause_key(question), timeout=max(1, round(left)))


def pause_key(question: Question) -> str:
    """A key for each question; with a shared one, Prefect would take a new question for answered."""
    asks = NEEDS_CONFIRMATION if isinstance(question, HostKeyQuestion | QueryQuestion) else NEEDS_AUTHENTICATION
    return asks if question.number == 1 else f"{asks}-{question.number}"


def has_asked(state: State[Any] | None, question: Question) -> bool:
    """Whether a run in this state is suspended by this very question."""
    return state is not None and state.is_paused() and state.state_details.pause_key == pause_key(question)


def _form(question: Question) -> type[RunInput]:
    """What the Prefect UI shows."""
    if isinstance(question, HostKeyQuestion):
        text = (
            f"{question.message}: `{question.fingerprint}` ({question.key_type}).\n\nCompare it with the gateway's "
            f"own, for instance by `{question.verify}` in a network that you trust, and enter the exact fingerprint."
        )
        return ConfirmHostKey.with_initial_data(description=text)
    if isinstance(question, QueryQuestion):
        return ConfirmQuery.with_initial_data(description=f"{question.message}. Run it?")
    text = f"{question.message}. Give the secret through the API, never here; or store it with the source, then resume."
    return SecretStored.with_initial_data(description=text)


def _closed_form(question: Question) -> type[RunInput]:
    """What Prefect's UI shows for a question that only our API can answer."""
    text = f"{question.message}. Answers are given through the API; resuming the run here only makes it ask again."
    return AnsweredElsewhere.with_initial_data(description=text)


def run_input(answer: Answer) -> dict[str, Any]:
    """The input with which Prefect resumes the run after this answer."""
    inputs: dict[str, dict[str, Any]] = {
        "host_key": {"fingerprint": answer.fingerprint},
        "query": {"confirm": True},
        "secret": {},
    }
    return inputs[answer.kind]


async def _take(settings: Settings, job_id: int, question: Question, given: Any) -> None:
    """Judge what an operator entered in Prefect's UI, and close the question; after a wrong answer, ask again."""
    accepted = settings.answers_in_prefect and _is_accepted(question, given)
    async with session_scope(settings) as session:
        job = await lock_job(session, job_id)
        if question_of(job) != question:
            return  # answered by the API meanwhile
        answer = Answer(
            number=question.number,
            kind=question.kind,
            accepted=accepted,
            answered_at=datetime.now(UTC),
            origin="prefect",
            fingerprint=question.fingerprint if isinstance(question, HostKeyQuestion) and accepted else None,
        )
        await take_answer(session, job, answer, settings.job_timeout, origin="prefect")
    if not settings.answers_in_prefect:
        get_run_logger().warning("The run was resumed in Prefect; answers are given through the API, so it asks again")


def _is_accepted(question: Question, given: Any) -> bool:
    """Whether this answers the question; for a host key, only its exact fingerprint does."""
    if isinstance(question, HostKeyQuestion):
        return isinstance(given, ConfirmHostKey) and echoes(given.fingerprint, question.fingerprint)
    return given.confirm if isinstance(given, ConfirmQuery) else not isinstance(question, QueryQuestion)


def unanswered(job: Job) -> dict[str, Published]:
    """Results for a job whose question expired, by task: the step that asked failed, the others were skipped."""
    question = question_of(job)
    if question is None or datetime.now(UTC) < question.expires_at - ROUNDED:
        return {}
    waited = round((question.expires_at - question.asked_at).total_seconds())
    reason = f"No answer within {waited} s: {question.message}"
    about = TEST_QUERY if isinstance(question, QueryQuestion) else CONNECTION
    skipped = f"Not run, because the question was not answered: {question.message}"
    results = {name: StepResult(code=Code.SKIP, message=skipped, outcome=Outcome.skipped) for name in job.steps}
    no = CheckError(question.error_code, reason, {"question": msgspec.to_builtins(question)})
    results[about] = refusal(no, about)
    return {name: Published(job_id=job.id, task=name, result=result) for name, result in results.items()}
