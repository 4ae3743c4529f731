"""Response times that can be added up."""

import msgspec
import pytest

from datasources.health.times import Times

VALUES = [0.0, 0.4, 1, 2.5, 7, 12, 12, 40, 300, 5000.0]


def test_figures() -> None:
    """Count, mean, least and greatest are exact."""
    times = Times.of(VALUES)
    assert (times.count, times.least, times.greatest) == (10, 0, 5000)
    assert times.mean == pytest.approx(sum(VALUES) / 10)


@pytest.mark.parametrize(("share", "value"), [(0.5, 7), (0.7, 12), (0.9, 300), (0.95, 5000), (1, 5000), (0.01, 0)])
def test_percentiles(share: float, value: float) -> None:
    """Nearest rank, within 5 %."""
    assert Times.of(VALUES).percentile(share) == pytest.approx(value, rel=0.05, abs=0.011)


def test_nothing() -> None:
    """No figures of nothing."""
    times = Times()
    assert (times.count, times.mean, times.least, times.percentile(0.5)) == (0, None, None, None)


def test_joined_and_kept() -> None:
    """Two parts, by way of JSON, are as good as the whole."""
    parts = [Times.of(VALUES[:4]), Times.of(VALUES[4:])]
    joined = Times()
    for part in parts:
        joined.join(Times.read(msgspec.json.decode(msgspec.json.encode(part.plain()))))
    whole = Times.of(VALUES)
    assert (joined.buckets, joined.least, joined.greatest) == (whole.buckets, whole.least, whole.greatest)
    assert joined.sum == pytest.approx(whole.sum)
