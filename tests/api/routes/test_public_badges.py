"""A badge is public by a token: the name and the state of one source, until it is withdrawn."""

import httpx

from tests.api.routes.sources import OPTIONS, SOURCES, register
from tests.fixtures.api import Client

IMMEDIATE = "/api/v1/data-sources"


async def look(client: Client, path: str) -> httpx.Response:
    """The answer to a request without a key."""
    return await client.get(path, headers={"Authorization": ""})


async def publish(client: Client, source: int) -> str:
    """Make a badge public, and answer its path."""
    answer = await client.post(f"{IMMEDIATE}/{source}/badge-token")
    assert (answer.status_code, answer.json()["success"]) == (201, True)
    assert answer.headers["location"] == answer.json()["data"]["path"]
    return str(answer.headers["location"])


async def test_the_life_of_a_public_badge(lone_api: Client) -> None:
    """Nothing is public unasked; a new token ends the one before; withdrawn, it is as if there had been none."""
    source = await register(lone_api, "Shown <to> all")
    first = await publish(lone_api, source)
    second = await publish(lone_api, source)
    shown = await look(lone_api, second)
    assert (shown.status_code, shown.headers["content-type"].partition(";")[0]) == (200, "image/svg+xml")
    assert "Shown &lt;to&gt; all: inactive" in shown.text
    assert (await look(lone_api, first)).status_code == 404
    answer = await lone_api.delete(f"{IMMEDIATE}/{source}/badge-token")
    assert (answer.status_code, answer.json()["message"]) == (200, "Badge withdrawn")
    gone = await look(lone_api, second)
    assert (gone.status_code, gone.json()) == (404, {"detail": "Badge not found"})
    assert gone.json() == (await look(lone_api, "/badge/made-up%00")).json()


async def test_it_shows_nothing_but_name_and_state(lone_api: Client) -> None:
    """No id, host, user, database or uptime; a shared cache asks before it shows it again."""
    source = await register(lone_api, "Discreet")
    shown = await look(lone_api, await publish(lone_api, source))
    assert [word for word in (*OPTIONS.values(), "%", f'"{source}"') if word in shown.text] == []
    assert shown.headers["cache-control"] == "no-cache"


async def test_a_removed_source_has_no_badge(lone_api: Client) -> None:
    """Whoever still has the address learns nothing more."""
    source = await register(lone_api, "Removed")
    path = await publish(lone_api, source)
    assert (await lone_api.delete(f"{SOURCES}/{source}")).status_code == 204
    assert (await look(lone_api, path)).status_code == 404
    assert (await lone_api.post(f"{IMMEDIATE}/{source}/badge-token")).status_code == 404


async def test_the_catalogue_keeps_no_token(lone_api: Client) -> None:
    """A source as it is answered does not hold it: who has lost the address makes a new one."""
    source = await register(lone_api, "Forgetful")
    token = (await publish(lone_api, source)).rpartition("/")[2]
    answers = [await lone_api.get(path) for path in (f"{SOURCES}/{source}", SOURCES, IMMEDIATE)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert not any(token in answer.text or "badge_hash" in answer.text for answer in answers)
