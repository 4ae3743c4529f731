"""Decides whether to trust what a view's text says about columns: the server's own record has to say the same.

A record names the tables that a view reads, but not which column is made from which. A parser may understand a text
differently than the server does, above all if its dialect is that of another product. So a text that contradicts what
the server knows is discarded as a whole.
"""

from collections.abc import Collection, Mapping

from msgspec import Struct

from datasources.databases.view_lineage.names import Name


class Claim(Struct, frozen=True, kw_only=True):
    """What a view's text says, according to the parser."""

    read: Mapping[Name, Collection[str]]
    """The columns that it names, by table."""
    made: int
    """How many columns the view has according to it; a star that could not be resolved counts as one."""
    lost: int = 0
    """How many columns it names whose table is unclear."""


def agrees(claim: Claim, recorded: Collection[Name], columns: Mapping[Name, Collection[str]], width: int) -> bool:
    """Whether a view's text agrees with what the server knows about the view.

    It names exactly the tables that the server has `recorded` for this view; each column belongs to its table, if the
    table's `columns` are known; and the view has as many columns as on the server (`width`, 0 if unknown).
    """
    return (
        {*claim.read} == {*recorded}
        and not claim.lost
        and width in (0, claim.made)
        and all({*named} <= {*columns[table]} for table, named in claim.read.items() if columns.get(table))
    )
