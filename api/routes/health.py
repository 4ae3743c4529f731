"""How a source has been (contract 3.4, `docs/health.md`)."""

from datetime import UTC, datetime
from typing import Annotated

from litestar import Response, get
from litestar.params import FromPath, QueryParameter

from api.dependencies import ApiRequest, MemberDep, SessionDep, require_source
from api.wire.health import DEFAULT_WINDOW, WindowName, health_of
from api.wire.pages import LINK, LINK_HEADER, address
from api.wire.responses import ENVELOPED
from api.wire.schemas import Envelope, Health


@get(
    "/api/v1/data-sources/{source_id:str}/health",
    tags=["Health"],
    summary="Read the health and history of a data source",
    operation_id="get_data_source_health",
    response_headers=[LINK_HEADER],
    responses=ENVELOPED,
)
async def health(
    source_id: FromPath[int],
    request: ApiRequest,
    session: SessionDep,
    member: MemberDep,
    limit: Annotated[int, QueryParameter(ge=1, le=1000)] = 10,
    window: Annotated[WindowName, QueryParameter()] = DEFAULT_WINDOW,
    before: Annotated[
        datetime | None, QueryParameter(description="Only checks before this moment: the next page of the history")
    ] = None,
) -> Response[Envelope[Health]]:
    """Read the newest checks of a source, its uptime and its response times over a window.

    A page of the history is followed by another one where the header `Link` says so.
    """
    source = await require_source(session, member, source_id)
    if before is not None and before.tzinfo is None:
        before = before.replace(tzinfo=UTC)
    found = await health_of(session, source, limit, window, before)
    more = len(found.health_history) == limit
    oldest = found.health_history[-1].checked_at.isoformat() if found.health_history else None
    headers = {LINK: f'<{address(request, before=oldest)}>; rel="next"'} if more else {}
    return Response(Envelope(found, "Health status retrieved successfully"), headers=headers)
