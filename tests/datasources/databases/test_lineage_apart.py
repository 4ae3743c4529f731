"""Texts of views that the API reads: in a process of its own, for the server that wrote them may mean harm."""

import pytest

from datasources.databases.view_lineage import Texts, View, apart, lineage_apart, lineage_of

COLUMNS = [(("s", "t"), ["a", "b"]), (("s", "v"), ["x"])]


def texts(definition: str) -> Texts:
    """One view of this text."""
    return Texts([View("s", "v", definition)], COLUMNS, "postgres")


async def test_it_is_the_same_as_here() -> None:
    """The edges and what is unread, whole."""
    asked = texts("SELECT a AS x FROM s.t")
    found = await lineage_apart(asked)
    assert found == lineage_of(asked.views, dict(asked.columns), asked.dialect)
    assert found is not None
    assert found.edges


async def test_a_text_that_would_take_hours_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each name doubles the one before it: a few hundred characters, and no end in sight (security row 12)."""
    monkeypatch.setattr(apart, "APART_SECONDS", 1)
    doubled = "".join(f", a{n - 1} + a{n - 1} AS a{n}" for n in range(1, 26))
    assert await lineage_apart(texts(f"SELECT a AS a0{doubled} FROM s.t")) is None
