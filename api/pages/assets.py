"""Styles, scripts and the icon: a few files, held in memory, under addresses that change with what is in them."""

from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from litestar import Response, get
from litestar.params import FromPath

from api.wire.errors import Problem

OURS = Path(__file__).parent / "static"
HTMX = "htmx.min.js"
MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
A_YEAR = {"Cache-Control": "public, max-age=31536000, immutable"}


def _htmx() -> Path:
    """Found without importing its package, which is made for another web framework."""
    spec = find_spec("js_lib_htmx")
    if spec is None or spec.origin is None:
        raise RuntimeError("the package django-js-lib-htmx, which brings htmx, is not installed")
    return Path(spec.origin).parent / "static" / "htmx" / HTMX


CONTENT = {path.name: path.read_bytes() for path in (*sorted(OURS.iterdir()), _htmx())}
VERSIONS = {name: sha256(content).hexdigest()[:12] for name, content in CONTENT.items()}


def address(name: str) -> str:
    """Where this file is, for as long as it is as it is now."""
    return f"/static/{VERSIONS[name]}/{name}"


@get(
    "/static/{version:str}/{name:str}",
    include_in_schema=False,
    opt={"exclude_from_auth": True, "exclude_from_csrf": True},
)
async def static(version: FromPath[str], name: FromPath[str]) -> Response[bytes]:
    """One file; a page of before an update finds what there is now."""
    if name not in CONTENT:
        raise Problem(404, "There is no such file")
    headers = A_YEAR if version == VERSIONS[name] else {"Cache-Control": "no-cache"}
    return Response(CONTENT[name], media_type=MEDIA_TYPES[Path(name).suffix], headers=headers)
