"""Kill one part after the other, at random, while good sources are tested, on a stack of its own on this machine.

    python -m benchmarks.kills --minutes 10

Ends with 1 when a promise is broken: a good source whose test did not end as `done`, a job that never ended, or an
answer that changed after the end.
"""

import argparse
import asyncio
import random
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
from msgspec import Struct, field
from rich.console import Console
from rich.table import Table

from benchmarks.usage import Trees
from datasources.model.settings import Settings
from deployments.stack.ports import free_port
from deployments.stack.start import running

SOURCES = "/api/v1/data_sources"
ENDED = ("done", "failed", "cancelled")
PARTS = ("process", "worker", "api", "prefect", "postgres")
REST_SECONDS = (5.0, 30.0)
"""Between two kills, at the least and at the most."""
LIMIT = 120
"""Seconds that a test has."""
console = Console(highlight=False, soft_wrap=True)


class Seen(Struct):
    """What the client saw."""

    kills: Counter[str] = field(default_factory=Counter)
    ended: dict[int, dict[str, Any]] = field(default_factory=dict)
    never: list[int] = field(default_factory=list)
    changed: list[int] = field(default_factory=list)


async def measure(minutes: float, sources: int) -> int:
    """Start a stack, kill its parts, and show what became of the tests. Answers the exit code."""
    with tempfile.TemporaryDirectory(prefix="sourcecheck-kills-") as home:
        files = Path(home) / "files"
        files.mkdir()
        settings = Settings(home=home, api_port=free_port(), prefect_port=free_port(), file_root=str(files))
        async with running(settings, console.print) as stack:
            headers = {"Authorization": f"Key {stack.addresses.key}"}
            async with httpx.AsyncClient(
                base_url=stack.addresses.api, headers=headers, timeout=60, trust_env=False
            ) as client:
                ids = [await register(client, files, number) for number in range(sources)]
                seen, until = Seen(), time.monotonic() + minutes * 60
                await asyncio.gather(kill(seen, until), *(test_on(client, source, seen, until) for source in ids))
                await asyncio.gather(*(compare(client, answer, seen) for answer in seen.ended.values()))
    return show(seen)


async def register(client: httpx.AsyncClient, files: Path, number: int) -> int:
    """A good source: a file with a few tables."""
    with sqlite3.connect(files / f"shop{number}.db") as session:
        session.execute("CREATE TABLE customer (id integer PRIMARY KEY, name text)")
        session.execute("CREATE VIEW names AS SELECT name FROM customer")
    body = {"name": f"Good {number}", "type": "sqlite", "options": {"path": f"shop{number}.db"}, "temp_schema": "main"}
    answer = await client.post(SOURCES, json=body)
    return int(answer.raise_for_status().json()["id"])


async def kill(seen: Seen, until: float) -> None:
    """One part after the other, the same order every time."""
    chance = random.Random(17)  # noqa: S311 -- for variety, not for secrecy
    while time.monotonic() < until:
        await asyncio.sleep(chance.uniform(*REST_SECONDS))
        part = chance.choice(PARTS)
        with suppress(psutil.Error, IndexError, KeyError):
            victim = chance.choice(list(processes(part)))
            victim.kill()
            seen.kills[part] += 1


def processes(part: str) -> Iterator[psutil.Process]:
    """What may be killed of this part; of the worker's processes any that may be at a test."""
    roots = Trees.of_stack().roots
    if part != "process":
        yield psutil.Process(roots[part])
        return
    for child in psutil.Process(roots["worker"]).children():
        yield from child.children()


async def test_on(client: httpx.AsyncClient, source: int, seen: Seen, until: float) -> None:
    """Test a source again and again."""
    while time.monotonic() < until:
        answer = await patiently(client, "POST", f"{SOURCES}/{source}/test", {"timeout_seconds": LIMIT})
        await follow(client, answer["job_id"], seen)
        await asyncio.sleep(1)


async def follow(client: httpx.AsyncClient, job: int, seen: Seen) -> None:
    """Read a job until it has ended, across restarts."""
    until = time.monotonic() + 3 * LIMIT
    while time.monotonic() < until:
        answer = await patiently(client, "GET", f"{SOURCES}/test/{job}")
        if answer["status"] in ENDED:
            seen.ended[job] = answer
            return
        await asyncio.sleep(0.3)
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
        await asyncio.sleep(0.3)


def show(seen: Seen) -> int:
    """The figures, and the exit code."""
    table = Table("what", "figure")
    table.add_row("kills", ", ".join(f"{seen.kills[part]} of {part}" for part in PARTS))
    statuses = Counter(answer["status"] for answer in seen.ended.values())
    table.add_row("tests ended as", ", ".join(f"{number} {status}" for status, number in statuses.items()))
    attempts = Counter(answer["attempts"] for answer in seen.ended.values())
    table.add_row("attempts", ", ".join(f"{number} took {tries}" for tries, number in sorted(attempts.items())))
    console.print(table)
    for answer in seen.ended.values():
        if answer["status"] != "done":
            console.print(f"job {answer['id']}: {answer['status']}, attempt {answer['attempts']}: {answer['reason']}")
    broken = {
        "tests of a good source that did not pass": sum(n for status, n in statuses.items() if status != "done"),
        "tests that never ended": len(seen.never),
        "answers that changed after the end": len(seen.changed),
    }
    for what, number in broken.items():
        console.print(f"{'[green]ok[/]    ' if number == 0 else '[red]BROKEN[/]'} {what}: {number}")
    return int(any(broken.values()))


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="benchmarks.kills", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--sources", type=int, default=20)
    given = parser.parse_args()
    return asyncio.run(measure(given.minutes, given.sources))


if __name__ == "__main__":
    sys.exit(main())
