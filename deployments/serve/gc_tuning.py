"""What makes processes that live long spend less."""

import gc

YOUNG, MIDDLE, OLD = 20_000, 50, 100
"""Python's own 700, 10, 10 suit short programs: of a server that makes many objects a request they take a tenth."""


def collect_rarely() -> None:
    """Look for cyclic garbage less often than Python does by itself."""
    gc.set_threshold(YOUNG, MIDDLE, OLD)
