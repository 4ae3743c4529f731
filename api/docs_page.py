"""`/docs` for people: Swagger UI with files of a package of ours, so that the page asks no other host for anything."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from litestar import MediaType, Request, Response, Router, get
from litestar.openapi.plugins import OpenAPIRenderPlugin

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
START = """SwaggerUIBundle({
  url: "/docs/openapi.json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
});
"""
FILES = {"swagger-ui.css": MediaType.CSS.value, "swagger-ui-bundle.js": "text/javascript"}
DAY = {"Cache-Control": "max-age=86400"}


class DocsPage(OpenAPIRenderPlugin):
    """The page, its script, and the two files of Swagger UI."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """The page; the document itself is fetched by its script."""
        return PAGE.format(title=openapi_schema["info"]["title"]).encode()

    def receive_router(self, router: Router) -> None:
        """Serve what the page needs beside it."""
        router.register(start)
        for name, media_type in FILES.items():
            router.register(_file(name, media_type))


@get("/start.js", media_type="text/javascript", include_in_schema=False, sync_to_thread=False)
def start() -> str:
    """A file of its own, because the page may run no script that stands in it."""
    return START


def _file(name: str, media_type: str) -> Any:
    content = (_folder() / name).read_bytes()

    @get(f"/{name}", media_type=media_type, include_in_schema=False, sync_to_thread=False)
    def serve() -> Response[bytes]:
        return Response(content, media_type=media_type, headers=DAY)

    return serve


def _folder() -> Path:
    """Where Swagger UI lies: found without importing the package, which would load a web framework."""
    spec = find_spec("fastapi_offline")
    if spec is None or spec.origin is None:
        raise RuntimeError("the package fastapi-offline, which brings Swagger UI, is not installed")
    return Path(spec.origin).parent / "static"
