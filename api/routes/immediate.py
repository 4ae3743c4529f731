"""The hyphen API (contract 3): the immediate test, sources with their state, health."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from litestar import Controller, Response, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, QueryParameter
from sqlalchemy.ext.asyncio import AsyncSession

from api.dependencies import ApiRequest, MemberDep, ServicesDep, SessionDep, require_source
from api.jobs.refresh import read_anew, wait_until_ended, wait_until_ended_or_asking
from api.jobs.view import published_of
from api.limits import ASKS_FOR_TEST
from api.routes.submit import JOINED_HEADER, Accepted, accept, read_request
from api.runtime import Services
from api.wire.bodies import TestRequestBody
from api.wire.errors import ErrorEnvelope, Problem
from api.wire.health import DEFAULT_WINDOW, WindowName, health_of
from api.wire.schemas import ConnectionTest, Envelope, Health, SourceDetails, SourcePage, TestRequest
from api.wire.source_details import details_of, page_of
from datasources.catalogue.jobs import request_cancel
from datasources.catalogue.questions import question_of
from datasources.catalogue.source_lists import Search, search_sources
from datasources.catalogue.tables import DataSource, Job
from datasources.databases import ALIASES
from datasources.model.steps import CONNECTION, TEST_QUERY, VERSION_PROBE, KindOfTest, steps_of
from datasources.model.vocabulary import Code, ErrorCode, JobStatus, Outcome

DEFAULT_QUERY = "SELECT 1"
NOT_TAKEN_UP = "No worker took up the test within the limit; it has been cancelled"
CALLED_OFF_SECONDS = 1.0
"""Beyond its limit, for a test to be over that nobody took up."""
SortKey = Literal["id", "name", "type", "status", "created_at", "updated_at", "last_tested_at"]
ERRORS = {
    status: ResponseSpec(ErrorEnvelope, description=text, generate_examples=False)
    for status, text in ((404, "Not found"), (422, "Validation error"))
}
OVERLOAD = {
    status: ResponseSpec(ErrorEnvelope, description=text, generate_examples=False)
    for status, text in ((429, "Too many requests with this key"), (503, "Nobody took it up, or too many jobs wait"))
}


class ImmediateController(Controller):
    """`/api/v1/data-sources`."""

    path = "/api/v1/data-sources"
    tags = ("Immediate",)

    @get("/", operation_id="list_data_sources", responses={422: ERRORS[422]})
    async def index(
        self,
        session: SessionDep,
        member: MemberDep,
        page: Annotated[int, QueryParameter(ge=1, le=1_000_000)] = 1,
        page_size: Annotated[int, QueryParameter(ge=1, le=100)] = 20,
        search: Annotated[str | None, QueryParameter(max_length=200)] = None,
        type_: Annotated[str | None, QueryParameter(name="type", max_length=50)] = None,
        status_filter: Annotated[
            Literal["active", "inactive", "testing", "failed", "maintenance"] | None, QueryParameter()
        ] = None,
        sort_by: Annotated[SortKey, QueryParameter()] = "id",
        sort_order: Annotated[Literal["asc", "desc"], QueryParameter()] = "asc",
    ) -> Envelope[SourcePage]:
        """Sources of the organization, a page at a time."""
        wanted = Search(
            text=search,
            type=ALIASES.get(type_, type_) if type_ else None,
            status=status_filter,
            sort_by=sort_by,
            descending=sort_order == "desc",
            page=page,
            page_size=page_size,
        )
        rows, total = await search_sources(session, member.organization_id, wanted)
        return Envelope(page_of(rows, total, wanted), "Data sources retrieved")

    @get("/{source_id:str}", operation_id="get_data_source", responses=ERRORS)
    async def read(self, source_id: FromPath[int], session: SessionDep, member: MemberDep) -> Envelope[SourceDetails]:
        """One source with its state."""
        return Envelope(details_of(await require_source(session, member, source_id)), "Data source retrieved")

    @get("/{source_id:str}/health", operation_id="get_data_source_health", responses=ERRORS)
    async def health(
        self,
        source_id: FromPath[int],
        session: SessionDep,
        member: MemberDep,
        limit: Annotated[int, QueryParameter(ge=1, le=1000)] = 10,
        window: Annotated[WindowName, QueryParameter()] = DEFAULT_WINDOW,
    ) -> Envelope[Health]:
        """How a source has been."""
        source = await require_source(session, member, source_id)
        return Envelope(await health_of(session, source, limit, window), "Health retrieved")

    @post(
        "/{source_id:str}/test",
        status_code=200,
        operation_class=TestRequestBody,
        operation_id="test_data_source_connection",
        response_headers=[JOINED_HEADER],
        opt=ASKS_FOR_TEST,
        responses=ERRORS | OVERLOAD,
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
        source = await require_source(session, member, source_id)
        asked = read_request(await request.body())
        limit = asked.timeout_seconds or int(source.fields.get("connection_timeout", 30))
        bounded = TestRequest(
            test_query=asked.test_query or DEFAULT_QUERY, timeout_seconds=limit, on_question=asked.on_question or "fail"
        )
        accepted = await accept(
            session,
            services,
            member,
            source,
            bounded,
            trigger="immediate",
            steps=steps_of(KindOfTest.immediate, query=True),
        )
        if bounded.on_question == "ask":
            await wait_until_ended_or_asking(accepted.job, session, services.watch, limit)
        else:
            await wait_until_ended(accepted.job, session, services.watch, limit)
        if accepted.job.question is None:
            await _insist(accepted, session, services)
        answer = Envelope(_answer(accepted.job, source), "Connection test completed")
        return Response(answer, headers=accepted.headers)


async def _insist(accepted: Accepted, session: AsyncSession, services: Services) -> None:
    """The time is over: 503 and no later run when nobody took it up; else the worker ends it in a moment.

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


def _answer(job: Job, source: DataSource) -> ConnectionTest:
    found = published_of(job, None)
    connection, query, version = (found.get(name) for name in (CONNECTION, TEST_QUERY, VERSION_PROBE))
    failed = [p.result for p in (connection, query) if p is not None and p.result.outcome is Outcome.failed]
    good = job.status == JobStatus.done
    answered = query.result.details if query is not None and query.result.code is Code.OK else {}
    question = question_of(job)
    if question is not None:
        reason, code = f"Waits for an answer: {question.message}", question.error_code
    elif failed:
        reason, code = failed[0].message, failed[0].error_code or ErrorCode.INTERNAL_ERROR
    else:
        reason, code = f"The test ended as {job.status}", ErrorCode.INTERNAL_ERROR
    return ConnectionTest(
        data_source_id=source.id,
        status="active" if good else "failed" if question is None else "testing",
        connection_successful=connection is not None and connection.result.code is Code.OK,
        response_time_ms=answered.get("response_time_ms"),
        test_query_result=answered.get("value"),
        tested_at=job.ended_at or datetime.now(UTC),
        ssh_tunnel_established=bool(connection and connection.result.details.get("ssh_tunnel_established")),
        database_version=version.result.message if version is not None and version.result.code is Code.OK else None,
        error_message=None if good else reason,
        error_code=None if good else code,
        job_id=job.id,
    )
