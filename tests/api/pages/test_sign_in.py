"""Signing in and out: what a session opens, and what it does not (security row 27)."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import pytest_asyncio
from litestar import Request

from api.auth import member_of
from api.pages import live
from api.pages.board import Boards, entries_of
from api.pages.rendering import POLICY, Reader
from api.pages.session import COOKIE, Session, open_cookie
from api.pages.views.sign_in import local
from datasources.catalogue.engine import session_scope
from datasources.catalogue.health.overview import DRAFT
from datasources.catalogue.organizations.accounts import authenticate, revoke_key
from datasources.catalogue.organizations.sign_ins import make_link
from datasources.catalogue.tables import DataSource
from datasources.secrecy.vault import Vault
from tests.api.routes.sources import register
from tests.fixtures.api import Client

HTML = {"Accept": "text/html"}


@pytest.fixture
def browser(lone_api: Client) -> Iterator[Client]:
    """A client that is no program: it has no key in its headers, and no cookies at first."""
    key = lone_api.headers.pop("Authorization")
    lone_api.cookies.clear()
    yield lone_api
    lone_api.cookies.clear()
    lone_api.headers["Authorization"] = key


@pytest_asyncio.fixture
async def key(lone_api: Client) -> AsyncIterator[str]:
    """A key of its own, to be revoked."""
    made = await lone_api.post("/api/v1/api_keys", json={"name": "of a browser"})
    yield made.json()["key"]


async def form(browser: Client, path: str = "/sign-in") -> dict[str, str]:
    """The hidden fields of a page."""
    page = (await browser.get(path)).text
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page))


async def sign_in(browser: Client, key: str, to: str = "/") -> httpx.Response:
    return await browser.post("/sign-in", data=await form(browser) | {"key": key, "to": to}, follow_redirects=False)


async def test_a_key_opens_a_session(key: str, browser: Client) -> None:
    """In a cookie that no script reads and no other site sends along; signing out ends it."""
    led = await browser.get("/?state=down", headers=HTML, follow_redirects=False)
    assert (led.status_code, led.headers["location"]) == (303, "/sign-in?to=%2F%3Fstate%3Ddown")
    answer = await sign_in(browser, key, "/?state=down")
    assert (answer.status_code, answer.headers["location"]) == (303, "/?state=down")
    cookie = next(value for value in answer.headers.get_list("set-cookie") if value.startswith(COOKIE))
    assert {"HttpOnly", "SameSite=lax", "Max-Age=43200", "Path=/"} <= set(cookie.split("; "))
    assert key not in cookie
    page = await browser.get("/")
    assert page.status_code == 200
    assert page.headers["content-security-policy"] == POLICY
    assert page.headers["cache-control"] == "no-store"
    out = await browser.post("/sign-out", data=await form(browser, "/"), follow_redirects=False)
    assert out.headers["location"] == "/sign-in"
    assert (await browser.get("/", follow_redirects=False)).status_code == 303


async def test_a_session_does_not_open_the_api(key: str, browser: Client) -> None:
    """The API takes keys from the header alone, so that no other page can use it."""
    await sign_in(browser, key)
    assert (await browser.get("/api/v1/data_sources")).status_code == 401


async def test_a_revoked_key_ends_its_sessions(key: str, browser: Client) -> None:
    """At the next request."""
    await sign_in(browser, key)
    assert (await browser.get("/")).status_code == 200
    async with session_scope(browser.app.state.settings) as session:
        caller = await authenticate(session, key)
        assert caller is not None
        await revoke_key(session, caller.key_id)
    assert (await browser.get("/", follow_redirects=False)).headers["location"] == "/sign-in"


async def test_a_revoked_key_ends_what_an_open_page_is_told(
    key: str, browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stream of changes ends by itself: nothing more is told to a reader who may see nothing any more."""
    async with session_scope(browser.app.state.settings) as session:
        caller = await authenticate(session, key)
    assert caller is not None
    services = browser.app.state.services
    opened = Session(session_of_key=caller.key_id, until=9e9)
    reader = Reader(Request({"type": "http", "auth": opened}), member_of(caller), services, Boards())  # type: ignore[arg-type]
    monkeypatch.setattr(live, "SESSION_SECONDS", 0.0)

    async def follow() -> None:
        told = live.changes(reader, [])
        await anext(told)
        async with services.sessions.begin() as session:
            await revoke_key(session, caller.key_id)
        async with asyncio.timeout(60):
            async for _ in told:
                pass

    browser.blocking_portal.call(follow)


