"""Answers to what a test asks, given where it asks."""

from collections.abc import Callable, Coroutine
from typing import Any

from litestar import Controller, Response, post
from litestar.params import FromPath

from api.actions import answers
from api.dependencies import Session, SessionDep, require_job
from api.pages.forms import confirmation_from, secret_from
from api.pages.rendering import Reader, ReaderDep
from api.pages.views.source import show_source
from api.wire.errors import Invalid
from api.wire.requests import ASKED
from datasources.catalogue.tables import Job

Answer = Callable[[Job, dict[str, Any]], Coroutine[Any, Any, Job]]


class QuestionPageController(Controller):
    """`/sources/{id}/tests/{job_id}/confirm` and `/secret`."""

    path = "/sources/{source_id:str}/tests/{job_id:str}"

    @post("/confirm", status_code=303)
    async def confirm(
        self, source_id: FromPath[int], job_id: FromPath[int], reader: ReaderDep, session: SessionDep
    ) -> Response[Any]:
        """Trust the gateway's key from now on, or try the query."""

        async def answer(job: Job, form: dict[str, Any]) -> Job:
            return await answers.confirm(session, reader.services, reader.member, job, confirmation_from(form))

        return await _answer(reader, session, source_id, job_id, answer)

    @post("/secret", status_code=303)
    async def secret(
        self, source_id: FromPath[int], job_id: FromPath[int], reader: ReaderDep, session: SessionDep
    ) -> Response[Any]:
        """Give the secret, for this test alone or to be kept."""

        async def answer(job: Job, form: dict[str, Any]) -> Job:
            given = secret_from(form, [name for name in ASKED if name in form])
            return await answers.give_secret(session, reader.services, reader.member, job, given)

        return await _answer(reader, session, source_id, job_id, answer)


async def _answer(reader: Reader, session: Session, source_id: int, job_id: int, answer: Answer) -> Response[Any]:
    """What is wrong with an answer stands beside its field; what was given is never shown again."""
    form = dict(await reader.request.form())
    try:
        await answer(await require_job(session, reader.member, job_id), form)
    except Invalid as invalid:
        await session.rollback()
        return await show_source(reader, session, source_id, status=422, wrong=invalid)
    await reader.board(anew=True)
    return reader.done("Thank you. The test continues.", f"/sources/{source_id}#test")
