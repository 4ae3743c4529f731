"""How a process ended, in words."""

import signal


def describe_exit(code: int) -> str:
    """An exit code as `subprocess` gives it (negative for a signal), as the end of "it ended with ..."."""
    if code >= 0:
        return f"exit code {code}"
    name = signal.Signals(-code).name if -code in set(signal.Signals) else "unknown"
    hint = ", which the kernel also sends when memory runs out" if -code == signal.SIGKILL else ""
    return f"signal {-code} ({name}{hint})"
