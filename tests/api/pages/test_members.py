"""Members: who may change them, what an invitation gives, and who has to stay; by the API and on the page."""

import re
from typing import Any

import pytest_asyncio

from datasources.catalogue.engine import session_scope
from datasources.catalogue.organizations.accounts import add_member, create_key, create_organization, create_user
from tests.api.pages.test_sign_in import browser, form, sign_in
from tests.fixtures.api import Client

__all__ = ["browser"]
MEMBERS = "/api/v1/members"
HTML = {"Accept": "text/html"}


class Team:
    """An organization with an administrator, and requests with the keys of its members."""

    def __init__(self, client: Client, keys: dict[str, str], ids: dict[str, int]) -> None:
        self.client, self.keys, self.ids = client, keys, ids

    async def ask(self, who: str, method: str, path: str, body: Any = None) -> Any:
        """The answer to one of them."""
        headers = {"Authorization": f"Key {self.keys[who]}"}
        return await self.client.request(method, f"{MEMBERS}{path}", json=body, headers=headers)

    async def roles(self) -> dict[str, str]:
        """Everybody in it."""
        return {found["name"]: found["role"] for found in (await self.ask("ann", "GET", "")).json()}


@pytest_asyncio.fixture
async def team(lone_api: Client) -> Team:
    """Ann administrates, Bob is a member; Ann also has a key that may not ask."""
    keys: dict[str, str] = {}
    ids: dict[str, int] = {}
    async with session_scope(lone_api.app.state.settings) as session:
        number = (await create_user(session, "number")).id
        organization = await create_organization(session, f"Team {number}")
        for name, role in (("ann", "admin"), ("bob", "member")):
            user = await create_user(session, name, f"{name}-{number}@shop.example")
            await add_member(session, organization.id, user.id, role)
            ids[name] = user.id
            _, keys[name] = await create_key(session, user.id, organization.id, name)
        _, keys["robot"] = await create_key(session, ids["ann"], organization.id, "robot", on_question="fail")
    return Team(lone_api, keys, ids)


async def test_an_invitation(team: Team, browser: Client) -> None:
    """It brings a key and an address that signs in once; only administrators give one, and give no more than they may."""
    assert (await team.ask("bob", "POST", "", {"name": "Eve"})).status_code == 403
    assert (await team.ask("robot", "POST", "", {"name": "Eve"})).status_code == 403
    made = await team.ask("ann", "POST", "", {"name": " Eve ", "email": "eve@shop.example", "role": "member"})
    assert made.status_code == 201
    invited = made.json()
    team.keys["eve"] = invited["key"]
    assert await team.roles() == {"ann": "admin", "bob": "member", "Eve": "member"}
    signed = await browser.get(invited["sign_in"], follow_redirects=False)
    assert signed.headers["location"] == "/"
    again = await team.ask("ann", "POST", f"/{invited['user_id']}/invite", {"on_question": "fail"})
    assert again.json()["key"] != invited["key"]
    assert (await team.ask("eve", "GET", "")).status_code == 200
    taken = await team.ask("ann", "POST", "", {"name": "Eve", "email": "eve@shop.example"})
    assert (taken.status_code, taken.json()) == (409, {"detail": "This e-mail address is taken"})
    wrong = await team.ask("ann", "POST", "", {"name": "", "email": 1, "role": "owner"})
    assert [error["loc"][1] for error in wrong.json()["detail"]] == ["name", "email", "role"]
    assert (await team.ask("ann", "POST", "", {"name": "Eve", "email": "no address"})).status_code == 422


async def test_the_last_administrator_stays(team: Team) -> None:
    """As one, and in the organization; a member who is removed is refused at once."""
    ann, bob = team.ids["ann"], team.ids["bob"]
    for method, body in (("PATCH", {"role": "member"}), ("DELETE", None)):
        refused = await team.ask("ann", method, f"/{ann}", body)
        assert refused.status_code == 409
        assert "last administrator" in refused.json()["detail"]
    assert (await team.ask("bob", "PATCH", f"/{bob}", {"role": "admin"})).status_code == 403
    assert (await team.ask("robot", "DELETE", f"/{bob}")).status_code == 403
    assert (await team.ask("ann", "PATCH", f"/{bob}", {"role": "admin"})).json()["role"] == "admin"
    assert (await team.ask("bob", "DELETE", f"/{ann}")).status_code == 204
    assert (await team.ask("ann", "GET", "")).status_code == 401
    assert (await team.ask("bob", "DELETE", f"/{ann}")).status_code == 404
    assert (await team.ask("bob", "DELETE", f"/{bob}")).status_code == 409


