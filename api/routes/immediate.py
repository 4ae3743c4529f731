"""The immediate test of the hyphen API (contract 3): it waits for its result."""

from litestar import Controller, Response, post
from litestar.params import FromPath

from api.dependencies import ApiRequest, MemberDep, ServicesDep, Session, SessionDep, lock_source_for_test
from api.jobs.refresh import read_anew, wait_until_ended, wait_until_ended_or_asking
from api.jobs.submit import Accepted
from api.jobs.view import connection_test
from api.limits import ASKS_FOR_TEST
from api.runtime import Services
from api.wire.errors import Problem
from api.wire.registration import read
from api.wire.requests import TestRequest, takes
from api.wire.responses import ENVELOPED, ENVELOPED_OVERLOAD, JOINED_HEADER
from api.wire.schemas import ConnectionTest, Envelope
from datasources.catalogue.jobs import request_cancel
from datasources.model.steps import KindOfTest
from datasources.model.vocabulary import JobStatus

DEFAULT_QUERY = "SELECT 1"
NOT_TAKEN_UP = "No worker took up the test within the limit; it has been cancelled"
CALLED_OFF_SECONDS = 1.0
"""Seconds after its limit in which a test that no worker took up is cancelled."""


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
        """Test a source and wait for the answer, of an equal request where one is open already."""
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
            await _insist(accepted, session, services)
        answer = Envelope(connection_test(accepted.job, source), "Connection test completed")
        return Response(answer, headers=accepted.headers)


async def _insist(accepted: Accepted, session: Session, services: Services) -> None:
    """The time is over: 503 and no later run when no worker took it up; else the worker ends it in a moment.

    It is called off by the request that had brought it: one that joined later has no say over the others.
    """
    job = accepted.job
    if job.ended_at is None:
        await read_anew(job, session, services.watch)
    run = services.watch.run_of(job.id)
    if job.ended_at is None and (run is None or run.started_at is None):
        if not accepted.joined:
            await request_cancel(session, job)
            await wait_until_ended(job, session, services.watch, CALLED_OFF_SECONDS)
        raise Problem(503, NOT_TAKEN_UP)
    await wait_until_ended(job, session, services.watch, 5)
    if job.status == JobStatus.cancelled and job.started_at is None:
        raise Problem(503, NOT_TAKEN_UP)
