"""The gate as a task of your own Prefect flows; needs the extra `prefect`.

    from sourcecheck.prefect import require_healthy

    @flow
    def load():
        require_healthy("warehouse", max_age="10m")
        …

Address and key are what `SOURCECHECK_URL` and `SOURCECHECK_API_KEY` say, or `sourcecheck login`.
"""

import asyncio
from typing import Any

from prefect import task
from prefect.blocks.core import Block
from prefect.blocks.fields import SecretDict
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.flow_runs import pause_flow_run, suspend_flow_run
from prefect.logging import get_run_logger
from prefect.states import Completed

from sourcecheck import gate
from sourcecheck.blocks import OWN_KIND
from sourcecheck.client import Client
from sourcecheck.errors import QuestionOpen
from sourcecheck.gate import Healthy
from sourcecheck.models import Question


class DataSource(Block):
    """A data source as a block of Prefect: what `sourcecheck import prefect` registers under the block's name.

    `options` and `ssh_tunnel` are those of the service's API, secrets included; Prefect keeps them encrypted.
    """

    _block_type_name = "sourcecheck data source"
    _block_type_slug = OWN_KIND

    type: str
    options: SecretDict
    temp_schema: str | None = None
    ssh_tunnel: SecretDict | None = None
    tags: list[str] | None = None


ASKS = "Asks"
"""Name of the state of a gate's task run whose test waits for a person's answer."""
DAY = 86400


def require_healthy(
    name: str, max_age: str = "10m", *, timeout: float | None = None, answer_within: int = DAY
) -> Healthy:
    """Go on when the source has passed a test that is no older than `max_age`; otherwise test it.

    Raises `CheckFailed` with the reason, so that the flow fails. While the test asks a person, the run of a deployment
    is suspended, and any other is paused, for up to `answer_within` seconds: answer the test, then resume the run. To
    resume it without an answer raises `QuestionOpen`.
    """
    asked: set[str] = set()
    while True:
        state: State[Any] = _gate(name, max_age, timeout, return_state=True)
        if state.name != ASKS:
            found: Healthy = state.result()
            return found
        job_id: int = state.result()
        question = _question(job_id)
        if question is None:  # answered meanwhile
            continue
        key = f"sourcecheck-{job_id}-{question.number}"
        if key in asked or not _in_flow():
            raise QuestionOpen(job_id, question.message)
        asked.add(key)
        _wait(job_id, question, key, answer_within)


async def arequire_healthy(name: str, max_age: str = "10m", *, timeout: float | None = None) -> Healthy:
    """The same for asynchronous flows, but that it raises `QuestionOpen` instead of suspending the run."""
    state: State[Any] = await asyncio.to_thread(lambda: _gate(name, max_age, timeout, return_state=True))
    if state.name == ASKS:
        raise QuestionOpen(await state.aresult(), state.message or ASKS)
    found: Healthy = await state.aresult()
    return found


@task(name="require-healthy", task_run_name="{name} is healthy", cache_policy=NO_CACHE, persist_result=False)
def _gate(name: str, max_age: str, timeout: float | None) -> Any:
    try:
        return gate.require_healthy(name, max_age, timeout=timeout)
    except QuestionOpen as question:
        return Completed(name=ASKS, message=question.sentence, data=question.job_id)


def _question(job_id: int) -> Question | None:
    with Client() as client:
        return client.get_job(job_id).question


def _in_flow() -> bool:
    return FlowRunContext.get() is not None


def _wait(job_id: int, question: Question, key: str, seconds: int) -> None:
    """Until the run is resumed; of a deployment's run this ends the process, and the flow begins anew."""
    confirm = f"sourcecheck confirm {job_id} {question.fingerprint or ''}".rstrip()
    how = f"sourcecheck authenticate {job_id}" if question.kind == "secret" else confirm
    get_run_logger().warning("The test asks: %s. Answer it (%s), then resume this run", question.message, how)
    context = FlowRunContext.get()
    deployed = context and context.flow_run and context.flow_run.deployment_id
    wait = suspend_flow_run if deployed else pause_flow_run
    wait(timeout=seconds, key=key)