async def test_members_on_the_page(team: Team, browser: Client) -> None:
    """What is gone is asked about first, also where no script runs; an invitation is shown this once."""
    await sign_in(browser, team.keys["ann"])
    token = await form(browser, "/members")
    invited = await browser.post("/members", data=token | {"name": "Eve <b>", "role": "admin"}, headers=HTML)
    key = re.search(r'id="made">(sck_[^<]+)<', invited.text)
    assert key is not None
    assert "Eve &lt;b&gt;" in invited.text
    assert "/sign-in/" in invited.text
    assert key[1] not in (await browser.get("/members")).text
    wrong = await browser.post("/members", data=token | {"name": "", "email": "x", "role": "x"}, headers=HTML)
    assert wrong.status_code == 422
    assert {"f-name-wrong", "f-email-wrong", "f-role-wrong"} <= set(re.findall(r'id="(f-\w+-wrong)"', wrong.text))
    path = f"/members/{team.ids['bob']}"
    asked = await browser.post(f"{path}/remove", data=token, headers=HTML)
    assert "This removes bob" in asked.text
    assert "bob" in await team.roles()
    await browser.post(f"{path}/role", data=token | {"role": "admin"}, headers=HTML)
    assert (await team.roles())["bob"] == "admin"
    done = await browser.post(f"{path}/remove", data=token | {"sure": "1"}, headers=HTML)
    assert "“bob” is removed." in done.text
    assert "bob" not in await team.roles()


async def test_a_page_for_members_only_reads(team: Team, browser: Client) -> None:
    """A member who is no administrator has no form there, and one that is made by hand is refused."""
    await sign_in(browser, team.keys["bob"])
    page = (await browser.get("/members")).text
    assert "Invite</button>" not in page
    token = await form(browser, "/members")
    for path in ("/members", f"/members/{team.ids['ann']}/remove", f"/members/{team.ids['ann']}/invite"):
        answer = await browser.post(path, data=token | {"name": "x", "sure": "1"}, headers=HTML)
        assert "Only an administrator" in answer.text, path
    assert await team.roles() == {"ann": "admin", "bob": "member"}


async def test_an_address_of_another_member_says_who_one_is_now(team: Team, browser: Client) -> None:
    """A reader who opens it by mistake would act as another person without knowing it."""
    await sign_in(browser, team.keys["ann"])
    invited = (await team.ask("ann", "POST", f"/{team.ids['bob']}/invite", {})).json()
    page = await browser.get(invited["sign_in"], headers=HTML)
    assert "This browser is signed in as bob of Team" in page.text
    assert "it was signed in as ann of Team" in page.text


async def test_alerts_without_prefect(team: Team, browser: Client) -> None:
    """The page says that they cannot be shown, and the rest of it is there; a wrong form is told before."""
    await sign_in(browser, team.keys["ann"])
    page = await browser.get("/alerts", headers=HTML)
    assert page.status_code == 200
    assert "Prefect&#39;s server, which keeps the alerts, does not answer" in page.text
    assert "Public status page" in page.text
    token = await form(browser, "/alerts")
    given = {"kind": "slack", "url": "https://evil.example/", "data_source_id": "", "name": ""}
    wrong = await browser.post("/alerts", data=token | given, headers=HTML)
    assert wrong.status_code == 422
    assert "begins with https://hooks.slack.com/" in wrong.text
    for url in ("http://169.254.169.254/", "http://127.0.0.1:8080/", "http://no-such-host.invalid/"):
        answer = await browser.post("/alerts", data=token | given | {"kind": "webhook", "url": url}, headers=HTML)
        assert answer.status_code == 422, url
        assert "f-url-wrong" in answer.text
