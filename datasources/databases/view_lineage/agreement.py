"""Whether what a view's text says of columns is believed: the server's own record has to say the same.

A record has the tables that a view reads, and not which column is made from which. A parser may take a text for
something else than the server does, above all where its dialect is that of another product; so a text that does not
fit into what the server knows tells nothing, and never a little.
"""

from collections.abc import Collection, Mapping

from msgspec import Struct

from datasources.databases.view_lineage.names import Name


class Claim(Struct, frozen=True, kw_only=True):
    """What a view's text says, as it was parsed."""

    read: Mapping[Name, Collection[str]]
    """Columns that it names, by their tables."""
    made: int
    """How many columns the view has by it; a star that could not be resolved is one."""
    lost: int = 0
    """How many columns it names of which it is not clear whose they are."""


def agrees(claim: Claim, recorded: Collection[Name], columns: Mapping[Name, Collection[str]], width: int) -> bool:
    """Whether a view's text says what the server knows of it.

    Its tables are just those that are `recorded` for this view; each column is one of its table's, as far as their
    `columns` are known; and the view has as many columns as it has there (`width`, 0 where that is not known).
    """
    return (
        {*claim.read} == {*recorded}
        and not claim.lost
        and width in (0, claim.made)
        and all({*named} <= {*columns[table]} for table, named in claim.read.items() if columns.get(table))
    )
