"""The room for undocumented parts of Prefect's command line: nothing else in this folder touches one."""

import signal
import sys


def prefect(*arguments: str) -> int:
    """Run a command of Prefect's in this process; answers its exit code.

    Prefect documents the command, not how to call it from Python. As a program of its own it would have to import
    Prefect once more, for seconds. On SIGTERM, Prefect's worker sends itself SIGINT, which a shell has its background
    commands ignore.
    """
    from prefect.cli import app

    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    given, sys.argv = sys.argv, ["prefect", "--no-prompt", *arguments]
    try:
        app()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.argv = given
    return 0
