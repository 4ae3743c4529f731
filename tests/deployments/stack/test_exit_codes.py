"""How a process ended, in words."""

import pytest

from deployments.stack.exit_codes import describe_exit


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (0, "exit code 0"),
        (3, "exit code 3"),
        (-15, "signal 15 (SIGTERM)"),
        (-9, "signal 9 (SIGKILL, which the kernel also sends when memory runs out)"),
        (-200, "signal 200 (unknown)"),
    ],
)
def test_describe_exit(code: int, text: str) -> None:
    """Signals by name; the one that a kernel short of memory sends says so."""
    assert describe_exit(code) == text
