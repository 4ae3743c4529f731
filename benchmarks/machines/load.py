"""Tests asked for by HTTP, again and again, and what became of each."""

import asyncio
import time
from collections import Counter
from typing import Any

import httpx
from msgspec import Struct, field

SOURCES = "/api/v1/data_sources"
ENDED = ("done", "failed", "cancelled")
LIMIT = 150
"""Seconds that a test has."""
PAUSE = 0.3


class Test(Struct):
    """One test as its client saw it; times are of a monotonic clock."""

    job: int
    asked: float
    ended: float = 0.0
    answer: dict[str, Any] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """From the request to the end."""
        return self.ended - self.asked

    @property
    def status(self) -> str:
        """As the API says it; `never` when it has not ended."""
        return str(self.answer.get("status", "never"))


class Load(Struct):
    """All tests of a run, and what clients had to try again."""

    tests: dict[int, Test] = field(default_factory=dict)
    repeated: Counter[str] = field(default_factory=Counter)
    """Requests that a client had to repeat, by what came instead of an answer."""

    async def keep_testing(self, client: httpx.AsyncClient, source: int, stop: asyncio.Event) -> None:
        """Test a source again and again, until it is enough."""
        while not stop.is_set():
            await self.test(client, source)

    async def test(self, client: httpx.AsyncClient, source: int) -> Test:
        """Test it once."""
        began = time.monotonic()
        asked = await self.patiently(client, "POST", f"{SOURCES}/{source}/test", json={"timeout_seconds": LIMIT})
        test = self.tests.setdefault(asked["job_id"], Test(asked["job_id"], began))
        until = began + 3 * LIMIT
        while time.monotonic() < until:
            answer = await self.patiently(client, "GET", f"{SOURCES}/test/{test.job}", params={"wait": 20})
            if answer["status"] in ENDED:
                test.answer, test.ended = answer, time.monotonic()
                break
        return test

    async def changed(self, client: httpx.AsyncClient) -> list[int]:
        """Jobs whose answer is not what it was when they ended."""
        found = []
        for test in self.tests.values():
            if test.ended:
                answer = await self.patiently(client, "GET", f"{SOURCES}/test/{test.job}")
                if answer != test.answer:
                    found.append(test.job)
        return found

    async def patiently(self, client: httpx.AsyncClient, method: str, path: str, **options: Any) -> dict[str, Any]:
        """The answer, as soon as there is one."""
        while True:
            why = ""
            try:
                answer = await client.request(method, path, **options)
                if answer.is_success:
                    found: dict[str, Any] = answer.json()
                    return found
                why = str(answer.status_code)
            except httpx.TransportError as error:
                why = type(error).__name__
            self.repeated[why] += 1
            await asyncio.sleep(PAUSE)

    def during(self, moment: float) -> list[Test]:
        """Tests that were under way at this moment."""
        return [
            test for test in self.tests.values() if test.asked <= moment and (not test.ended or test.ended > moment)
        ]


async def register(client: httpx.AsyncClient, source: dict[str, Any], count: int, name: str) -> list[int]:
    """The same source under so many names; answers their ids."""
    ids: list[int] = []
    for number in range(count):
        made = await client.post(SOURCES, json={**source, "name": f"{name} {number}"})
        ids.append(int(made.raise_for_status().json()["id"]))
    return ids
