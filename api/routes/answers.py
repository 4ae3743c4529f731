"""Answers to what a test asks: confirm a host key or a query, give a secret (contract 2.5)."""

from typing import Annotated

from litestar import Controller, post
from litestar.params import PathParameter

from api.actions import answers
from api.dependencies import ApiRequest, MemberDep, ServicesDep, SessionDep, require_job
from api.jobs.view import view
from api.wire.registration import read
from api.wire.requests import Confirmation, GivenSecret, SecretAnswer, takes
from api.wire.responses import CONFLICT, INVALID
from api.wire.schemas import AsyncDataSourceTestResults


class QuestionController(Controller):
    """`/api/v1/data_sources/test/{job_id}/confirm` and `/authenticate`."""

    path = "/api/v1/data_sources/test"
    tags = ("Questions",)

    @post(
        "/{job_id:str}/confirm",
        status_code=200,
        operation_class=takes(Confirmation, required=False),
        operation_id="confirm_data_source_test",
        summary="Approve what a test asks about",
        responses=INVALID | CONFLICT,
    )
    async def confirm(
        self,
        job_id: Annotated[int, PathParameter(title="Data source testing task id")],
        request: ApiRequest,
        session: SessionDep,
        member: MemberDep,
        services: ServicesDep,
    ) -> AsyncDataSourceTestResults:
        """Trust the gateway's key from now on, or allow the query; the test continues."""
        given = read(await request.body(), Confirmation)
        job = await answers.confirm(session, services, member, await require_job(session, member, job_id), given)
        return view(job, services.watch.run_of(job.id))

    @post(
        "/{job_id:str}/authenticate",
        status_code=200,
        operation_class=takes(GivenSecret),
        operation_id="authenticate_data_source_test",
        summary="Give the secret that a test asks for",
        responses=INVALID | CONFLICT,
    )
    async def authenticate(
        self,
        job_id: Annotated[int, PathParameter(title="Data source testing task id")],
        request: ApiRequest,
        session: SessionDep,
        member: MemberDep,
        services: ServicesDep,
    ) -> AsyncDataSourceTestResults:
        """Give the secret for this test only, or store it with the source if `save` is true; the test continues."""
        given: SecretAnswer = read(await request.body(), GivenSecret)
        job = await answers.give_secret(session, services, member, await require_job(session, member, job_id), given)
        return view(job, services.watch.run_of(job.id))
