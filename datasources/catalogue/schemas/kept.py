"""What became of a download, as its step tells it."""

from datetime import datetime

from msgspec import Struct

from datasources.catalogue.schemas.compare import EdgeChange, TableChange, count, told

SENTENCES = 50
"""Changes that a step's details tell; the API has all of them."""


class Kept(Struct, frozen=True, kw_only=True):
    """What became of a download."""

    version: int
    since: datetime | None = None
    """When what it was compared with was last found; None for the first one."""
    counts: dict[str, int] = {}
    """Changes by kind."""
    sentences: list[str] = []
    left_out: int = 0
    """Tables beyond what is kept of one source."""

    @property
    def told(self) -> str:
        """The end of the step's message; empty when nothing changed, or there was nothing to compare."""
        return told(self.counts)


def kept_of(
    number: int, since: datetime | None, changes: list[TableChange] | list[EdgeChange], left_out: int = 0
) -> Kept:
    """A new version, with what is different in it; the first one is different from nothing."""
    if number == 1:
        return Kept(version=1, left_out=left_out)
    return Kept(
        version=number,
        since=since,
        counts=count(changes),
        sentences=[change.sentence for change in changes[:SENTENCES]],
        left_out=left_out,
    )
