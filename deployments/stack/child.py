"""Children of the local stack: each in a process group of its own, with a log, started again when it dies."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Self

import psutil

from deployments.stack import reaper
from deployments.stack.exit_codes import describe_exit
from deployments.stack.home import Home, StackError, open_log, tail
from deployments.stack.log_lines import LogPump, for_people, note

STOP_SECONDS = 8.0
"""Seconds a child has to stop in before it is killed."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds before a dead child is started again; doubled each time."""
DRAIN_SECONDS = 1.0
"""Seconds until a process that has ended has its last lines in its log."""
HEALTHY_SECONDS = 60.0
"""Seconds after which a child counts as healthy, and its next death as the first."""
MOST_DEATHS = 4
"""Deaths before it was ready for the first time after which we give up."""


class Reaper:
    """Knows every process group we have started, and ends them all when we are killed."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._running: dict[int, dict[str, Any]] = {}

    async def __aenter__(self) -> Self:
        end_leftovers(self._home)
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", reaper.__file__),
            stdin=asyncio.subprocess.PIPE,
            env={},
            start_new_session=True,
        )
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._process.stdin:
            self._process.stdin.close()
        await self._process.wait()
        self._home.remember("children", [])

    def add(self, pid: int, stop_signal: int) -> None:
        """From now on this group does not outlive us."""
        self._write(pid, stop_signal)
        self._running[pid] = {"pid": pid, "created": psutil.Process(pid).create_time(), "signal": stop_signal}
        self._home.remember("children", list(self._running.values()))

    def remove(self, pid: int) -> None:
        """This group is gone."""
        self._write(pid, 0)
        self._running.pop(pid, None)
        self._home.remember("children", list(self._running.values()))

    def _write(self, pid: int, number: int) -> None:
        if self._process.stdin and not self._process.stdin.is_closing():
            self._process.stdin.write(f"{pid} {number}\n".encode())


def end_leftovers(home: Home) -> None:
    """End children of an earlier stack of this home, should supervisor and keeper both have been killed."""
    groups = {}
    for child in home.remembered("children") or []:
        try:
            if abs(psutil.Process(child["pid"]).create_time() - child["created"]) < 1:
                groups[child["pid"]] = child["signal"]
        except psutil.Error:
            continue
    reaper.end(groups)


class Child:
    """A program that is kept running until it is stopped."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        home: Home,
        keeper: Reaper,
        say: Callable[[str], None],
        environ: Mapping[str, str],
        stop_signal: int = signal.SIGTERM,
        grace: float = STOP_SECONDS,
        before: Callable[[], None] = lambda: None,
        json_lines: bool = True,
        **popen: Any,
    ) -> None:
        self.name = name
        self.log = home.log_file(name)
        self._command = command
        self._environ = environ
        self._stop_signal = stop_signal
        self._grace = grace
        self._before = before
        self._json = json_lines
        self._pump: LogPump | None = None
        self._popen = popen
        self._keeper = keeper
        self._say = say
        self._home = home
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._settled = False
        self._deaths = 0

    @property
    def pid(self) -> int:
        """The process that runs now, or ran last."""
        return self._process.pid if self._process else 0

    async def start(self) -> None:
        """Start it, and start it again whenever it dies."""
        await self._spawn()
        self._task = asyncio.create_task(self._supervise(), name=f"supervise {self.name}")

    def settle(self) -> None:
        """It was ready once: from now on it is started again however often it dies."""
        self._settled = True

    @property
    def trouble(self) -> StackError | None:
        """Why we gave up on it; None while we have not."""
        if self._task and self._task.done():
            end = "\n".join(map(for_people, tail(self.log).splitlines()))
            return StackError(f"{self.name} keeps dying; the end of {self.log}:\n{end}")
        return None

    async def stop(self) -> None:
        """Tell it to stop, and kill what is left of its group after a while."""
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])
        process = self._process
        if process is None:
            return
        reaper.tell(process.pid, self._stop_signal)
        try:
            await asyncio.wait_for(process.wait(), self._grace)
        except TimeoutError:
            self._note("did not stop, killed")
        reaper.tell(process.pid, signal.SIGKILL)
        await process.wait()
        self._keeper.remove(process.pid)
        await self._drain()

    async def _spawn(self) -> None:
        self._before()
        ours, theirs = os.pipe()
        self._pump = LogPump(self.name, self.log, os.fdopen(ours, "rb"), json_lines=self._json)
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=theirs,
                stderr=theirs,
                env=dict(self._environ),
                start_new_session=True,
                **{"cwd": self._home.path, **self._popen},
            )
        finally:
            os.close(theirs)
        self._keeper.add(self._process.pid, self._stop_signal)

    async def _drain(self) -> None:
        """Have what it wrote last in its log."""
        if self._pump:
            await asyncio.to_thread(self._pump.join, DRAIN_SECONDS)

    async def _supervise(self) -> None:
        pause = FIRST_PAUSE
        while self._process is not None:
            started = time.monotonic()
            code = await self._process.wait()
            reaper.tell(self._process.pid, signal.SIGKILL)
            self._keeper.remove(self._process.pid)
            await self._drain()
            self._deaths += 1
            if not self._settled and self._deaths >= MOST_DEATHS:
                return
            pause = FIRST_PAUSE if time.monotonic() - started > HEALTHY_SECONDS else pause
            self._note(f"ended with {describe_exit(code)}; starting it again in {pause:g} s")
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
            await self._spawn()

    def _note(self, what: str) -> None:
        self._say(f"{self.name} {what}")
        with open_log(self.log) as log:
            log.write(note(f"{self.name} {what}", datetime.now(UTC)))


async def wait_until(question: Callable[[], Awaitable[bool]], children: Sequence[Child], within: float) -> None:
    """Ask until the answer is yes. Raises `StackError` when a child keeps dying, or it takes too long."""
    deadline = time.monotonic() + within
    while not await question():
        for child in children:
            if child.trouble:
                raise child.trouble
        if time.monotonic() > deadline:
            names = " and ".join(child.name for child in children)
            raise StackError(f"{names}: not ready within {within:.0f} s; see {children[0].log.parent}")
        await asyncio.sleep(0.05)
    for child in children:
        child.settle()
