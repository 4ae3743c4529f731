"""Kill one part after the other, at random, while good sources are tested and swept, on a stack of its own.

    python -m benchmarks.kills --minutes 10 --seed 17

Ends with 1 when a promise is broken: a good source whose test did not end as `done`, a job that never ended, an answer
that changed after the end, a source that two processes were at at once, a source that ends its process and was not
found out, a check of a sweep that came twice or was lost.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
from msgspec import Struct
from rich.console import Console

from benchmarks.kills import swept, victims
from benchmarks.kills.clients import Seen, compare, keep_testing, register
from benchmarks.kills.report import show
from benchmarks.kills.watched import WatchedSources, at_once
from benchmarks.tools.lanes import bench_environ
from datasources.model.settings import Settings
from deployments.stack.ports import free_port
from deployments.stack.start import Stack, running

SLOW_SECONDS = 1.5
"""What a source that is swept takes to answer, so that more of them are under way when a part is killed."""
JOB_SECONDS = 1200
"""What a test has: time is not what is to be lost."""
AT_ONCE = 20
"""Requests at once, to register sources."""
console = Console(highlight=False, soft_wrap=True)


class Plan(Struct, frozen=True):
    """How much there is to lose."""

    minutes: float
    seed: int
    sources: int
    """Good ones, each tested again and again. One more ends its process each time."""
    swept: int
    interval: int
    """Seconds between two sweeps."""


async def measure(plan: Plan, home: Path) -> int:
    """Start a stack, kill its parts, and show what became of the tests and sweeps. Answers the exit code."""
    settings = Settings(
        home=str(home / "home"),
        api_port=free_port(),
        prefect_port=free_port(),
        job_timeout=JOB_SECONDS,
        tests_per_minute=1_000_000,
        scheduled_tests_per_minute=1_000_000,
    )
    began = time.monotonic()

    def say(text: str) -> None:
        console.print(f"{time.monotonic() - began:6.0f} s  {text}", markup=False)

    tested = plan.sources + 1
    pause = [0.0] * tested + [SLOW_SECONDS] * plan.swept
    async with (
        running(settings, say) as stack,
        WatchedSources(home / "sources", tested + plan.swept, say, pause.__getitem__) as sources,
    ):
        headers = {"Authorization": f"Key {stack.addresses.key}"}
        async with httpx.AsyncClient(
            base_url=stack.addresses.api, headers=headers, timeout=60, trust_env=False
        ) as client:
            return await run(plan, stack, sources, client)


async def run(plan: Plan, stack: Stack, sources: WatchedSources, client: httpx.AsyncClient) -> int:
    """The same, on a stack that runs."""
    others = [sources.pid]
    sources.candidates = lambda: victims.run_processes(others)
    fatal = plan.sources
    sources.ends_its_process = {fatal}
    room = asyncio.Semaphore(AT_ONCE)

    async def registered(number: int) -> int:
        async with room:
            return await register(client, f"Source {number}", sources.options(number))

    ids = await asyncio.gather(*(registered(number) for number in range(len(sources.ports))))
    assert stack.postgres is not None  # noqa: S101 -- the home has no other
    url = stack.postgres.conninfo("catalogue").url()
    only_swept = ids[plan.sources + 1 :]
    timetable = await swept.schedule(client, url, [*only_swept, *ids[: plan.sources]], plan.interval)
    seen, until = Seen(), time.monotonic() + plan.minutes * 60
    console.print(f"killing for {plan.minutes:g} minutes; load {os.getloadavg()[0]:.1f}")
    await asyncio.gather(
        victims.kill(seen.kills, until, plan.seed, others, console.print),
        *(keep_testing(client, source, seen, until) for source in ids[: plan.sources]),
        keep_testing(client, ids[fatal], seen, until, fatal=True),
    )
    end = datetime.now(UTC)
    await asyncio.gather(*(compare(client, answer, seen) for answer in seen.ended.values()))
    await swept.until_ended(url, timetable, end)
    findings = swept.look(url, timetable, only_swept, plan.interval, end)
    return show(console, seen, findings, at_once(sources.visits), url)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kills", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=17, help="of the order in which parts are killed")
    parser.add_argument("--sources", type=int, default=20, help="good sources that are tested again and again")
    parser.add_argument("--swept", type=int, default=200, help="good sources that a timetable checks")
    parser.add_argument("--interval", type=int, default=180, help="seconds between two sweeps")
    parser.add_argument("--home", type=Path, help="keep the stack's files there, logs above all")
    given = parser.parse_args()
    bench_environ()
    plan = Plan(given.minutes, given.seed, given.sources, given.swept, given.interval)
    if given.home:
        return asyncio.run(measure(plan, given.home.resolve()))
    with tempfile.TemporaryDirectory(prefix="sourcecheck-kills-") as home:
        return asyncio.run(measure(plan, Path(home)))


if __name__ == "__main__":
    sys.exit(main())
