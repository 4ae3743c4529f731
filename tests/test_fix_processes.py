"""What the tests start does not outlive them."""

import subprocess
import sys
import time

import psutil

from tests.fix_processes import kept

PROGRAM = """
import time
from tests.fix_processes import kept
with kept(["sleep", "600"]) as process:
    print(process.pid, flush=True)
    time.sleep(600)
"""


def gone(pid: int) -> bool:
    """Whether a process has ended, soon."""
    until = time.monotonic() + 30
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def test_a_killed_run_of_tests_leaves_no_process() -> None:
    """SIGKILL lets nobody clean up; the keeper does."""
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True) as tests:
        assert tests.stdout is not None
        started = int(tests.stdout.readline())
        assert psutil.pid_exists(started)
        tests.kill()
    assert gone(started)


def test_a_process_ends_with_its_block() -> None:
    """Also when the block fails."""
    try:
        with kept(["sleep", "600"]) as process:
            raise KeyError
    except KeyError:
        assert process.poll() is not None
