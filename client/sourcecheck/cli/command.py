"""What every command is given, and how commands are added."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sourcecheck.cli.output import Output
from sourcecheck.client import Client

Run = Callable[["Invocation"], int]
"""Carries a command out and answers its exit code."""


@dataclass
class Invocation:
    """One call of the command line."""

    given: argparse.Namespace
    out: Output
    _client: Client | None = field(default=None, init=False)

    @property
    def client(self) -> Client:
        """The service, connected to when it is first needed."""
        if self._client is None:
            self._client = Client(self.given.url)
        return self._client

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._client is not None:
            self._client.close()


def add_command(
    commands: Any, name: str, run: Run, summary: str, *, examples: str = "", parents: bool = True
) -> argparse.ArgumentParser:
    """Add a command with the options that all commands share; `examples` are shown at the end of its help."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=f"examples:\n{examples}" if examples else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[shared_options()] if parents else [],
    )
    parser.set_defaults(run=run)
    return parser


def shared_options() -> argparse.ArgumentParser:
    """Options that every command understands, wherever they stand behind its name."""
    shared = argparse.ArgumentParser(add_help=False)
    group = shared.add_argument_group("shared options")
    group.add_argument("--url", metavar="URL", help="address of the service (default: $SOURCECHECK_URL, or the login)")
    group.add_argument("--json", action="store_true", help="write the result as JSON")
    group.add_argument("--quiet", "-q", action="store_true", help="write errors only; the exit code tells the result")
    color = group.add_mutually_exclusive_group()
    color.add_argument("--color", dest="color", action="store_const", const=True, help="colours, terminal or not")
    color.add_argument("--no-color", dest="color", action="store_const", const=False, help="no colours")
    return shared
