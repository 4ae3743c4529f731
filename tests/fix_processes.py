"""Processes that the tests start: none of them outlives the tests, even when those are killed."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import IO, Any

from deployments.stack import reaper

STOP_SECONDS = 30


@contextmanager
def kept(command: list[str], stop_signal: int = signal.SIGKILL, **popen: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Start a program in a process group of its own; it ends with the block, or with the tests."""
    process = subprocess.Popen(command, start_new_session=True, **popen)
    _tell(process.pid, stop_signal)
    try:
        yield process
    finally:
        process.send_signal(stop_signal)
        try:
            process.wait(STOP_SECONDS)
        finally:
            reaper.tell(process.pid, signal.SIGKILL)
            process.wait()
            _tell(process.pid, 0)


def _tell(pid: int, stop_signal: int) -> None:
    _keeper().write(f"{pid} {stop_signal}\n".encode())
    _keeper().flush()


@cache
def _keeper() -> IO[bytes]:
    """The local stack's own keeper: at the end of its standard input it ends the groups that are still there."""
    command = [sys.executable, "-I", "-S", reaper.__file__]
    keeper = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
    assert keeper.stdin is not None
    return keeper.stdin
