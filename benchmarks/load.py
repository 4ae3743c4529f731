"""500 tests asked for at once over 50 sources, with 200 clients polling, on a stack of its own on this machine.

    python -m benchmarks.load

Ends with 1 when a promise is broken: a job lost or not ended, an answer that is no 2xx, two tests of a source at once.
"""

import argparse
import asyncio
import itertools
import os
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import httpx
import psutil
from msgspec import Struct, field
from rich.console import Console
from rich.table import Table

from datasources.model.settings import Settings
from deployments.cli.demo_data import make_shop
from deployments.stack.ports import free_port
from deployments.stack.start import Stack, running

SOURCES = "/api/v1/data_sources"
ENDED = ("done", "failed", "cancelled")
CONNECTIONS = 1000
"""Sockets of all clients together: no client waits for another."""
GIVE_UP_SECONDS = 1200.0
"""Seconds until we give up."""
WARM_UP = 20
"""Jobs before the first look at memory: a process that has done nothing yet says little."""
console = Console(highlight=False, soft_wrap=True)


class Wanted(Struct, frozen=True):
    """How much."""

    requests: int
    sources: int
    different: int
    """Different requests for each source; the rest are equal to one of them."""
    pollers: int


class Seen(Struct):
    """What the clients saw."""

    answers: Counter[int] = field(default_factory=Counter)
    """By status code; 0 is no answer."""
    silences: Counter[str] = field(default_factory=Counter)
    """Why there was no answer."""
    asked_ms: list[float] = field(default_factory=list)
    polled_ms: list[float] = field(default_factory=list)
    joined: int = 0
    ended: dict[int, str] = field(default_factory=dict)
    jobs: set[int] = field(default_factory=set)


async def measure(wanted: Wanted) -> int:
    """Start a stack, load it, and show the figures. Answers the exit code."""
    with tempfile.TemporaryDirectory(prefix="sourcecheck-load-") as home:
        settings = Settings(home=home, api_port=free_port(), prefect_port=free_port())
        async with running(settings, console.print, with_demo_database=True) as stack:
            assert stack.postgres is not None  # noqa: S101 -- asked for above
            await asyncio.to_thread(make_shop, stack.postgres)
            headers = {"Authorization": f"Key {stack.addresses.key}"}
            limits = httpx.Limits(max_connections=CONNECTIONS)
            async with httpx.AsyncClient(
                base_url=stack.addresses.api, headers=headers, timeout=120, limits=limits, trust_env=False
            ) as client:
                return await load(client, stack, wanted)


async def load(client: httpx.AsyncClient, stack: Stack, wanted: Wanted) -> int:
    """The load itself, on a running stack."""
    sources = [await register(client, stack, number) for number in range(wanted.sources)]
    warm_up = Seen()
    await asyncio.gather(*(ask(client, source, 0, warm_up) for source in sources[:WARM_UP]))
    await follow(client, warm_up, pollers=1)
    await asyncio.sleep(2)
    before, began, seen = usage(), time.monotonic(), Seen()
    asking = asyncio.gather(
        *(ask(client, source, number % wanted.different, seen) for source, number in requests(sources, wanted))
    )
    await asyncio.gather(asking, follow(client, seen, wanted.pollers, asking))
    spent = time.monotonic() - began
    after = usage()
    overlaps, runs = await one_at_a_time(stack, seen)
    show(wanted, seen, spent, before, after)
    broken = {
        "answers that are no 2xx": sum(n for code, n in seen.answers.items() if not 200 <= code < 300),
        "jobs that have not ended": len(seen.jobs - seen.ended.keys()),
        "jobs that did not pass": sum(status != "done" for status in seen.ended.values()),
        "jobs without exactly one run": abs(len(seen.jobs) - runs),
        "tests of one source at the same time": overlaps,
    }
    for what, number in broken.items():
        console.print(f"{'[green]ok[/]    ' if number == 0 else '[red]BROKEN[/]'} {what}: {number}")
    return int(any(broken.values()))


def requests(sources: Sequence[int], wanted: Wanted) -> list[tuple[int, int]]:
    """Source and number of each request, shuffled, the same every time."""
    every = list(itertools.islice(((s, n) for n in itertools.count() for s in sources), wanted.requests))
    random.Random(6).shuffle(every)  # noqa: S311 -- for variety, not for secrecy
    return every


async def register(client: httpx.AsyncClient, stack: Stack, number: int) -> int:
    """A source on the stack's own PostgreSQL."""
    assert stack.postgres is not None  # noqa: S101 -- asked for
    facts = stack.postgres.conninfo("demo")
    options = {"host": facts.host, "port": facts.port, "user": facts.user, "password": facts.password}
    body = {"name": f"Load {number}", "type": "pg", "options": options | {"dbname": facts.dbname}}
    answer = await client.post(SOURCES, json=body | {"temp_schema": "demo.scratch"})
    return int(answer.raise_for_status().json()["id"])


async def ask(client: httpx.AsyncClient, source: int, kind: int, seen: Seen) -> None:
    """One request for a test; requests of one kind are equal."""
    answer = await timed(
        client.post(f"{SOURCES}/{source}/test", json={"timeout_seconds": 300 - kind}), seen, seen.asked_ms
    )
    seen.answers[answer.status_code if answer else 0] += 1
    if answer is not None and answer.status_code == 200:
        seen.jobs.add(answer.json()["job_id"])
        seen.joined += "sourcecheck-joined" in answer.headers


