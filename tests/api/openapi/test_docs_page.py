"""`/docs` asks no other host for anything, and every answer tells browsers to trust it with little (row 23)."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from api.app import MAX_BODY_BYTES, create_app
from api.headers import ALWAYS, DATA, DOCS

ELSEWHERE = re.compile(
    r"""(?:src|href)\s*=\s*["'](?!/docs/|data:,)|@import|url\((?!["']?data:)|//[a-z]""", re.IGNORECASE
)
"""What would be loaded from somewhere else."""


@pytest_asyncio.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application, which is not started: what is asked for here needs no other part."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(create_app()), base_url="http://sourcecheck") as client:
        yield client


async def test_the_page_is_whole(client: httpx.AsyncClient) -> None:
    """Everything that it names is served here, as what it is."""
    page = (await client.get("/docs")).text
    names = re.findall(r"(?:src|href)=\"(/docs/[^\"]+)\"", page)
    assert sorted(names) == ["/docs/start.js", "/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css"]
    for name in names:
        answer = await client.get(name)
        assert answer.status_code == 200
        assert answer.headers["content-type"].split(";")[0] in ("text/css", "text/javascript")
    assert "openapi.json" in (await client.get("/docs/start.js")).text
    assert "SwaggerUIBundle" in (await client.get("/docs/swagger-ui-bundle.js")).text


async def test_nothing_comes_from_elsewhere(client: httpx.AsyncClient) -> None:
    """No address of another host in the page, its script or its styles; and no script that stands in the page."""
    page = (await client.get("/docs")).text
    for text in (page, (await client.get("/docs/start.js")).text):
        assert ELSEWHERE.search(text) is None
    assert re.search(r"<script(?! src=)|\son[a-z]+=", page) is None
    styles = (await client.get("/docs/swagger-ui.css")).text
    assert re.search(r"@import|url\((?![\"']?data:)", styles) is None


@pytest.mark.parametrize("path", ["/docs/scalar", "/docs/redoc", "/docs/swagger", "/docs/elements"])
async def test_no_other_page(client: httpx.AsyncClient, path: str) -> None:
    """There is one."""
    assert (await client.get(path)).status_code == 404


@pytest.mark.parametrize(
    ("path", "policy"),
    [("/docs", DOCS), ("/docs/", DOCS), ("/docs/openapi.json", DATA), ("/health/live", DATA), ("/nothing", DATA)],
)
async def test_headers(client: httpx.AsyncClient, path: str, policy: str) -> None:
    """On every answer, errors included."""
    headers = (await client.get(path)).headers
    assert headers["content-security-policy"] == policy
    assert {name: headers[name] for name in ALWAYS} == ALWAYS
    assert "unsafe-inline" not in policy.rsplit("script-src", maxsplit=1)[-1].split(";", maxsplit=1)[0]


def test_bodies() -> None:
    """The longest test query in four bytes a character, and the keys of a source, fit."""
    assert MAX_BODY_BYTES > 4 * 100_000 + 65536
