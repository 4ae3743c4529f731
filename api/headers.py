"""Headers of every answer that tell a browser to trust it with as little as possible (docs/security.md, row 23)."""

from litestar.datastructures import MutableScopeHeaders
from litestar.types import Message, Scope

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
DATA = "default-src 'none'; frame-ancestors 'none'"
"""What an answer that is no page may load: nothing."""
DOCS = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What `/docs` may load: its own files, and no script that stands in the page; Swagger UI sets styles of its own."""


async def add_headers(message: Message, scope: Scope) -> None:
    """A hook of Litestar's, called before each message of an answer is sent, errors included."""
    if message["type"] != "http.response.start":
        return
    headers = MutableScopeHeaders.from_message(message)
    for name, value in ALWAYS.items():
        headers.setdefault(name, value)
    page = scope["path"].rstrip("/") == "/docs"
    headers.setdefault("Content-Security-Policy", DOCS if page else DATA)
