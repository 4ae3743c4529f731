"""Texts that anybody has written are read in a process of its own, so that none of them costs the others, or the run."""

import pytest

from datasources.databases.history import apart
from datasources.databases.history.apart import edges_apart
from datasources.databases.history.edges import FoldedNames, Written, edges_by
from datasources.databases.history.statements import Deed

NAMES = FoldedNames([("s", name) for name in ("a", "b", "c")], "")
GOOD = [Written("INSERT INTO s.a SELECT * FROM s.b"), Written("SELECT x INTO s.c FROM s.a"), Written("INSERT INTO (")]
ENDLESS = Written(f"INSERT INTO s.b SELECT {'array[' * 40}1{']' * 40} FROM s.c")
"""Each bracket doubles what the parser does for it."""


async def test_it_is_the_same_as_here() -> None:
    """Edges, counts, and what is unread."""
    found = await edges_apart(GOOD, NAMES, "postgres")
    assert found == edges_by(GOOD, NAMES, "postgres")
    assert (len(found[0]), *found[1:]) == (2, 2, 1)


async def test_a_text_without_an_end_is_unread_alone() -> None:
    """It gets its second (security row 12); what stands before and behind it is read."""
    edges, count, unread = await edges_apart([GOOD[0], ENDLESS, GOOD[1]], NAMES, "postgres")
    assert ({edge.target.name for edge in edges}, count, unread) == ({"a", "c"}, 2, 1)


async def test_what_is_not_reached_in_time_is_unread() -> None:
    """Never taken for what makes nothing."""
    assert await edges_apart(GOOD, NAMES, "postgres", seconds=0) == ([], 0, len(GOOD))


async def test_a_process_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is ended: all of it is unread, and no error."""
    monkeypatch.setattr(apart, "START_SECONDS", 0.01)
    assert await edges_apart(GOOD, NAMES, "postgres", seconds=0) == ([], 0, len(GOOD))


def test_whoever_asked_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is killed cannot end the process that reads for it: that one ends by itself, after the text at hand."""
    deed, parents = Deed([], frozenset()), iter([7, 1])
    monkeypatch.setattr(apart, "understood", lambda text, dialect: deed)
    monkeypatch.setattr(apart.os, "getppid", lambda: next(parents, 1))
    assert apart.answer(apart.Texts(["x", "y", "z"], "postgres", 60, asker=7)) == [deed, None, None]

    assert apart.answer(apart.Texts(["x", "y"], "postgres", 60, asker=7)) == [None, None], (
        "it was gone before the first"
    )


async def test_nothing_to_read() -> None:
    """No process is started for it."""
    assert await edges_apart([], NAMES, "postgres") == ([], 0, 0)
