"""Asynchronous tests: ask, read, cancel (contract 2.2, 2.3 and 2.6)."""

from typing import Annotated, Any

from litestar import Controller, MediaType, Response, get, post
from litestar.params import PathParameter, QueryParameter

from api.actions.cancelling import cancel
from api.actions.reading import read_answer
from api.dependencies import ApiRequest, MemberDep, ServicesDep, SessionDep, lock_source_for_test, require_job
from api.limits import ASKS_FOR_TEST
from api.wire.errors import Problem
from api.wire.registration import read
from api.wire.requests import TestRequest, takes
from api.wire.responses import CONFLICT, INVALID, JOINED_HEADER, LOCATION, LOCATION_HEADER, OVERLOAD
from api.wire.schemas import AsyncDataSourceTestResults, TestDataSourceAsyncResponse
from datasources.model.steps import KindOfTest
from datasources.model.vocabulary import JobStatus


class JobController(Controller):
    """`/api/v1/data_sources/{id}/test` and `/api/v1/data_sources/test/{job_id}`."""

    path = "/api/v1/data_sources"
    tags = ("Data sources",)

    @post(
        "/{data_source_id:str}/test",
        status_code=200,
        operation_class=takes(TestRequest, required=False),
        operation_id="test_data_source_api_v1_data_sources__data_source_id__test_post",
        summary="Test a data source connection",
        response_description="Successful Response",
        response_headers=[JOINED_HEADER, LOCATION_HEADER],
        responses=INVALID | OVERLOAD,
        opt=ASKS_FOR_TEST,
    )
    async def ask(
        self,
        data_source_id: Annotated[int, PathParameter(title="Data source id")],
        request: ApiRequest,
        session: SessionDep,
        member: MemberDep,
        services: ServicesDep,
    ) -> Response[TestDataSourceAsyncResponse]:
        """Start a test, or join the open test of an equal request; read its result under the id of the job."""
        body = await request.body()
        source = await lock_source_for_test(session, member, data_source_id)
        asked = read(body, TestRequest)
        accepted = await services.submitter.accept(session, member, source, asked, KindOfTest.asynchronous)
        headers = accepted.headers | {LOCATION: f"{self.path}/test/{accepted.job.id}"}
        return Response(TestDataSourceAsyncResponse(job_id=accepted.job.id), headers=headers)

    @get(
        "/test/{job_id:str}",
        operation_id="get_data_source_test_result_api_v1_data_sources_test__job_id__get",
        summary="Get data source testing results",
        response_description="Successful Response",
        responses=INVALID,
    )
    async def result(
        self,
        job_id: Annotated[int, PathParameter(title="Data source testing task id")],
        member: MemberDep,
        services: ServicesDep,
        wait: Annotated[float, QueryParameter(ge=0, le=60)] = 0,
    ) -> Response[AsyncDataSourceTestResults]:
        """Read a test; `wait` holds the answer until the test ends or asks a question, or the seconds have passed."""
        body: Any = await read_answer(services, member, job_id, wait)
        return Response(body, media_type=MediaType.JSON)

    @post(
        "/test/{job_id:str}/cancel",
        status_code=200,
        operation_id="cancel_data_source_test",
        summary="Cancel a test",
        responses=INVALID | CONFLICT,
    )
    async def cancel(
        self,
        job_id: Annotated[int, PathParameter(title="Data source testing task id")],
        session: SessionDep,
        member: MemberDep,
        services: ServicesDep,
    ) -> AsyncDataSourceTestResults:
        """Cancel a test that waits, runs or asks, and stop its statements on the server.

        The answer comes when the test has ended, or after a few seconds.
        """
        job = await require_job(session, member, job_id)
        if job.ended_at is None:
            answer = await cancel(session, services, job)
            if job.ended_at is None or job.status == JobStatus.cancelled:
                return answer
        raise Problem(409, f"This test has already ended: {job.status}")
