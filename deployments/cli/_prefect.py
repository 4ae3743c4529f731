"""The room for undocumented parts of Prefect's command line: nothing else in this folder touches one."""

import sys


def prefect(*arguments: str) -> int:
    """Run a command of Prefect's in this process; answers its exit code.

    Prefect documents the command, not how to call it from Python. As a program of its own it would have to import
    Prefect once more, for seconds.
    """
    from prefect.cli import app

    given, sys.argv = sys.argv, ["prefect", "--no-prompt", *arguments]
    try:
        app()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.argv = given
    return 0
