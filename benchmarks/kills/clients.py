"""Clients that test good sources again and again, whatever is away."""

import asyncio
import time
from collections import Counter
from contextlib import suppress
from typing import Any

import httpx
from msgspec import Struct, field

SOURCES = "/api/v1/data_sources"
ENDED = ("done", "failed", "cancelled")
FOLLOW_SECONDS = 1500.0
"""After which a job counts as one that never ends."""
REST_SECONDS = 1.0
AGAIN_SECONDS = 0.3


class Seen(Struct):
    """What the clients saw."""

    kills: Counter[str] = field(default_factory=Counter)
    ended: dict[int, dict[str, Any]] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    """From the request to the answer, one for each test."""
    never: list[int] = field(default_factory=list)
    changed: list[int] = field(default_factory=list)
    fatal: list[int] = field(default_factory=list)
    """Jobs of the source that ends its process."""


async def register(client: httpx.AsyncClient, name: str, options: dict[str, Any]) -> int:
    """Register a source, and answer its id."""
    body = {"name": name, "type": "pg", "options": options, "temp_schema": "scratch"}
    return int((await patiently(client, "POST", SOURCES, body))["id"])


async def keep_testing(
    client: httpx.AsyncClient, source: int, seen: Seen, until: float, *, fatal: bool = False
) -> None:
    """Test a source again and again; `fatal` says that it ends its process each time."""
    while (began := time.monotonic()) < until:
        answer = await patiently(client, "POST", f"{SOURCES}/{source}/test")
        if fatal:
            seen.fatal.append(answer["job_id"])
        await follow(client, answer["job_id"], seen)
        seen.seconds.append(time.monotonic() - began)
        await asyncio.sleep(REST_SECONDS)


async def follow(client: httpx.AsyncClient, job: int, seen: Seen) -> None:
    """Read a job until it has ended, across restarts."""
    until = time.monotonic() + FOLLOW_SECONDS
    while time.monotonic() < until:
        answer = await patiently(client, "GET", f"{SOURCES}/test/{job}")
        if answer["status"] in ENDED:
            seen.ended[job] = answer
            return
        await asyncio.sleep(AGAIN_SECONDS)
    seen.never.append(job)


async def compare(client: httpx.AsyncClient, answer: dict[str, Any], seen: Seen) -> None:
    """What has ended is answered the same for ever."""
    if await patiently(client, "GET", f"{SOURCES}/test/{answer['id']}") != answer:
        seen.changed.append(answer["id"])


async def patiently(client: httpx.AsyncClient, method: str, path: str, body: Any = None) -> dict[str, Any]:
    """The answer, as soon as there is one."""
    while True:
        with suppress(httpx.TransportError):
            answer = await client.request(method, path, json=body)
            if answer.status_code == 200:
                found: dict[str, Any] = answer.json()
                return found
            if answer.status_code < 500 and answer.status_code != 429:
                answer.raise_for_status()
        await asyncio.sleep(AGAIN_SECONDS)
