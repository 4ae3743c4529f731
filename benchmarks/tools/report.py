"""Tables, for a terminal and for a README."""

import os
import platform
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psutil
from msgspec import Struct, field
from rich.console import Console
from rich.table import Table as RichTable

GIGABYTE = 2**30


class Table(Struct):
    """One table, with what has to be known to read it."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def show(self, console: Console) -> None:
        """Print it."""
        shown = RichTable(title=self.title, title_justify="left")
        for number, column in enumerate(self.columns):
            shown.add_column(column, justify="left" if number == 0 else "right")
        for row in self.rows:
            shown.add_row(*map(_text, row))
        console.print(shown)
        for note in self.notes:
            console.print(f"  {note}", markup=False)

    def markdown(self) -> Iterator[str]:
        """Its lines."""
        yield f"### {self.title}"
        yield ""
        yield f"| {' | '.join(self.columns)} |"
        yield f"| --- {'| ---: ' * (len(self.columns) - 1)}|"
        for row in self.rows:
            yield f"| {' | '.join(map(_text, row))} |"
        yield ""
        for note in self.notes:
            yield f"- {note}"
        if self.notes:
            yield ""


def where_and_when() -> str:
    """The machine, how busy it was, and the date: figures of different runs are not to be compared."""
    memory = psutil.virtual_memory().total / GIGABYTE
    load = os.getloadavg()[0]
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores, {memory:.0f} GB, {platform.system()}, "
        f"Python {platform.python_version()}, load {load:.1f} at the start"
    )


def milliseconds(seconds: float) -> str:
    """As it is shown."""
    return f"{seconds * 1000:,.1f}" if seconds < 0.1 else f"{seconds * 1000:,.0f}"


def _text(value: Any) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)
