"""A file of many sources, on the API alone."""

from tests.api.routes.sources import SOURCES
from tests.api.routes.test_apply import APPLY, SHOP, applied
from tests.fixtures.api import Client


async def test_a_file_of_many_sources(lone_api: Client) -> None:
    """Is written in several statements, all of it or nothing, and answered in its own order."""
    many = [SHOP | {"name": f"Many {number:03}"} for number in range(230)]
    first = await applied(lone_api, *many)
    assert [change["name"] for change in first["changes"]] == [source["name"] for source in many]
    ids = [change["id"] for change in first["changes"]]
    assert ids == sorted({*ids})
    again = await applied(lone_api, *(source | {"tags": ["weekly"]} for source in many[::-1]))
    assert {change["action"] for change in again["changes"]} == {"update"}
    assert [change["id"] for change in again["changes"]] == ids[::-1]
    wrong = [*(source | {"tags": None} for source in many), SHOP | {"name": "Many wrong", "down_after": 0}]
    assert (await lone_api.post(APPLY, json={"sources": wrong})).status_code == 422
    exported = (await lone_api.get(f"{SOURCES}/export")).json()["sources"]
    assert {tuple(source["tags"]) for source in exported if source["name"].startswith("Many")} == {("weekly",)}
