"""Statements of before, wherever they were kept, and the edges of those that filled one table from others."""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from datasources.databases.base import History, LineageEdge
from datasources.databases.history.apart import edges_apart
from datasources.databases.history.edges import Written
from datasources.databases.postgres.history.names import PgNames, Row
from datasources.databases.postgres.history.texts import readable

DIALECT = "postgres"


class Past(Struct, kw_only=True, frozen=True):
    """What one record of statements has told."""

    read_from: str
    texts: Sequence[str] = ()
    """Of statements that may have filled a table."""
    unread: int = 0
    """Statements of which the text was not there, or was too long."""
    missing: str | None = None
    """Why it was not read, or not all of it, with what to do."""
    kept: bool = True
    """Whether the server keeps such a record."""


def together(pasts: Iterable[Past]) -> Past:
    """One for all records that are kept; the first where none is."""
    pasts = list(pasts)
    kept = [past for past in pasts if past.kept] or pasts[:1]
    return Past(
        read_from="; ".join(past.read_from for past in kept),
        texts=list(dict.fromkeys(text for past in kept for text in past.texts)),
        unread=sum(past.unread for past in kept),
        missing="; ".join(past.missing for past in kept if past.missing) or None,
        kept=kept[0].kept,
    )


async def history_of(
    past: Past, names: Iterable[Row], database: str, seconds: float
) -> tuple[list[LineageEdge], History]:
    """What these statements have made from what; `seconds` bound how long they are read, others are unread."""
    written = [Written(readable(text)) for text in past.texts]
    edges, count, unread = await edges_apart(written, PgNames(names, database), DIALECT, seconds=seconds)
    return edges, History(
        read_from=past.read_from,
        statements=count,
        unread=unread + past.unread,
        missing=past.missing,
        kept=past.kept,
    )
