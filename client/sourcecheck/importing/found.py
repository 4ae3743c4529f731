"""What an import finds: sources, and what it could not take, each with its reason."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct, field

from sourcecheck.files.exported import Placeholder


class Refused(Struct, frozen=True):
    """A connection that cannot be a source."""

    name: str
    reason: str


class Found(Struct):
    """What was found in one place."""

    sources: list[dict[str, Any]] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    notes: dict[str, list[str]] = field(default_factory=dict)
    """What was left out of a source, by its name."""

    def add(self, name: str, make: Callable[[], tuple[dict[str, Any], list[str]]]) -> None:
        """Keep the source and the notes that `make` returns, or the reason for which it raises `NoSource`."""
        try:
            source, notes = make()
        except NoSource as error:
            self.refused.append(Refused(name, str(error)))
            return
        self.sources.append(source)
        if notes:
            self.notes[name] = notes


class NoSource(Exception):
    """Why a connection cannot be a source, in a sentence."""


class Facts(Struct, kw_only=True):
    """A connection in the words of SQLAlchemy, whatever it was written as; a value may be a `Placeholder`."""

    kind: str
    """As the place calls it: `postgres`, `mysql+pymysql`, `google_cloud_platform`."""
    host: Any = None
    port: Any = None
    user: Any = None
    password: Any = None
    database: Any = None
    schema: Any = None
    """Where tests may write: `temp_schema`."""
    more: dict[str, Any] = field(default_factory=dict)
    """Everything else, under the names of the place."""


def placeholder_for(*parts: str) -> Placeholder:
    """A variable for a secret that a file shall not hold: `${SHOP_PASSWORD}`."""
    name = re.sub(r"[^A-Z0-9]+", "_", "_".join(parts).upper()).strip("_")
    return Placeholder(f"${{{'_' if name[:1].isdigit() else ''}{name}}}")


def present(values: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is empty."""
    return {name: value for name, value in values.items() if value not in (None, "")}
