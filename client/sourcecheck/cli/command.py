"""What every command is given, and how commands are added."""

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from sourcecheck.access import KEY_VARIABLE
from sourcecheck.cli import exits
from sourcecheck.cli.output import Output
from sourcecheck.client import Client
from sourcecheck.errors import SourcecheckError, Unauthorized

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

    def use(self, client: Client) -> None:
        """Use this connection, whose owner closes it."""
        self._client = client

    def is_sure(self, question: str) -> bool:
        """Whether `--yes` or a person says that it is meant. Raises `SourcecheckError` without either."""
        if self.given.yes:
            return True
        if not sys.stdin.isatty():
            raise SourcecheckError("add --yes: there is no terminal to ask on")
        if input(f"{question} [y/N] ").strip().lower() in ("y", "yes"):
            return True
        self.out.say("Nothing was removed")
        return False

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._client is not None:
            self._client.close()


def add_command(
    commands: Any, name: str, run: Run, summary: str, examples: str, *, notes: str = ""
) -> argparse.ArgumentParser:
    """Add a command with the options that all commands share.

    `examples` are command lines, which its help shows at the end; `notes` follow them.
    """
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=_sentence(summary),
        epilog="\n".join(["examples:", *(f"  {line}" for line in examples.splitlines()), *notes.splitlines()]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[shared_options()],
    )
    parser.set_defaults(run=lambda call: carry_out(run, call))
    return parser


def add_group(commands: Any, name: str, summary: str, *, metavar: str = "COMMAND") -> Any:
    """Add a command that has commands of its own; answers their subparsers."""
    group: argparse.ArgumentParser = commands.add_parser(name, help=summary, description=_sentence(summary))
    return group.add_subparsers(required=True, metavar=metavar)


def _sentence(summary: str) -> str:
    return f"{summary[0].upper()}{summary[1:]}."


def carry_out(run: Run, call: Invocation) -> int:
    """Run a command, and turn its errors into a sentence and an exit code."""
    try:
        code = run(call)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except Unauthorized as error:
        call.out.complain(how_to_log_in(str(error), call.client.url, has_key=call.client.api_key is not None))
        return exits.of_error(error)
    except (SourcecheckError, TimeoutError) as error:
        call.out.complain(str(error))
        return exits.of_error(error)
    except (OSError, httpx.HTTPError) as error:
        call.out.complain(str(error))
        return exits.WRONG_CALL
    return code


def how_to_log_in(sentence: str, url: str, *, has_key: bool, environ: Mapping[str, str] = os.environ) -> str:
    """What the user does after a 401; `sentence` is the service's own, which says what is wrong with a key."""
    if not has_key:
        return f"no API key for {url}: run `sourcecheck login {url}`, or set {KEY_VARIABLE}"
    if environ.get(KEY_VARIABLE):
        return f"{sentence}: {KEY_VARIABLE} holds it, and takes precedence over `sourcecheck login`"
    return f"{sentence}: run `sourcecheck login {url}` with another"


def shared_options() -> argparse.ArgumentParser:
    """Options that every command understands, wherever they stand behind its name."""
    shared = argparse.ArgumentParser(add_help=False)
    group = shared.add_argument_group("shared options")
    group.add_argument("--url", metavar="URL", help="address of the service (default: $SOURCECHECK_URL, or the login)")
    group.add_argument("--json", action="store_true", help="write the result as JSON")
    group.add_argument("--quiet", "-q", action="store_true", help="write errors only; the exit code tells the result")
    color = group.add_mutually_exclusive_group()
    color.add_argument(
        "--color", dest="color", action="store_const", const=True, help="use colours even without a terminal"
    )
    color.add_argument("--no-color", dest="color", action="store_const", const=False, help="use no colours")
    return shared
