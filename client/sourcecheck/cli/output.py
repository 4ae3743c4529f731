"""What a command shows: for people, as JSON for programs, or nothing but errors."""

import sys
from collections.abc import Sequence
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sourcecheck.cli.text import safe

Cell = str | Text

STYLES = {
    "done": "green",
    "success": "green",
    "active": "green",
    "healthy": "green",
    "failed": "red",
    "cancelled": "yellow",
    "skipped": "dim",
    "waiting": "dim",
    "processing": "cyan",
    "needs_confirmation": "yellow",
    "needs_authentication": "yellow",
}
"""The colour of each word for a state."""


class Output:
    """Where a command writes. Results go to standard output, everything else to standard error."""

    def __init__(self, *, json: bool = False, quiet: bool = False, color: bool | None = None) -> None:
        """`color`: None for colours on a terminal only."""
        self.json = json
        self.quiet = quiet
        plain = {True: False, False: True, None: None}[color]
        self.console = Console(no_color=plain, highlight=False, soft_wrap=True, quiet=quiet or json)
        self.errors = Console(no_color=plain, highlight=False, soft_wrap=True, stderr=True)

    @property
    def live(self) -> bool:
        """Whether progress can be shown in place."""
        return self.console.is_terminal and not self.quiet and not self.json

    def result(self, value: Any) -> None:
        """What the command is for, as JSON; shown in JSON mode only."""
        if self.json:
            encoded = msgspec.json.format(msgspec.json.encode(value), indent=2)
            sys.stdout.write(encoded.decode() + "\n")
            sys.stdout.flush()

    def say(self, *parts: str | Text) -> None:
        """A line for people."""
        self.console.print(Text(" ").join([part if isinstance(part, Text) else Text(safe(part)) for part in parts]))

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
        """A table for people; numbers of one column are aligned by the caller. Without rows, a sentence says so."""
        if not rows:
            self.say("There are none")
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*(cell if isinstance(cell, Text) else Text(safe(cell)) for cell in row))
        self.console.print(table)

    def complain(self, sentence: str) -> None:
        """What went wrong, on standard error, in every mode."""
        self.errors.print(Text("sourcecheck:", style="bold red"), Text(safe(sentence)))

    def note(self, sentence: str) -> None:
        """What a person should know beside the result, on standard error; not in quiet mode."""
        if not self.quiet:
            self.errors.print(Text(safe(sentence), style="dim"))


def state(word: str) -> Text:
    """A word for a state in its colour."""
    return Text(safe(word), style=STYLES.get(word, ""))