async def follow(
    client: httpx.AsyncClient, seen: Seen, pollers: int, asking: "asyncio.Future[Any] | None" = None
) -> None:
    """Poll until every job has ended: half of the clients hold the line, half come again and again."""
    until = time.monotonic() + GIVE_UP_SECONDS

    async def poll(number: int) -> None:
        chance = random.Random(number)  # noqa: S311
        while time.monotonic() < until:
            left = sorted(seen.jobs - seen.ended.keys())
            if not left and (asking is None or asking.done()):
                return
            if left:
                await read(client, chance.choice(left), number % 2 * 5, seen)
            await asyncio.sleep(0.25 + chance.random() / 2)

    await asyncio.gather(*(poll(number) for number in range(pollers)))


async def read(client: httpx.AsyncClient, job: int, wait: int, seen: Seen) -> None:
    """One look at a job."""
    path = f"{SOURCES}/test/{job}"
    answer = await timed(client.get(path, params={"wait": wait}), seen, seen.polled_ms if not wait else [])
    seen.answers[answer.status_code if answer else 0] += 1
    if answer is not None and answer.status_code == 200 and answer.json()["status"] in ENDED:
        seen.ended[job] = answer.json()["status"]


async def timed(asked: Awaitable[httpx.Response], seen: Seen, into: list[float]) -> httpx.Response | None:
    """The answer, None without one; how long it took goes into the list, in milliseconds."""
    began = time.monotonic()
    try:
        answer = await asked
    except httpx.HTTPError as error:
        seen.silences[type(error).__name__] += 1
        return None
    into.append((time.monotonic() - began) * 1000)
    return answer


async def one_at_a_time(stack: Stack, seen: Seen) -> tuple[int, int]:
    """How often two runs of one source were under way at once, by Prefect's records, and how many runs there are."""
    found: dict[str, list[tuple[datetime, datetime]]] = {}
    wanted, runs = {f"job:{job}" for job in seen.jobs}, 0
    async with httpx.AsyncClient(timeout=60, trust_env=False, auth=stack.prefect_auth) as client:
        for offset in itertools.count(step=200):
            chosen = {"limit": 200, "offset": offset, "sort": "ID_DESC"}
            answer = await client.post(f"{stack.settings.prefect_api_url}/flow_runs/filter", json=chosen)
            page = answer.raise_for_status().json()
            for run in page:
                if wanted & set(run["tags"]) and run["start_time"] and run["end_time"]:
                    runs += 1
                    source = next(tag for tag in run["tags"] if tag.startswith("data-source:"))
                    times = (datetime.fromisoformat(run[name]) for name in ("start_time", "end_time"))
                    found.setdefault(source, []).append((next(times), next(times)))
            if len(page) < 200:
                break
    spans = (pairwise(sorted(times)) for times in found.values())
    return sum(begun < over for pairs in spans for (_, over), (begun, _) in pairs), runs


def usage() -> dict[str, tuple[float, float]]:
    """Resident memory in MB and CPU in seconds so far, by role, of everything this process has started."""
    roles = {"prefect-server": "Prefect's server", "serve": "API", "worker": "worker and its processes"}
    found: dict[str, tuple[float, float]] = {}
    for child in psutil.Process().children():
        with suppress(psutil.Error):
            words = child.cmdline()
            role = next((roles[word] for word in words if word in roles), None)
            if role:
                family = [child, *child.children(recursive=True)]
                cpu = sum(p.cpu_times().user + p.cpu_times().system for p in family)
                found[role] = (sum(p.memory_info().rss for p in family) / 2**20, cpu)
    return found


def show(
    wanted: Wanted, seen: Seen, spent: float, before: dict[str, tuple[float, float]], after: dict[str, Any]
) -> None:
    """The figures."""
    table = Table("what", "figure")
    table.add_row("machine", f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {datetime.now(UTC):%Y-%m-%d}")
    table.add_row("requests for a test", f"{wanted.requests} over {wanted.sources} sources")
    table.add_row("jobs", f"{len(seen.jobs)} made, {seen.joined} requests joined one")
    table.add_row("ended as", ", ".join(f"{n} {status}" for status, n in Counter(seen.ended.values()).items()))
    table.add_row("from the first request to the last end", f"{spent:.1f} s, {len(seen.jobs) / spent:.1f} jobs/s")
    table.add_row("answers by status", ", ".join(f"{n} of {code}" for code, n in sorted(seen.answers.items())))
    if seen.silences:
        table.add_row("no answer", ", ".join(f"{n} {why}" for why, n in seen.silences.items()))
    table.add_row("POST of a test", spread(seen.asked_ms))
    table.add_row(f"GET by {wanted.pollers} clients", spread(seen.polled_ms))
    for role, (memory, cpu) in sorted(after.items()):
        was, used = before.get(role, (0.0, 0.0))
        per_job = f"{(cpu - used) / max(1, len(seen.jobs)):.2f} s of CPU a job"
        table.add_row(role, f"{was:.0f} MB before, {memory:.0f} MB after; {per_job}")
    console.print(table)


def spread(times: Iterable[float]) -> str:
    """Median, 95th percentile and longest, in ms."""
    times = sorted(times)
    if len(times) < 2:
        return "none"
    return (
        f"{statistics.median(times):.0f} / {times[int(len(times) * 0.95)]:.0f} / {times[-1]:.0f} ms (p50/p95/longest)"
    )


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="benchmarks.load", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--requests", type=int, default=500)
    parser.add_argument("--sources", type=int, default=50)
    parser.add_argument("--different", type=int, default=5, help="different requests for each source")
    parser.add_argument("--pollers", type=int, default=200)
    given = parser.parse_args()
    return asyncio.run(measure(Wanted(given.requests, given.sources, given.different, given.pollers)))


if __name__ == "__main__":
    sys.exit(main())
