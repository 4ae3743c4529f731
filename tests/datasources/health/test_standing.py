"""Thresholds, against series computed by hand."""

import pytest

from datasources.health.standing import Standing, alerts, happened

BY_HAND = [
    # checks, the status after each of them (a: active, f: failed)
    ("+", "a"),
    ("-", "f"),
    ("+--", "aaa"),
    ("+---", "aaaf"),
    ("+--+--+--", "aaaaaaaaa"),  # flapping below the threshold
    ("+---+", "aaaff"),
    ("+---++", "aaaffa"),
    ("+---+-+-++", "aaaffffffa"),
    ("-+", "ff"),
    ("-++", "ffa"),
    ("---++---", "ffffaaaf"),
]


@pytest.mark.parametrize(("checks", "statuses"), BY_HAND)
def test_three_down_two_up(checks: str, statuses: str) -> None:
    """The defaults."""
    standing, found = Standing(), ""
    for sign in checks:
        standing = standing.after(passed=sign == "+", revision=1)
        found += standing.status[0]
    assert found == statuses


def test_other_thresholds() -> None:
    """One of each decides at once."""
    standing = Standing(down_after=1, up_after=1)
    found = ""
    for sign in "+-+-":
        standing = standing.after(passed=sign == "+", revision=1)
        found += standing.status[0]
    assert found == "afaf"


def test_a_changed_source_needs_its_full_number() -> None:
    """An edit shortens neither way: the checks in a row are those of the new revision."""
    standing, found = Standing(), ""
    for sign, revision in (("+", 1), ("-", 1), ("-", 1), ("-", 2), ("-", 2), ("-", 2), ("+", 2), ("+", 3), ("+", 3)):
        standing = standing.after(passed=sign == "+", revision=revision)
        found += standing.status[0]
    assert found == "aaaaaffffa"[:6] + "ffa"


def test_a_late_check_of_an_older_revision_decides_nothing() -> None:
    """It was of a source that is no more."""
    standing = Standing().after(passed=True, revision=2)
    assert standing.after(passed=False, revision=1) is standing


def test_counts_in_a_row() -> None:
    """One counts while the other is zero."""
    standing = Standing()
    counts = []
    for sign in "++--+":
        standing = standing.after(passed=sign == "+", revision=1)
        counts.append((standing.passes, standing.failures))
    assert counts == [(1, 0), (2, 0), (0, 1), (0, 2), (1, 0)]


@pytest.mark.parametrize(
    ("was", "became", "told"),
    [
        ("inactive", "active", False),
        ("inactive", "failed", True),
        ("active", "failed", True),
        ("failed", "active", True),
        ("active", "active", False),
        ("failed", "failed", False),
    ],
)
def test_who_is_told(was: str, became: str, told: bool) -> None:
    """That a source is down, and that it no longer is; not that a new one works."""
    assert alerts(was, became) is told


@pytest.mark.parametrize(
    ("was", "became", "words"),
    [
        ("active", "failed", "went down"),
        ("inactive", "failed", "has been down since its first check"),
        ("failed", "active", "came up"),
        ("inactive", "active", "came up"),
    ],
)
def test_a_change_in_words(was: str, became: str, words: str) -> None:
    """What was never up has not gone down, and has not come back."""
    assert happened(was, became) == words
