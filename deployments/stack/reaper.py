"""Ends the children of a stack whose supervisor was killed.

Run as a program with the reading end of a pipe as its standard input. The supervisor writes a line `PID SIGNAL` for
each process group it starts, and `PID 0` for one that is gone. When the supervisor dies, in whatever way, the pipe
closes, and every group named is told to stop, and killed when it does not.

Only the standard library, so that it is there at once and costs little.
"""

import os
import signal
import sys
import time

STOP_SECONDS = 8.0
"""Seconds to stop in."""


def main() -> None:
    """Wait for the end of the supervisor, then end what it has left."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    groups: dict[int, int] = {}
    for line in sys.stdin:
        pid, number = map(int, line.split())
        if number:
            groups[pid] = number
        else:
            groups.pop(pid, None)
    end(groups)


def end(groups: dict[int, int]) -> None:
    """Tell every group to stop, wait, then kill what is left."""
    left = {pid for pid, number in groups.items() if tell(pid, number)}
    deadline = time.monotonic() + STOP_SECONDS
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = {pid for pid in left if tell(pid, 0)}
    for pid in groups:
        tell(pid, signal.SIGKILL)


def tell(group: int, number: int) -> bool:
    """Send a signal to a process group; whether it is still there."""
    try:
        os.killpg(group, number)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main()
