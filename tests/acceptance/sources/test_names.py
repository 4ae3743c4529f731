"""What a source is called stays text in every place where it is shown (docs/security.md, row 20)."""

import asyncio
import time
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from datasources.catalogue.engine import session_scope
from datasources.catalogue.tables import DataSource
from datasources.model.settings import Settings
from deployments.stack.local import with_local_defaults
from tests.acceptance.kit import SOURCES, ask, ended, flow_runs, locations, options, register, unique
from tests.fixtures.servers.database import Server
from tests.fixtures.service import Service

EVIL = "![p](http://127.0.0.1:9/p.png) [c](javascript:alert(1)) <img src=x>"
HIDDEN = ["a\nb", "a\x1b[31mb", "a\u202eb", "a\u200bb", "\ufeffa", "a\x85b", "a\u2066b"]


@pytest.mark.parametrize("name", HIDDEN)
def test_hidden_characters_are_refused(admin: httpx.Client, good_source: int, embedded: Server, name: str) -> None:
    """With a sentence, in each field that other people see."""
    body: dict[str, Any] = {"name": name, "type": "pg", "options": options(embedded)}
    assert locations(admin.post(SOURCES, json=body)) == [["body", "name"]]
    for field in ("name", "temp_schema"):
        assert locations(admin.patch(f"{SOURCES}/{good_source}", json={field: name})) == [["body", field]]
    assert locations(admin.patch(f"{SOURCES}/{good_source}", json={"tags": ["ok", name]})) == [["body", "tags", 1]]
    assert admin.post("/api/v1/api_keys", json={"name": name}).status_code == 422


def test_names_are_escaped(service: Service, admin: httpx.Client, embedded: Server) -> None:
    """Also one from before such names were refused; its source works, and can be changed."""
    source = register(admin, unique("Named"), options(embedded))
    asyncio.run(rename(service, source, f"{EVIL}\n# H\x1b\u202e"))
    assert admin.patch(f"{SOURCES}/{source}", json={"description": "two\nlines"}).status_code == 200
    job = ask(admin, source)
    assert ended(admin, job)["status"] == "done"
    for artifact in artifacts(service, source):
        assert r"\!\[p\](http\://127.0.0.1\:9/p.png) \[c\](javascript\:alert(1)) \<img" in artifact["description"]
        assert not set("\n\x1b\u202e") & set(artifact["description"])
    (run,) = flow_runs(service, job)
    assert run["name"].startswith(EVIL)
    assert not set("\n\x1b\u202e") & set(run["name"])


async def rename(service: Service, source: int, name: str) -> None:
    """As an earlier version would have accepted it."""
    async with session_scope(with_local_defaults(Settings.load(service.environ))) as session:
        await session.execute(update(DataSource).where(DataSource.id == source).values(name=name))


def artifacts(service: Service, source: int) -> list[dict[str, Any]]:
    """The source's report and its tables, once both are there."""
    until = time.monotonic() + 60
    wanted = {"artifacts": {"key": {"like_": f"source-{source}-"}}}
    while len(found := service.prefect_api.post("/artifacts/filter", json=wanted).raise_for_status().json()) < 2:
        assert time.monotonic() < until
        time.sleep(0.2)
    return list(found)
