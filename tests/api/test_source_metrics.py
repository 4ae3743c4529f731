"""Metrics by source, as Prometheus reads them."""

from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.background.source_metrics import LONGEST, text_of
from datasources.catalogue.health.overview import DRAFT
from datasources.catalogue.source_stats import SourceNow, sources_now
from datasources.health.uptime import Record
from datasources.model.inputs.texts import visible
from tests.datasources.health.kit import check, make_source
from tests.fixtures.catalogue import Sessions

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
HOSTILE = ["Shop", 'a"b', "back\\slash", "two\nlines", '"} 1\nother_metric{x="', "ünï 日本", "\x1b[2J\u202e", "x" * 500]


def source(status: str = "active", **fields: object) -> SourceNow:
    """A source that was checked a minute ago, and is checked every five."""
    last = Record(checked_at=NOW - timedelta(minutes=1), passed=True, response_time_ms=7, expected_seconds=300)
    known: dict[str, object] = {"name": "Shop", "last": last, "failures": 0, "questions": 0} | fields
    return SourceNow(id=7, type="pg", organization="Ours", status=status, **known)  # type: ignore[arg-type]


def read(*sources: SourceNow, left_out: int = 0) -> dict[str, list[tuple[dict[str, str], float]]]:
    """Every sample by its name without `sourcecheck_`."""
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(text_of(sources, left_out, NOW).decode()):
        for sample in family.samples:
            found.setdefault(sample.name.removeprefix("sourcecheck_"), []).append((sample.labels, sample.value))
    return found


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_is_one_label(name: str) -> None:
    """Quotes, line ends, control characters and directions of text make no series and no metric; long names are cut."""
    found = read(source(name=name))
    labels = {"source": visible(name)[:LONGEST], "source_id": "7", "organization": "Ours", "type": "pg"}
    assert found["source_up"] == [(labels, 1.0)]
    assert len(found) == 8


OLD = Record(checked_at=NOW - timedelta(hours=1), passed=True, response_time_ms=None, expected_seconds=60)


@pytest.mark.parametrize(
    ("found", "up", "stale"),
    [
        (source("active"), 1.0, 0.0),
        (source("failed"), 0.0, 0.0),
        (source("active", last=OLD), None, 1.0),
        (source("failed", last=OLD), None, 1.0),
        (source("inactive", last=None), None, 1.0),
    ],
)
def test_up_is_what_is_known_now(found: SourceNow, up: float | None, stale: float) -> None:
    """A source of which nothing is known now is neither up nor down."""
    metrics = read(found)
    assert [value for _, value in metrics.get("source_up", [])] == ([] if up is None else [up])
    assert [value for _, value in metrics["source_stale"]] == [stale]


def test_figures() -> None:
    """Seconds, a time since 1970, and counts; a check without a response time has none here."""
    values = {name: samples[0][1] for name, samples in read(source(failures=2, questions=1), left_out=3).items()}
    assert values == {
        "source_up": 1.0,
        "source_stale": 0.0,
        "source_response_time_seconds": 0.007,
        "source_last_check_timestamp_seconds": (NOW - timedelta(minutes=1)).timestamp(),
        "source_check_interval_seconds": 300.0,
        "source_failures": 2.0,
        "source_questions": 1.0,
        "sources_left_out": 3.0,
    }
    assert "source_response_time_seconds" not in read(source(last=OLD))


async def test_no_more_than_allowed(sessions: Sessions, organization_id: int) -> None:
    """The oldest sources have metrics, the others are counted; a removed source and a draft have none; the newest check counts."""
    ids = [await make_source(sessions, organization_id, every=60) for _ in range(2)]
    removed = await make_source(sessions, organization_id, deleted_at=NOW)
    draft = await make_source(sessions, organization_id, fields={"created_from": DRAFT})
    await check(sessions, ids[0], True, NOW - timedelta(minutes=5))
    await check(sessions, ids[0], False, NOW - timedelta(minutes=1))
    async with sessions() as session:
        every, none = await sources_now(session, 100_000)
        one, others = await sources_now(session, 1)
    by_id = {found.id: found for found in every}
    assert (none, len(one), others) == (0, 1, len(every) - 1)
    assert not {removed, draft} & by_id.keys()
    first, second = (by_id[source_id] for source_id in ids)
    assert (first.last and (first.last.passed, first.last.expected_seconds), second.last) == ((False, 60), None)
