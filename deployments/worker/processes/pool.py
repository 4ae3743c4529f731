"""The worker's side of its warm processes: fork them ahead of need, lend them, watch them, end them one by one."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections import deque
from contextlib import suppress

import msgspec
from msgspec import Struct

from datasources.model.errors import SourcecheckError
from deployments.stack.exit_codes import describe_exit
from deployments.worker.processes import fork_server
from deployments.worker.processes.environment import hand_over, inherited
from deployments.worker.processes.protocol import LONGEST, Ended, Line, Order, Ready, Suspend, ToWorker

WARM = "sourcecheck"
"""Our type of work pool."""
PRELOAD = ("flows.check_source", "flows.sweep")
"""Modules that every warm process has imported; the fork server adds what Prefect imports late."""
FORKED = {"PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false"}
"""What only warm processes are told: their worker has asked for the server's version."""
LAST_WORDS = 2.0
"""Seconds a dismissed process has to send its last logs and events."""


class ProcessLost(SourcecheckError):
    """The process ended before its run did; the message says how."""

    def __init__(self, message: str, by_itself: bool = False) -> None:
        super().__init__(message)
        self.by_itself = by_itself
        """Whether its run may be what it died of: it was neither lost with its fork server nor ended by us."""


class Limits(Struct, frozen=True):
    """When a warm process has served long enough."""

    runs: int = 200
    """Runs after which it is replaced."""
    rss: int = 512 * 2**20
    """Resident memory, in bytes, from which on it is replaced."""
    idle: int = 8
    """Idle processes kept beyond the moment."""

    def allow_another(self, runs: int, ended: Ended | None) -> bool:
        """Whether a process may run something else after so many runs, the last of which ended so."""
        last = ended or Ended()
        return runs < self.runs and last.rss < self.rss and not last.threads


class ProcessHandle:
    """One process, seen from the worker."""

    def __init__(self, pid: int, line: Line, died: "asyncio.Future[int | None]") -> None:
        self.pid = pid
        self.runs = 0
        self.reusable = True
        self._line = line
        self._died = died
        self._warmed = False

    async def warm(self) -> None:
        """Return when it is warm. Raises `ProcessLost`."""
        while not self._warmed:
            self._warmed = isinstance(await self._hear(), Ready)

    async def run(self, order: Order) -> Ended:
        """Have it run a flow run. Raises `ProcessLost`."""
        await self.warm()
        self.runs += 1
        self._line.say(order)
        ended = await self._hear()
        assert isinstance(ended, Ended)  # noqa: S101
        return ended

    def suspend(self, state_id: str) -> None:
        """Tell the run that an operator has suspended it."""
        self._line.say(Suspend(state_id))

    def tell(self, number: signal.Signals) -> None:
        """Send it a signal; it is not lent again, because the signal may arrive when its run is over."""
        self.reusable = False
        if not self._died.done():  # its number may be another's by now
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """End it and everything that it has started, now."""
        self.reusable = False
        if not self._died.done():
            fork_server.kill_group(self.pid)

    def dismiss(self) -> None:
        """Let it go: it sends its last logs and events, and ends."""
        self.reusable = False
        self._line.close()

    async def _hear(self) -> Ready | Ended:
        heard = await self._line.hear()
        if not heard:
            code = await asyncio.shield(self._died)  # a deadline does not undo its death
            raise ProcessLost(how_it_ended(code), by_itself=code is not None)
        message: Ready | Ended = msgspec.json.decode(heard, type=ToWorker)
        return message


