"""A run that asks: it writes its question down, suspends itself, and begins anew once somebody has answered.

Nothing waits meanwhile, neither a process nor a connection. Questions are answered by our API, which writes the answer
into the catalogue and resumes the run, or in the Prefect UI; then the answer is checked here.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from prefect.client.schemas.objects import State
from prefect.flow_runs import asuspend_flow_run
from prefect.input import RunInput

from datasources.catalogue.engine import session_scope
from datasources.catalogue.questions import lock_job, open_question, question_of, take_answer
from datasources.catalogue.tables import Job
from datasources.catalogue.work import Work, load_work
from datasources.databases.read_only import Reading, judge
from datasources.model.errors import CheckError
from datasources.model.host_keys import echoes
from datasources.model.questions import Answer, HostKeyQuestion, QueryQuestion, Question, question_about
from datasources.model.results import Published, StepResult
from datasources.model.settings import Settings
from datasources.model.steps import CONNECTION, TEST_QUERY
from datasources.model.vocabulary import Code, ErrorCode, Outcome
from datasources.secrecy.vault import Vault
from flows.states import NEEDS_AUTHENTICATION, NEEDS_CONFIRMATION
from tasks.runner import negative

ROUNDED = timedelta(seconds=1)
"""Prefect takes whole seconds, and may let a question expire this much earlier than we do."""


class ConfirmHostKey(RunInput):
    """The answer to a question about a gateway's key."""

    fingerprint: str


class ConfirmQuery(RunInput):
    """The answer to a question about a query."""

    confirm: bool = False


class SecretStored(RunInput):
    """The answer to a question about a secret has no field for one: Prefect keeps what it is given in clear."""


async def prepared(settings: Settings, job_id: int) -> Work:
    """The job, once none of its questions is open; suspends the run while one is."""
    while True:
        async with session_scope(settings) as session:
            work = await load_work(session, Vault.from_settings(settings), job_id)
        if work.question is None:
            return work
        await _take(settings, job_id, work.question, await _wait(work.question))


async def ask(settings: Settings, work: Work, error: CheckError) -> None:
    """Write the question behind this no down. From here on it is not the job's time that passes, but somebody's."""
    now = datetime.now(UTC)
    expires_at = now + timedelta(seconds=settings.question_timeout)
    question = question_about(error, len(work.answers) + 1, now, expires_at)
    async with session_scope(settings) as session:
        await open_question(session, work.job_id, question)


def doubt_query(work: Work) -> None:
    """Raises `CheckError` for a test query that somebody is to be asked about before it is tried."""
    if work.test_query and work.may_ask and not work.query_confirmed and judge(work.test_query) is not Reading.reads:
        message = "The test query does not look as if it only reads; it would run in a read-only session all the same"
        raise CheckError(ErrorCode.QUERY_NOT_READ_ONLY, message, {"stage": "query", "unconfirmed": True})


async def _wait(question: Question) -> Any:
    """The answer that was given in the Prefect UI; suspends the run where there is none yet."""
    left = (question.expires_at - datetime.now(UTC)).total_seconds()
    return await asuspend_flow_run(wait_for_input=_form(question), key=pause_key(question), timeout=max(1, round(left)))


def pause_key(question: Question) -> str:
    """Each question has its own, or Prefect takes it for answered."""
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
        return ConfirmQuery.with_initial_data(description=f"{question.message}. Try it?")
    text = f"{question.message}. Give the secret by the API, never here, or store it with the source and resume then."
    return SecretStored.with_initial_data(description=text)


def run_input(answer: Answer) -> dict[str, Any]:
    """What Prefect wants to hear so that it resumes the run after this answer."""
    inputs: dict[str, dict[str, Any]] = {
        "host_key": {"fingerprint": answer.fingerprint},
        "query": {"confirm": True},
        "secret": {},
    }
    return inputs[answer.kind]


async def _take(settings: Settings, job_id: int, question: Question, given: Any) -> None:
    """Judge what was entered in the Prefect UI. Whatever it was, the question is closed; a wrong one is asked anew."""
    accepted = not isinstance(given, ConfirmQuery) or given.confirm
    if isinstance(question, HostKeyQuestion):
        accepted = isinstance(given, ConfirmHostKey) and echoes(given.fingerprint, question.fingerprint)
    async with session_scope(settings) as session:
        job = await lock_job(session, job_id)
        if question_of(job) != question:
            return  # answered by the API meanwhile
        answer = Answer(
            number=question.number,
            kind=question.kind,
            accepted=accepted,
            answered_at=datetime.now(UTC),
            fingerprint=question.fingerprint if isinstance(question, HostKeyQuestion) and accepted else None,
        )
        await take_answer(session, job, answer, settings.job_timeout, origin="prefect")


def unanswered(job: Job) -> dict[str, Published]:
    """What to say of a job whose question has expired: what it asked about is the no, by task."""
    question = question_of(job)
    if question is None or datetime.now(UTC) < question.expires_at - ROUNDED:
        return {}
    waited = round((question.expires_at - question.asked_at).total_seconds())
    reason = f"Nobody answered within {waited} s: {question.message}"
    about = TEST_QUERY if isinstance(question, QueryQuestion) else CONNECTION
    skipped = f"Not run, because nobody answered: {question.message}"
    results = {name: StepResult(code=Code.SKIP, message=skipped, outcome=Outcome.skipped) for name in job.steps}
    results[about] = negative(question.error_code, reason, {"question": msgspec.to_builtins(question)})
    return {name: Published(job_id=job.id, task=name, result=result) for name, result in results.items()}