async def test_a_draft_is_not_public(lone_api: Client) -> None:
    """A public status page names what has been saved, and not what is still being tried."""
    saved, draft = await register(lone_api, "Saved"), await register(lone_api, "Tried only", created_from=DRAFT)
    async with session_scope(lone_api.app.state.settings) as session:
        organization = (await session.get_one(DataSource, saved)).organization_id
        shown = {entry.line.id for entry in await entries_of(session, organization)}
    assert saved in shown
    assert draft not in shown


async def test_a_wrong_key_is_told(browser: Client) -> None:
    """Beside its field, and no session begins."""
    answer = await sign_in(browser, "no such key <b>")
    assert answer.status_code == 422
    assert "This API key is not valid" in answer.text
    assert COOKIE not in answer.headers.get("set-cookie", "")


async def test_a_form_of_another_page_is_refused(key: str, browser: Client) -> None:
    """Without the token of our own page nothing is done, whoever is signed in."""
    await sign_in(browser, key)
    for path in ("/sign-in", "/sign-out", "/test"):
        answer = await browser.post(path, data={"all": "1", "_csrf_token": "0" * 128}, headers=HTML)
        assert answer.status_code == 403, path
        assert "This is not allowed" in answer.text
    assert (await browser.get("/")).status_code == 200


async def test_an_address_signs_in_once(key: str, browser: Client) -> None:
    """The second time it leads to the form; a made-up one never does more."""
    async with session_scope(browser.app.state.settings) as session:
        caller = await authenticate(session, key)
        assert caller is not None
        token = await make_link(session, caller.key_id)
    first = await browser.get(f"/sign-in/{token}", follow_redirects=False)
    assert (first.status_code, first.headers["location"]) == (303, "/")
    assert (await browser.get("/")).status_code == 200
    browser.cookies.clear()
    for used in (token, "made-up"):
        again = await browser.get(f"/sign-in/{used}", follow_redirects=False)
        assert again.status_code == 422
        assert "This link has already been used" in again.text


def test_a_cookie_of_something_else_is_no_session() -> None:
    """What was sealed for another purpose, with another key, or for an earlier time."""
    vault = Vault("Zm9yLXRoZS10ZXN0cy1vZi1wYWdlcy1vbmx5LTMyYnk=")
    for sealed in ({"password": "x"}, {"session_of_key": 1, "until": 1.0}, {"session_of_key": "x", "until": 9e9}):
        assert open_cookie(vault.seal(sealed).decode(), vault) is None
    assert open_cookie(vault.seal({"session_of_key": 1, "until": 9e9}).decode(), vault) is not None
    assert open_cookie(None, vault) is None
    assert open_cookie("é\x00", vault) is None


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("/sources/1", "/sources/1"),
        ("https://evil.example", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/a\r\nSet-Cookie: x", "/"),
        (None, "/"),
    ],
)
def test_one_goes_on_here_only(given: str | None, path: str) -> None:
    """A link that signs in leads to no other site."""
    assert local(given) == path


async def test_errors_are_pages_for_people_and_json_for_programs(browser: Client) -> None:
    """By what is asked for."""
    page = await browser.get("/no/such/page", headers=HTML)
    assert (page.status_code, page.headers["content-security-policy"]) == (404, POLICY)
    assert "There is nothing here" in page.text
    assert (await browser.get("/no/such/page")).json() == {"detail": "Not Found"}
    assert (await browser.get("/api/v1/nothing", headers=HTML)).headers["content-type"] == "application/json"


async def test_files_of_pages(browser: Client) -> None:
    """Kept for a year under an address that changes with them; nothing else is there."""
    page = (await browser.get("/sign-in")).text
    for address in re.findall(r'(?:href|src)="(/static/[^"]+)"', page):
        answer = await browser.get(address)
        assert answer.status_code == 200, address
        assert "immutable" in answer.headers["cache-control"]
    for path in ("/static/x/../../secrets", "/static/x/nothing.css"):
        assert (await browser.get(path)).status_code == 404
