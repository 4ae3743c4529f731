"""One service that runs: started, looked at, killed, and started again as Docker would."""

import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from benchmarks.machines.compose import Healthcheck
from benchmarks.machines.images import Program
from benchmarks.machines.network import Keep, Machine

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 60.0
"""Seconds before Docker starts a container again; doubled each time it has lived for less than `LIVED`."""
LIVED = 10.0
STOP_SECONDS = 10.0
"""What Docker waits for one to stop."""
STOP_SIGNALS = {"postgres": signal.SIGINT, "prefect": signal.SIGQUIT, "api": signal.SIGQUIT}
"""As the images say; all others get SIGTERM."""
OWN_PIDS = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--")
"""Killing the first process of a container kills all of them, and so it does here."""


class Container:
    """A service in namespaces of its own; `start` it, and it is there until it is stopped."""

    def __init__(self, name: str, program: Program, machine: Machine, log: Path, *, restarts: bool, keep: Keep) -> None:
        self.name = name
        self.machine = machine
        self.log = log
        self.code: int | None = None
        """How it ended, where it is not started again."""
        self.starts = 0
        self._program = program
        self._restarts = restarts
        self._keep = keep
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = False
        self._changed = threading.Condition()

    def start(self) -> None:
        """Start it, and start it again when it dies, if that is its policy."""
        self._stopping, self.code = False, None
        self._spawn()
        threading.Thread(target=self._supervise, name=self.name, daemon=True).start()

    def kill(self) -> None:
        """SIGKILL to its first process, and with that to all."""
        with suppress(psutil.Error):
            self._first().kill()

    def end(self) -> None:
        """SIGKILL, and it is not started again."""
        self._stopping = True
        self.kill()
        if self._process:
            self._process.kill()  # with which goes whatever is left
            self._process.wait()

    def stop(self) -> float:
        """Have it end by itself, and kill it when it does not; it stays away. Answers how many seconds that took."""
        self._stopping, began = True, time.monotonic()
        self._tell()
        self.end()
        return time.monotonic() - began

    def restart(self) -> None:
        """Have it end by itself; it is started again."""
        self._tell()

    def _tell(self) -> None:
        number = STOP_SIGNALS.get(self.name, signal.SIGTERM)
        with suppress(psutil.Error):
            first = self._first()
            first.send_signal(number)
            first.wait(STOP_SECONDS)

    def run(self, *command: str, timeout: float = 120) -> str:
        """What a further command in it says. Raises `subprocess.CalledProcessError` with its output."""
        done = subprocess.run(
            self._inside(command),
            env=self._program.environ,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=True,
        )
        return done.stdout

    def wait(self, seconds: float) -> int:
        """The exit code of a service that does its work and ends. Raises `TimeoutError`."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.code is not None, seconds):
                raise TimeoutError(f"{self.name} has not ended; see {self.log}")
        assert self.code is not None  # noqa: S101 -- waited for
        return self.code

    def wait_until_healthy(self, check: Healthcheck) -> None:
        """Return when its check passes. Raises `TimeoutError` when that takes longer than Docker would wait."""
        until = time.monotonic() + check.interval * check.retries + check.timeout
        while time.monotonic() < until:
            with suppress(subprocess.SubprocessError):
                self.run(*check.command, timeout=check.timeout)
                return
            time.sleep(min(check.interval, 0.5))
        raise TimeoutError(f"{self.name} is not healthy; see {self.log}")

    def processes(self) -> list[psutil.Process]:
        """All processes of it that run now, the first one first."""
        with suppress(psutil.Error):
            first = self._first()
            return [first, *first.children(recursive=True)]
        return []

    def _first(self) -> psutil.Process:
        """Raises `psutil.NoSuchProcess` when it does not run."""
        if self._process is None or self._process.poll() is not None:
            raise psutil.NoSuchProcess(0)
        children = psutil.Process(self._process.pid).children()
        if not children:
            raise psutil.NoSuchProcess(self._process.pid)
        return children[0]

    def _inside(self, command: Sequence[str]) -> list[str]:
        return self.machine.inside(["env", f"--chdir={self._program.folder}", *command])

    def _spawn(self) -> None:
        command = self.machine.inside([*OWN_PIDS, "env", f"--chdir={self._program.folder}", *self._program.command])
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                env=self._program.environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._keep(self._process.pid)
        self.starts += 1

    def _supervise(self) -> None:
        pause = FIRST_PAUSE
        while self._process is not None:
            began = time.monotonic()
            code = self._process.wait()
            if self._stopping or not self._restarts:
                with self._changed:
                    self.code = code
                    self._changed.notify_all()
                return
            pause = FIRST_PAUSE if time.monotonic() - began > LIVED else pause
            time.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
            if not self._stopping:
                self._spawn()
