"""What a run's process may take of the machine's memory, should a hostile server find a way past the caps on bytes."""

import resource
from contextlib import suppress
from pathlib import Path

MEGABYTE = 2**20
SCORE = 800
"""For Linux's choice of what to end when memory runs out: a run before its worker, the API or a database."""


def limit_memory(megabytes: int) -> None:
    """Have allocations beyond this fail in this process: a `MemoryError` is a verdict, where a kill would be none.

    What counts is data (heaps, stacks of threads): addresses that are only reserved do not, so that a runtime that
    reserves much is not refused. A process takes some 190 MB of it in ordinary runs.
    """
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = megabytes * MEGABYTE
    if most == resource.RLIM_INFINITY or wanted < most:
        resource.setrlimit(resource.RLIMIT_DATA, (wanted, wanted))
    with suppress(OSError):  # not Linux, or a container that forbids it
        Path("/proc/self/oom_score_adj").write_text(str(SCORE))
