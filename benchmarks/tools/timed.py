"""Tests asked for by HTTP, timed from the request until the answer is final."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import median, quantiles
from typing import Any

import httpx
from msgspec import Struct, field

from benchmarks.tools.lanes import Lane
from benchmarks.tools.usage import Trees

SOURCES = "/api/v1/data_sources"
ENDED = ("done", "failed", "cancelled")
SETTLE = 1.0
"""Seconds after the last answer until the CPU is read: task runs reach Prefect's database a little later."""


class Measured(Struct):
    """Samples of one kind, in seconds."""

    times: list[float] = field(default_factory=list)
    posts: list[float] = field(default_factory=list)
    """Of the request that asks for a test, until its answer."""
    elapsed: float = 0.0
    statuses: Counter[str] = field(default_factory=Counter)
    cpu: dict[str, float] = field(default_factory=dict)
    """Seconds a sample, by role, above what idling costs."""

    @property
    def rate(self) -> float:
        """Samples a second."""
        return len(self.times) / self.elapsed if self.elapsed else 0.0

    def note(self, seconds: float, post: float, status: str) -> None:
        """Add a sample."""
        self.times.append(seconds)
        self.posts.append(post)
        self.statuses[status] += 1


async def register(client: httpx.AsyncClient, source: Mapping[str, Any], count: int, name: str) -> list[int]:
    """The same source under so many names; answers their ids."""
    ids: list[int] = []
    for number in range(count):
        made = await client.post(SOURCES, json={**source, "name": f"{name} {number}"})
        ids.append(int(made.raise_for_status().json()["id"]))
    return ids


async def tested(client: httpx.AsyncClient, source: int, into: Measured) -> int:
    """Test a source, and answer the number of the job."""
    began = time.monotonic()
    asked = (await client.post(f"{SOURCES}/{source}/test")).raise_for_status().json()
    posted = time.monotonic() - began
    while True:
        answer = (await client.get(f"{SOURCES}/test/{asked['job_id']}", params={"wait": 60})).raise_for_status().json()
        if answer["status"] in ENDED:
            into.note(time.monotonic() - began, posted, answer["status"])
            return int(asked["job_id"])


async def measure(
    lane: Lane, client: httpx.AsyncClient, sources: Sequence[int], samples: int, limit: float, idle: Mapping[str, float]
) -> Measured:
    """Keep one test of each of these sources under way until there are enough samples, or the time is up."""
    found = Measured()
    before, began = lane.trees.cpu(), time.monotonic()
    left = iter(range(samples))

    async def keep_asking(source: int) -> None:
        while time.monotonic() - began < limit and next(left, None) is not None:
            await tested(client, source, found)

    await asyncio.gather(*(keep_asking(source) for source in sources))
    found.elapsed = time.monotonic() - began
    await asyncio.sleep(SETTLE)
    found.cpu = spent(lane.trees, before, time.monotonic() - began, idle, len(found.times))
    return found


def spent(
    trees: Trees, before: Mapping[str, float], elapsed: float, idle: Mapping[str, float], samples: int
) -> dict[str, float]:
    """CPU seconds a sample since then, by role, without what idling costs in that time."""
    now = trees.cpu()
    return {
        role: max(0.0, now[role] - before.get(role, 0.0) - idle.get(role, 0.0) * elapsed) / max(1, samples)
        for role in now
    }


async def idle_cost(trees: Trees, seconds: float) -> dict[str, float]:
    """CPU seconds a second, by role, while no client asks for anything."""
    before = trees.cpu()
    await asyncio.sleep(seconds)
    now = trees.cpu()
    return {role: (now[role] - before.get(role, 0.0)) / seconds for role in now}


def percentiles(samples: Sequence[float]) -> tuple[float, float]:
    """p50 and p95."""
    if len(samples) < 2:
        return (samples[0], samples[0]) if samples else (0.0, 0.0)
    return median(samples), quantiles(samples, n=20, method="inclusive")[-1]
