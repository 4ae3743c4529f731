"""`sourcecheck`: reads the command line, runs the command, and turns errors into a sentence and an exit code."""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, entry_points, version

import httpx

from sourcecheck.cli import exits
from sourcecheck.cli.command import Invocation
from sourcecheck.cli.commands import access, answers, following, sources, testing
from sourcecheck.cli.output import Output
from sourcecheck.errors import SourcecheckError

PLUGINS = "sourcecheck.commands"
"""Entry points of this group are functions that add more commands: the service has one."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit with its code: 0 passed, 1 failed, 2 a wrong call, 3 unreachable, 4 a question is open."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command and answer its exit code."""
    given = parser().parse_args(arguments)
    out = Output(
        json=getattr(given, "json", False), quiet=getattr(given, "quiet", False), color=getattr(given, "color", None)
    )
    call = Invocation(given, out)
    try:
        code: int = given.run(call)
        sys.stdout.flush()
    except (SourcecheckError, TimeoutError) as error:
        out.complain(str(error))
        return exits.of_error(error)
    except (OSError, httpx.HTTPError) as error:
        if isinstance(error, BrokenPipeError):  # the reader of our output has gone
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return exits.PASSED
        out.complain(str(error))
        return exits.WRONG_CALL
    except KeyboardInterrupt:
        return exits.INTERRUPTED
    finally:
        call.close()
    return code


def parser() -> argparse.ArgumentParser:
    """Every command and what it takes."""
    root = argparse.ArgumentParser(
        prog="sourcecheck", description="Is every data source reachable, and ready for the work you want to do on it?"
    )
    root.add_argument("--version", action="version", version=_versions())
    commands = root.add_subparsers(required=True, metavar="COMMAND")
    for module in (testing, sources, following, answers, access):
        module.add_commands(commands)
    for plugin in entry_points(group=PLUGINS):
        plugin.load()(commands)
    return root


def _versions() -> str:
    found = []
    for name in ("sourcecheck-client", "sourcecheck"):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)
