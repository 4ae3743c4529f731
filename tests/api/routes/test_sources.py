"""Sources by HTTP, on the API alone."""

from typing import Any

import pytest

from tests.api.routes.sources import OPTIONS, SOURCES, register
from tests.fixtures.api import Client

PAGES = "/api/v1/data-sources"


async def test_the_life_of_a_source(lone_api: Client) -> None:
    """Registered, read, changed, removed; another one may have its name only then."""
    source = await register(lone_api, "Life")
    taken = await lone_api.post(SOURCES, json={"name": "Life", "type": "pg", "options": OPTIONS})
    assert (taken.status_code, taken.json()) == (409, {"detail": "Another data source has this name"})
    other = await register(lone_api, "Other life")
    taken = await lone_api.patch(f"{SOURCES}/{other}", json={"name": "Life"})
    assert (taken.status_code, taken.json()) == (409, {"detail": "Another data source has this name"})
    changed = (await lone_api.patch(f"{SOURCES}/{source}", json={"temp_schema": "scratch"})).json()
    assert (changed["temp_schema"], changed["options"]["password"]) == ("scratch", None)
    assert (await lone_api.delete(f"{SOURCES}/{source}")).status_code == 204
    assert (await lone_api.get(f"{SOURCES}/{source}")).status_code == 404
    assert await register(lone_api, "Life") != source


async def test_lists_and_pages(lone_api: Client) -> None:
    """Every source in one list; the pages of another search by name, filter by type and sort."""
    ids = [await register(lone_api, f"Page {number}") for number in range(3)]
    every = [source["id"] for source in (await lone_api.get(SOURCES)).json()]
    assert set(ids) <= set(every)
    query: dict[str, Any] = {"search": "page ", "type": "postgresql", "sort_by": "name", "sort_order": "desc"}
    first = (await lone_api.get(PAGES, params=query | {"page_size": 2})).json()["data"]
    second = (await lone_api.get(PAGES, params=query | {"page_size": 2, "page": 2})).json()["data"]
    assert [source["id"] for source in [*first["items"], *second["items"]]] == ids[::-1]
    assert first["pagination"] | {"page": 1, "page_size": 2, "total_items": 3, "total_pages": 2} == first["pagination"]
    assert (await lone_api.get(PAGES, params=query | {"type": "sqlite"})).json()["data"]["items"] == []


@pytest.mark.parametrize("text", ["%", "_", "\0"])
async def test_what_is_searched_for_is_text(lone_api: Client, text: str) -> None:
    """A percent sign and an underscore mean themselves; a NUL, which no name holds, is left out."""
    await register(lone_api, f"Text {ord(text)}")
    found = (await lone_api.get(PAGES, params={"search": f"Text {text}"})).json()["data"]["items"]
    assert bool(found) is (text == "\0")
