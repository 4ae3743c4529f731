"""All sources of an organization at a glance: a line for each, and what the bars of some are drawn from."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import BigInteger

from datasources.catalogue.tables import DataSource
from datasources.health.uptime import HOUR, Record, Tally, floor, tally

DRAFT = "page-draft"
"""What `created_from` says of a source that a page has made to test it before it is saved."""
SAVED = DataSource.fields["created_from"].as_string().is_distinct_from(DRAFT)
"""Every other source: a draft is in no schedule and no metric, and is no reason for an alert."""
MOST_CHECKS = 90
"""Newest checks that a bar shows."""

LINES = text(
    """
    SELECT s.id, s.name, s.type, s.status, s.status_since, s.failure_reason, s.last_tested_at, s.plan, s.revision,
        coalesce(nullif(s.fields->'tags', 'null'), '[]') AS tags,
        coalesce((s.fields->>'is_paused')::boolean, false) AS paused,
        coalesce(s.fields->>'created_from' = :draft, false) AS draft,
        newest.checked_at, newest.expected_seconds, newest.response_time_ms
    FROM data_sources s
    LEFT JOIN LATERAL (
        SELECT checked_at, expected_seconds, response_time_ms FROM health_records
        WHERE source_id = s.id AND passed IS NOT NULL AND counts ORDER BY checked_at DESC LIMIT 1
    ) newest ON true
    WHERE s.organization_id = :organization_id AND s.deleted_at IS NULL
    ORDER BY s.id
    """
)
"""The newest check is the newest that says something about the source."""

OPEN_JOBS = text(
    """
    SELECT DISTINCT ON (source_id) source_id, id, question IS NOT NULL AS asks, trigger FROM jobs
    WHERE organization_id = :organization_id AND ended_at IS NULL
    ORDER BY source_id, started_at IS NULL, id
    """
)
"""Of each source the test that runs, or else the one whose turn comes next."""

CHECKS = text(
    """
    SELECT wanted.id, newest.checks FROM unnest(:ids) AS wanted(id)
    CROSS JOIN LATERAL (
        SELECT json_agg(json_build_array(at, passed, ms, error_code, job_id) ORDER BY at) AS checks FROM (
            SELECT extract(epoch FROM checked_at) AS at, passed, response_time_ms AS ms, error_code, job_id
            FROM health_records WHERE source_id = wanted.id ORDER BY checked_at DESC, id DESC LIMIT :most
        ) one
    ) newest
    """
).bindparams(bindparam("ids", type_=ARRAY(BigInteger)))
"""One row for each source: fifty of them have 4,500 checks, which as rows would take longer than to read."""

ROLLED = text(
    """
    SELECT source_id, max(hour), sum(up_seconds), sum(down_seconds), sum(checks), sum(failures) FROM health_rollups
    WHERE source_id = ANY(:ids) AND hour >= :since GROUP BY source_id
    """
).bindparams(bindparam("ids", type_=ARRAY(BigInteger)))

TAILS = text(
    """
    SELECT wanted.id, tail.* FROM unnest(:ids, :since) AS wanted(id, since)
    CROSS JOIN LATERAL (
        (SELECT checked_at, passed, expected_seconds FROM health_records
         WHERE source_id = wanted.id AND passed IS NOT NULL AND counts AND checked_at < wanted.since
         ORDER BY checked_at DESC LIMIT 1)
        UNION ALL
        (SELECT checked_at, passed, expected_seconds FROM health_records
         WHERE source_id = wanted.id AND passed IS NOT NULL AND counts AND checked_at >= wanted.since)
    ) tail
    ORDER BY wanted.id, tail.checked_at
    """
).bindparams(bindparam("ids", type_=ARRAY(BigInteger)))
"""What is not rolled up yet, and of each source the check before, whose verdict may still hold."""


class Line(Struct, frozen=True, kw_only=True):
    """One source in a list."""

    id: int
    name: str
    type: str
    status: str
    status_since: datetime | None
    failure_reason: str | None
    last_tested_at: datetime | None
    plan: dict[str, Any] | None
    revision: int
    tags: list[str]
    paused: bool
    draft: bool
    """Whether it is being tested before it is saved."""
    last: Record | None
    """The newest check that says something about it, with its verdict left out: the status has that."""

    @property
    def response_time_ms(self) -> float | None:
        """Of that check."""
        return self.last.response_time_ms if self.last else None


class OpenTest(Struct, frozen=True):
    """A test that has not ended."""

    source_id: int
    id: int
    asks: bool
    trigger: str


class Check(Struct, frozen=True):
    """One finished check, as a bar shows it."""

    at: float
    """Seconds since 1970."""
    passed: bool | None
    """None when it says nothing about the source."""
    ms: float | None
    error_code: str | None
    job_id: int | None
    """None for a check of a sweep."""


async def lines(session: AsyncSession, organization_id: int) -> list[Line]:
    """Every source of the organization, oldest first."""
    found = await session.execute(LINES, {"organization_id": organization_id, "draft": DRAFT})
    return [_line(row) for row in found]


async def open_tests(session: AsyncSession, organization_id: int) -> dict[int, OpenTest]:
    """One open test of each source that has any, by the source's id."""
    found = await session.execute(OPEN_JOBS, {"organization_id": organization_id})
    return {row.source_id: OpenTest(*row) for row in found}


async def newest_checks(session: AsyncSession, ids: Collection[int]) -> dict[int, list[Check]]:
    """The newest checks of these sources, in the order of time."""
    found = await session.execute(CHECKS, {"ids": list(ids), "most": MOST_CHECKS})
    return {source_id: [Check(*check) for check in checks or ()] for source_id, checks in found}


async def uptimes(
    session: AsyncSession, ids: Collection[int], span: timedelta, now: datetime
) -> dict[int, float | None]:
    """Percent of the known time of this span, as `history.tallies` has it, for many sources at once."""
    start = floor(now - span)
    rolled = await session.execute(ROLLED, {"ids": list(ids), "since": start})
    sums = {
        source_id: (hour + HOUR, Tally(up=up, down=down, checks=int(checks), failures=int(failures)))
        for source_id, hour, up, down, checks, failures in rolled
    }
    since = {source_id: sums[source_id][0] if source_id in sums else start for source_id in ids}
    tails = await _tails(session, since)
    found: dict[int, float | None] = {}
    for source_id in ids:
        records = tails.get(source_id, [])
        end = max([now, *(record.checked_at + timedelta(microseconds=1) for record in records[-1:])])
        whole = tally(records, since[source_id], end)
        if source_id in sums:
            whole.join(sums[source_id][1])
        found[source_id] = whole.uptime
    return found


async def _tails(session: AsyncSession, since: Mapping[int, datetime]) -> dict[int, Sequence[Record]]:
    found: dict[int, list[Record]] = {}
    rows = await session.execute(TAILS, {"ids": list(since), "since": list(since.values())})
    for source_id, at, passed, expected in rows:
        found.setdefault(source_id, []).append(Record(checked_at=at, passed=passed, expected_seconds=expected))
    return dict(found)


def _line(row: Sequence[Any]) -> Line:
    *told, checked_at, expected_seconds, response_time_ms = row
    fields = dict(zip(Line.__struct_fields__, told, strict=False))
    last = None
    if checked_at:
        last = Record(
            checked_at=checked_at,
            passed=True,
            expected_seconds=expected_seconds,
            response_time_ms=response_time_ms,
        )
    return Line(**fields, last=last)
