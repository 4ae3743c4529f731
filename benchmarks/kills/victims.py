"""The parts of the stack that may be killed, and their processes."""

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from benchmarks.tools.usage import ROLES
from deployments.stack.start import Say

PARTS = ("process", "fork server", "worker", "api", "prefect", "postgres", "backend")
"""`process` is one in which the worker has flows run, `backend` a session of PostgreSQL's, whose death ends all."""
REST_SECONDS = (5.0, 30.0)
"""Between two kills, at least and at most."""


async def kill(kills: Counter[str], until: float, seed: int, others: Collection[int], say: Say) -> None:
    """Kill one part after the other, in an order that follows from the seed; `others` are children that are no part."""
    chance = random.Random(seed)  # noqa: S311 -- for variety, not for secrecy
    while (rest := chance.uniform(*REST_SECONDS)) < until - time.monotonic():
        await asyncio.sleep(rest)
        part = chance.choice(PARTS)
        with suppress(psutil.Error, IndexError, KeyError):
            victim = chance.choice(processes(part, others))
            victim.kill()
            kills[part] += 1
            say(f"killed: {part}")


def processes(part: str, others: Collection[int]) -> Sequence[psutil.Process]:
    """What may be killed of this part. Raises `KeyError` while it is not there, and what psutil raises."""
    roots = roots_of_stack(others)
    match part:
        case "fork server":
            return [psutil.Process(pid) for pid in fork_servers(roots["worker"].pid)]
        case "process":
            return [psutil.Process(pid) for pid in run_processes(others)]
        case "backend":
            sessions = roots["postgres"].children()
            return [
                each for each in sessions if any(word in " ".join(each.cmdline()) for word in ("catalogue", "prefect"))
            ]
        case _:
            return [roots[part]]


def roots_of_stack(others: Collection[int]) -> dict[str, psutil.Process]:
    """The processes that this one has started for the stack, by role."""
    roots: dict[str, psutil.Process] = {}
    for pid in children_of(os.getpid()):
        words = command_line(pid)
        role = next((role for word, role in ROLES.items() if word in words), None)
        role = "postgres" if words[0].endswith("/postgres") else role
        if role and pid not in others:
            with suppress(psutil.NoSuchProcess):
                roots[role] = psutil.Process(pid)
    return roots


def fork_servers(worker: int) -> list[int]:
    """The program that forks the worker's processes; one, but for the moment in which another takes its place."""
    return [pid for pid in children_of(worker) if any("fork_server" in word for word in command_line(pid))]


def run_processes(others: Collection[int]) -> list[int]:
    """The processes in which the worker has flows run; none while there is no worker."""
    worker = roots_of_stack(others).get("worker")
    return [pid for server in fork_servers(worker.pid) for pid in children_of(server)] if worker else []


def children_of(pid: int) -> list[int]:
    """As the kernel lists them: to look through all processes takes a tenth of a second on a busy machine."""
    found = []
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            found += [int(word) for word in (thread / "children").read_text().split()]
    return found


def command_line(pid: int) -> list[str]:
    """Its words; an empty one when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return [""]
