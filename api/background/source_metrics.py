"""Metrics by source, where the operator has switched them on: they name sources, so their reader shows a key.

Each answer is made anew from the catalogue: a source that was removed or renamed leaves no series behind, and there are
no more series than `SOURCECHECK_SOURCE_METRICS` allows.
"""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from datasources.catalogue.source_stats import SourceNow, sources_now
from datasources.model.inputs.texts import visible

LABELS = ("source", "source_id", "organization", "type")
LONGEST = 100
"""Characters of a name in a label."""
PATIENCE_SECONDS = 5.0


async def source_metrics(sessions: async_sessionmaker[AsyncSession], limit: int) -> bytes:
    """The metrics of at most so many sources in Prometheus' text format; none while the catalogue does not answer."""
    with suppress(SQLAlchemyError, TimeoutError):
        async with asyncio.timeout(PATIENCE_SECONDS), sessions() as session:
            found, left_out = await sources_now(session, limit)
        return text_of(found, left_out, datetime.now(UTC))
    return b""


def text_of(found: Sequence[SourceNow], left_out: int, now: datetime) -> bytes:
    """These sources as Prometheus reads them."""
    registry = CollectorRegistry()
    registry.register(_Once([*_families(found, now), _left_out(left_out)]))
    return generate_latest(registry)


def _families(found: Sequence[SourceNow], now: datetime) -> list[Metric]:
    up = _gauge("up", "1 for an active source, 0 for a failed one; absent while the state is unknown")
    stale = _gauge("stale", "1 if the state is unknown: no check within twice the expected interval")
    time = _gauge("response_time_seconds", "Response time of the newest check")
    at = _gauge("last_check_timestamp_seconds", "When the newest check that says something about the source ended")
    interval = _gauge("check_interval_seconds", "Interval from that check to the next; absent without a schedule")
    failures = _gauge("failures", "Failed checks in a row")
    questions = _gauge("questions", "Tests that wait for an answer")
    for source in found:
        labels = [visible(source.name)[:LONGEST], str(source.id), visible(source.organization)[:LONGEST], source.type]
        is_stale = source.is_stale(now)
        stale.add_metric(labels, float(is_stale))
        failures.add_metric(labels, source.failures)
        questions.add_metric(labels, source.questions)
        if not is_stale and source.status in ("active", "failed"):
            up.add_metric(labels, float(source.status == "active"))
        if (last := source.last) is None:
            continue
        at.add_metric(labels, last.checked_at.timestamp())
        if last.response_time_ms is not None:
            time.add_metric(labels, last.response_time_ms / 1000)
        if last.expected_seconds is not None:
            interval.add_metric(labels, last.expected_seconds)
    return [up, stale, time, at, interval, failures, questions]


def _gauge(name: str, text: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"sourcecheck_source_{name}", text, labels=LABELS)


def _left_out(count: int) -> Metric:
    text = "Sources beyond SOURCECHECK_SOURCE_METRICS, which have no metrics of their own"
    return GaugeMetricFamily("sourcecheck_sources_left_out", text, value=count)


class _Once(Collector):
    """Collects what is known already."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        """The same families."""
        return self._families
