"""Times and figures in words."""

from datetime import UTC, datetime, timedelta

import pytest

from api.pages import times

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "just now"), (59, "59 s ago"), (61, "1 min ago"), (7300, "2 h ago"), (900_000, "10 d ago"), (-90, "in 1 min")],
)
def test_ago(seconds: int, words: str) -> None:
    """In the largest unit that fits."""
    assert times.ago(NOW - timedelta(seconds=seconds), NOW) == words


def test_moments() -> None:
    """In UTC whatever the zone, and nothing where there is none."""
    berlin = NOW.astimezone(tz=None)
    assert times.exact(berlin) == "2026-11-26 12:00:00 UTC"
    assert times.machine(berlin) == "2026-11-26T12:00:00Z"
    assert (times.ago(None), times.exact(None), times.machine(None)) == ("never", "", "")


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "–"), (100.0, "100 %"), (99.999, "99.99 %"), (99.5, "99.50 %"), (0.0, "0.00 %")],
)
def test_percent(value: float | None, words: str) -> None:
    """Never 100 % where something failed."""
    assert times.percent(value) == words


@pytest.mark.parametrize(
    ("value", "words"), [(None, "–"), (0.4, "< 1 ms"), (0.0, "< 1 ms"), (12.4, "12 ms"), (2400.0, "2.4 s")]
)
def test_milliseconds(value: float | None, words: str) -> None:
    """Seconds from one second on."""
    assert times.milliseconds(value) == words
