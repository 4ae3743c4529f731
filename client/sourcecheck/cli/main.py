"""`sourcecheck`: reads the command line and runs the command. Which commands there are, is put together here."""

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import PackageNotFoundError, entry_points, version
from typing import Any

from sourcecheck.cli import exits
from sourcecheck.cli.command import Invocation
from sourcecheck.cli.commands import (
    access,
    alerts,
    answers,
    completion,
    declaring,
    following,
    gating,
    importing,
    members,
    schemas,
    sources,
    testing,
)
from sourcecheck.cli.output import Output
from sourcecheck.cli.parsing import Parser

MODULES = (
    testing,
    gating,
    sources,
    declaring,
    importing,
    following,
    alerts,
    schemas,
    answers,
    access,
    members,
    completion,
)
"""In the order in which the help shows their commands."""
BEGIN = """\
to begin:
  sourcecheck login http://127.0.0.1:8000    # the address of the service; asks for your API key
  sourcecheck add Shop pg host=db.example user=me dbname=shop --ask password
  sourcecheck test Shop
`sourcecheck COMMAND --help` says what a command takes, with examples."""
"""The end of the help: what a newcomer does first."""
Plugin = Callable[[Any], None]
"""Adds commands to argparse's subparsers; each sets `run`, which takes an `Invocation` and answers the exit code."""
PLUGINS = "sourcecheck.commands"
"""The entry points of this group are plugins: the service has one."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit with its code: 0 passed, 1 failed, 2 a wrong call, 3 unreachable, 4 a question is open."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command and answer its exit code."""
    root = parser(installed_plugins())
    completion.complete(root)
    given = root.parse_args(arguments)
    out = Output(
        json=getattr(given, "json", False), quiet=getattr(given, "quiet", False), color=getattr(given, "color", None)
    )
    call = Invocation(given, out)
    try:
        code: int = given.run(call)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of our output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exits.PASSED
    except KeyboardInterrupt:
        return exits.INTERRUPTED
    finally:
        call.close()
    return code


def parser(plugins: Iterable[Plugin] = ()) -> argparse.ArgumentParser:
    """Every command and what it takes: the client's own, and those of the plugins."""
    root = Parser(
        prog="sourcecheck",
        description="Is every data source reachable, and ready for the work you want to do on it?",
        epilog=BEGIN,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    root.add_argument("--version", action="version", version=_versions())
    commands = root.add_subparsers(required=True, metavar="COMMAND")
    for module in MODULES:
        module.add_commands(commands)
    for add_commands in plugins:
        add_commands(commands)
    return root


def installed_plugins() -> list[Plugin]:
    """What the installed distributions add."""
    return [plugin.load() for plugin in entry_points(group=PLUGINS)]


def _versions() -> str:
    found = []
    for name in ("sourcecheck", "sourcecheck-client"):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)
