"""Sources for tests of routes."""

from typing import Any

from tests.fixtures.api import Client
from tests.wire.answers import problems

OPTIONS = {"host": "db.example", "user": "me", "dbname": "shop", "password": "canary"}
SOURCES = "/api/v1/data_sources"


async def register(client: Client, name: str, **fields: Any) -> int:
    """Register a source, and answer its id."""
    answer = await client.post(SOURCES, json={"name": name, "type": "pg", "options": OPTIONS, **fields})
    assert answer.status_code == 200, answer.text
    assert problems(answer.json(), "DataSource") == []
    return int(answer.json()["id"])
