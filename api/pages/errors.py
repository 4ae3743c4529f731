"""Errors as pages where a person asked for a page, and as the API answers them everywhere else."""

from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from litestar import Request, Response
from litestar.response import Redirect

from api.pages.rendering import bare
from api.pages.session import SignInNeeded
from api.wire.errors import answer, problem_of

NOT_PAGES = ("/api/", "/docs", "/health/", "/metrics", "/static/", "/badge/")
TITLES = {
    401: "Sign in first",
    403: "This is not allowed",
    404: "There is nothing here",
    405: "This cannot be done here",
    409: "This is not possible now",
    413: "This is too large",
    422: "This cannot be read",
    424: "This did not work",
    429: "Too many requests",
    503: "A part of the service does not answer",
}
NO_PAGE = "There is no such page."
"""In place of the two words that the framework has for it."""
NEXT = {
    403: "Go back, reload the page and try again. If that leads here again, you may not do this.",
    404: "The address may be mistyped, or what it named has been removed.",
    429: "Wait a little and try again.",
    503: "Try again in a moment; the state of the service is at the top of every page.",
}


def answer_any(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Any exception as an answer: the handler of the whole application."""
    if not is_page(request):
        return answer(request, error)
    if isinstance(error, SignInNeeded):
        return _to_sign_in(request)
    problem = problem_of(request, error)
    title = TITLES.get(problem.status, "Something went wrong")
    sentence = NO_PAGE if problem.sentence == HTTPStatus.NOT_FOUND.phrase else problem.sentence
    page = bare("error.html", problem.status, title=title, sentence=sentence, advice=NEXT.get(problem.status, ""))
    page.headers.update(problem.headers)
    return page


def is_page(request: Request[Any, Any, Any]) -> bool:
    """Whether a person looks at the answer: by the handler, or for an unknown path by what its browser accepts."""
    path = request.scope["path"]
    if path.startswith(NOT_PAGES) or path == "/metrics":
        return False
    return "page" in getattr(request.scope.get("route_handler"), "opt", {}) or "text/html" in request.headers.get(
        "accept", ""
    )


def _to_sign_in(request: Request[Any, Any, Any]) -> Response[Any]:
    """To the form, and from there back to where the person wanted to go."""
    if "hx-request" in request.headers:
        return Response(b"", status_code=401, headers={"HX-Redirect": "/sign-in"})
    target = request.scope["path"] if request.method == "GET" else "/"
    query = request.scope["query_string"].decode() if request.method == "GET" else ""
    wanted = f"{target}?{query}" if query else target
    return Redirect("/sign-in" if wanted == "/" else f"/sign-in?to={quote(wanted, safe='')}", status_code=303)
