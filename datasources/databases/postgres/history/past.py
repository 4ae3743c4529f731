"""Earlier statements, wherever the server kept them, and the edges of those that filled one table from others."""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from datasources.databases.base import History, LineageEdge
from datasources.databases.history.apart import edges_apart
from datasources.databases.history.edges import Written
from datasources.databases.postgres.history.names import PgNames, Row
from datasources.databases.postgres.history.texts import readable

DIALECT = "postgres"


class Past(Struct, kw_only=True, frozen=True):
    """What one record of earlier statements contains."""

    read_from: str
    texts: Sequence[str] = ()
    """Texts of statements that may have filled a table."""
    unread: int = 0
    """How many statements had no text, or one that was too long."""
    missing: str | None = None
    """Why we could not read all of it, and what to do about that."""
    kept: bool = True
    """Whether the server keeps such a record."""


def together(pasts: Iterable[Past]) -> Past:
    """All records that the server keeps in one; the first of them if it keeps none."""
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
    """The lineage of these statements. Those that cannot be parsed within `seconds` count as unread."""
    written = [Written(readable(text)) for text in past.texts]
    edges, count, unread = await edges_apart(written, PgNames(names, database), DIALECT, seconds=seconds)
    return edges, History(
        read_from=past.read_from,
        statements=count,
        unread=unread + past.unread,
        missing=past.missing,
        kept=past.kept,
    )
