"""Pages of lists that are plain arrays: `limit` and `offset` choose one, the header `Link` leads to its neighbours."""

from collections.abc import Sequence
from typing import Annotated, Any, TypeVar
from urllib.parse import urlencode

from litestar import Request, Response
from litestar.datastructures import ResponseHeader
from litestar.params import QueryParameter

T = TypeVar("T")

MOST_ITEMS = 1000
LINK = "Link"
LINK_HEADER = ResponseHeader(
    name=LINK,
    description='Where the neighbouring pages are, if there are any: `<…>; rel="next"`, `<…>; rel="prev"`',
    documentation_only=True,
)
Limit = Annotated[int, QueryParameter(ge=1, le=MOST_ITEMS, description="Items per page")]
LimitOrAll = Annotated[
    int | None, QueryParameter(ge=1, le=MOST_ITEMS, description="Items per page; all of them if left out")
]
Offset = Annotated[int, QueryParameter(ge=0, le=10_000_000, description="Items to skip before this page")]


def one_more(limit: int | None) -> int | None:
    """How many rows to read: one more than the page has tells whether another page follows."""
    return None if limit is None else limit + 1


def page(request: Request[Any, Any, Any], items: Sequence[T], limit: int | None, offset: int) -> Response[list[T]]:
    """The first `limit` of these items, with links to the pages beside it."""
    if limit is None:
        return Response(list(items))
    found = {"next": offset + limit} if len(items) > limit else {}
    found |= {"prev": max(0, offset - limit)} if offset else {}
    links = [f'<{address(request, limit=limit, offset=start)}>; rel="{name}"' for name, start in found.items()]
    return Response(list(items[:limit]), headers={LINK: ", ".join(links)} if links else {})


def address(request: Request[Any, Any, Any], **parameters: Any) -> str:
    """Path and query of the request, with these parameters instead of its own."""
    query = {**request.query_params.dict(), **parameters}
    return f"{request.url.path}?{urlencode(query, doseq=True)}"
