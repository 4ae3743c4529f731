"""The immediate test of the hyphen API (contract 3): it waits for its result."""

from litestar import Controller, Response, post
from litestar.params import FromPath

from api.dependencies import ApiRequest, MemberDep, ServicesDep, SessionDep, lock_source_for_test
from api.jobs.insist import insist
from api.jobs.refresh import wait_until_ended, wait_until_ended_or_asking
from api.jobs.view import connection_test
from api.limits import ASKS_FOR_TEST
from api.wire.registration import read
from api.wire.requests import TestRequest, takes
from api.wire.responses import ENVELOPED, ENVELOPED_OVERLOAD, JOINED_HEADER
from api.wire.schemas import ConnectionTest, Envelope
from datasources.model.steps import KindOfTest

DEFAULT_QUERY = "SELECT 1"


class ImmediateController(Controller):
    """`/api/v1/data-sources/{id}/test`."""

    path = "/api/v1/data-sources"
    tags = ("Immediate tests",)

    @post(
        "/{source_id:str}/test",
        status_code=200,
        operation_class=takes(TestRequest, required=False),
        summary="Test a data source and wait for the result",
        operation_id="test_data_source_connection",
        response_headers=[JOINED_HEADER],
        opt=ASKS_FOR_TEST,
        responses=ENVELOPED | ENVELOPED_OVERLOAD,
    )
    async def test(
        self,
        source_id: FromPath[int],
        request: ApiRequest,
        session: SessionDep,
        member: MemberDep,
        services: ServicesDep,
    ) -> Response[Envelope[ConnectionTest]]:
        """Test a source and wait for the result; a request that equals an open one waits for the same result."""
        body = await request.body()
        source = await lock_source_for_test(session, member, source_id)
        asked = read(body, TestRequest)
        limit = asked.timeout_seconds or int(source.fields.get("connection_timeout", 30))
        bounded = TestRequest(
            test_query=asked.test_query or DEFAULT_QUERY,
            timeout_seconds=limit,
            on_question=asked.on_question or "fail",
            counts=asked.counts,
        )
        accepted = await services.submitter.accept(session, member, source, bounded, KindOfTest.immediate)
        if bounded.on_question == "ask":
            await wait_until_ended_or_asking(accepted.job, session, services.watch, limit)
        else:
            await wait_until_ended(accepted.job, session, services.watch, limit)
        if accepted.job.question is None:
            await insist(accepted, session, services.watch)
        answer = Envelope(connection_test(accepted.job, source), "Connection test completed")
        return Response(answer, headers=accepted.headers)
