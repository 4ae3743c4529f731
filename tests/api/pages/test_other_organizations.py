"""A reader sees the pages of one organization: what belongs to another one is not there (security row 13)."""

from datasources.catalogue.engine import session_scope
from datasources.catalogue.organizations.accounts import add_member, create_key, create_organization, create_user
from tests.api.pages.test_sign_in import browser, form, sign_in
from tests.api.routes.sources import SOURCES, register
from tests.fixtures.api import Client

__all__ = ["browser"]
HTML = {"Accept": "text/html"}
READ = ("/sources/{source}", "/sources/{source}/edit", "/sources/{source}/schema", "/sources/{source}/live")
READ += ("/sources/{source}/schema/table?schema=a&name=b", "/sources/{source}/tests/{job}")
WRITTEN = (
    "test",
    "edit",
    "schedule",
    "schedule/pause",
    "schedule/resume",
    "schedule/remove",
    "downloads",
    "downloads/lineage_schedule/pause",
    "downloads/lineage_schedule/remove",
    "forget",
    "remove",
    "tests/{job}/cancel",
    "tests/{job}/confirm",
)


async def test_nothing_of_another_organization(lone_api: Client, browser: Client) -> None:
    """Every page and every form with a foreign id answers as if it were unknown, and changes nothing."""
    async with session_scope(browser.app.state.settings) as session:
        organization = await create_organization(session, "Strangers to the pages")
        user = await create_user(session, "A stranger")
        await add_member(session, organization.id, user.id)
        _, theirs = await create_key(session, user.id, organization.id, "theirs")
        ours_user = await create_user(session, "One of ours")
        ours_organization = await create_organization(session, "Ours")
        await add_member(session, ours_organization.id, ours_user.id)
        _, ours = await create_key(session, ours_user.id, ours_organization.id, "ours")
    browser.headers["Authorization"] = f"Key {ours}"
    source = await register(browser, "Not for strangers")
    job = (await browser.post(f"{SOURCES}/{source}/test")).json()["job_id"]
    del browser.headers["Authorization"]
    await sign_in(browser, theirs)
    token = await form(browser, "/")
    assert "Not for strangers" not in (await browser.get("/")).text
    for path in READ:
        answer = await browser.get(path.format(source=source, job=job), headers=HTML)
        assert answer.status_code == 404, path
    for path in WRITTEN:
        data = token | {"kind": "interval", "interval_seconds": "60", "name": "Taken"}
        answer = await browser.post(f"/sources/{source}/{path.format(job=job)}", data=data, headers=HTML)
        assert answer.status_code == 404, path
    asked = await browser.post("/test", data=token | {"only": str(source)}, headers=HTML | {"HX-Request": "true"})
    assert "Requested 0 tests. Refused 1: Data source not found." in asked.text
    browser.headers["Authorization"] = f"Key {ours}"
    still = (await browser.get(f"{SOURCES}/test/{job}")).json()
    assert still["status"] == "waiting"
    await browser.post(f"{SOURCES}/test/{job}/cancel")
    del browser.headers["Authorization"]


async def test_ids_that_are_none(lone_api: Client, browser: Client) -> None:
    """A page answers in a sentence, whatever stands in its address."""
    async with session_scope(browser.app.state.settings) as session:
        user = await create_user(session, "Curious")
        organization = await create_organization(session, "Curious")
        await add_member(session, organization.id, user.id)
        _, key = await create_key(session, user.id, organization.id, "curious")
    await sign_in(browser, key)
    for path, status in (("x", 422), ("1e3", 422), ("-1", 404), ("9" * 30, 404), ("0", 404)):
        answer = await browser.get(f"/sources/{path}", headers=HTML)
        assert (answer.status_code, "<h1>" in answer.text) == (status, True), path
    for query in ("?page=9999999999", "?page=x&sort=&state=%00&tag=%00", "?q=%00%ff", "?unknown=1"):
        assert (await browser.get(f"/{query}")).status_code == 200, query