class WarmPool:
    """Processes that wait for runs."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._server: ForkServer | None = None
        self._idle: list[ProcessHandle] = []
        self._forking: asyncio.Lock = asyncio.Lock()
        self._fillers: set[asyncio.Task[None]] = set()

    async def warm(self) -> None:
        """Return when a process is ready for the first run. Raises `ProcessLost` when there will be none."""
        process = await self._fork()
        await process.warm()
        self._idle.append(process)

    async def take(self) -> ProcessHandle:
        """A process to run something in; it may still be warming up."""
        process = self._idle.pop() if self._idle else await self._fork()
        self.fill()
        return process

    def give_back(self, process: ProcessHandle, ended: Ended | None) -> None:
        """It has run something, and may run something else; None if it has not said how that ended."""
        room = len(self._idle) < self._limits.idle
        if process.reusable and room and self._limits.allow_another(process.runs, ended):
            self._idle.append(process)
        else:
            process.dismiss()
            self.fill()

    def fill(self) -> None:
        """Fork ahead, so that the next run finds a warm process."""
        if not self._idle and not self._fillers:
            task = asyncio.create_task(self._fork_ahead())
            self._fillers.add(task)
            task.add_done_callback(self._fillers.discard)

    async def close(self) -> None:
        """Dismiss all, and end the fork server."""
        for task in self._fillers:
            task.cancel()
        for process in self._idle:
            process.dismiss()
        self._idle.clear()
        if self._server:
            await self._server.close()
            self._server = None

    async def _fork_ahead(self) -> None:
        process = await self._fork()
        if len(self._idle) < self._limits.idle:
            self._idle.insert(0, process)
        else:
            process.dismiss()

    async def _fork(self) -> ProcessHandle:
        async with self._forking:
            if self._server is None or self._server.gone:
                self._server = ForkServer.adopt(_early.pop() if _early else spawn())
        ours, theirs = socket.socketpair()
        try:
            pid, died = await self._server.fork(theirs)
        finally:
            theirs.close()
        reader, writer = await asyncio.open_unix_connection(sock=ours, limit=LONGEST)
        process = ProcessHandle(pid, Line(reader, writer), died)
        died.add_done_callback(lambda _: self._forget(process))
        return process

    def _forget(self, process: ProcessHandle) -> None:
        process.dismiss()
        if process in self._idle:
            self._idle.remove(process)


class Spawned(Struct, frozen=True):
    """A fork server that was started, and our end of the socket it is told by."""

    process: subprocess.Popen[bytes]
    control: socket.socket


_early: list[Spawned] = []
"""Started before there was a pool."""


def spawn_early() -> None:
    """Have a fork server import everything while this process does other things; the first pool takes it over."""
    _early.append(spawn())


def spawn() -> Spawned:
    """Start a fork server with our settings; it answers once everything is imported."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", fork_server.__name__, str(theirs.fileno()), *PRELOAD],
            stdin=subprocess.PIPE,
            pass_fds=[theirs.fileno()],
            env={**inherited(os.environ), **FORKED},
            start_new_session=True,  # a signal for the worker's group is not for its processes
        )
    assert process.stdin is not None  # noqa: S101
    hand_over(process.stdin, os.environ)
    return Spawned(process, ours)


class ForkServer:
    """The program in `warm_server`, seen from the worker."""

    def __init__(self, process: subprocess.Popen[bytes], control: socket.socket) -> None:
        self._process = process
        self._control = control
        self._births: deque[asyncio.Future[tuple[int, asyncio.Future[int | None]]]] = deque()
        self._alive: dict[int, asyncio.Future[int | None]] = {}
        self._reading: asyncio.Task[None] | None = None
        self.gone = False

    @classmethod
    def adopt(cls, spawned: Spawned) -> "ForkServer":
        """Talk to one that was started."""
        spawned.control.setblocking(False)
        server = cls(spawned.process, spawned.control)
        server._reading = asyncio.create_task(server._read())
        return server

    async def fork(self, line: socket.socket) -> tuple[int, "asyncio.Future[int | None]"]:
        """A new process at the other end of this socket: its pid, and its exit code to come. Raises `ProcessLost`."""
        birth: asyncio.Future[tuple[int, asyncio.Future[int | None]]] = asyncio.get_running_loop().create_future()
        self._births.append(birth)
        try:
            socket.send_fds(self._control, [b"f"], [line.fileno()])
        except OSError as error:
            self._births.remove(birth)
            raise ProcessLost(f"the fork server is gone: {error}") from error
        return await birth

    async def close(self) -> None:
        """Hang up when the dismissed processes have ended, or after a while: it ends those that are left."""
        if self._alive:
            await asyncio.wait(self._alive.values(), timeout=LAST_WORDS)
        if self._reading:
            self._reading.cancel()
        self._control.close()
        try:
            await asyncio.to_thread(self._process.wait, 2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)

    async def _read(self) -> None:
        loop, rest = asyncio.get_running_loop(), b""
        with suppress(OSError):
            while heard := await loop.sock_recv(self._control, 4096):
                *lines, rest = (rest + heard).split(b"\n")
                for line in lines:
                    self._note(line.decode().split())
        self.gone = True
        for birth in self._births:
            if not birth.done():
                birth.set_exception(ProcessLost("the fork server is gone"))
        for died in self._alive.values():
            if not died.done():
                died.set_result(None)

    def _note(self, words: list[str]) -> None:
        loop = asyncio.get_running_loop()
        pid = int(words[1])
        if words[0] == "born":
            self._alive[pid] = loop.create_future()
            birth = self._births.popleft()
            if not birth.done():
                birth.set_result((pid, self._alive[pid]))
        else:
            died = self._alive.pop(pid, None)
            if died and not died.done():
                died.set_result(int(words[2]))


def how_it_ended(code: int | None) -> str:
    """Why a process is lost; None is a process whose fork server was gone before it could tell."""
    return "its fork server was gone" if code is None else f"it ended with {describe_exit(code)}"
