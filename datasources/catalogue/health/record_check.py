"""What an ended check leaves behind: a record, the source's state, and a change of state if there was one."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import delete, exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from datasources.catalogue.tables import DataSource, HealthRecord, HealthRollup, Job, StatusChange
from datasources.health.plan import Plan
from datasources.health.standing import Standing, alerts
from datasources.health.uptime import floor
from datasources.health.verdict import counts, first_failure, response_time_ms, source_passed
from datasources.model.results import Published
from datasources.model.steps import SCHEDULE
from datasources.model.vocabulary import ConfigurationCheckStep, JobStatus, Outcome


async def record_check(
    session: AsyncSession, job: Job, status: JobStatus, published: Sequence[Published], now: datetime
) -> None:
    """Write down an ended job that was not cancelled, in the transaction that ends it."""
    source = (
        await session.execute(
            select(DataSource)
            .where(DataSource.id == job.source_id)
            .with_for_update(key_share=True)
            .execution_options(populate_existing=True)
        )
    ).scalar_one()
    checked_at = max((p.ended_at for p in published if p.ended_at), default=now)
    verdict = source_passed(status, published)
    record = record_of(job, published, checked_at, passed=verdict, plan=Plan.read(source.plan))
    record.counts = counts(
        asked=job.counts,
        scheduled=job.trigger == SCHEDULE,
        has_schedule=source.plan is not None,
        has_passed=bool(verdict) or await _has_passed(session, source),
    )
    session.add(record)
    await _forget_hours(session, source.id, checked_at, now)
    _note_test(source, job.steps, published, checked_at)
    if verdict is not None:
        _decide(session, source, record, job.source_revision, first_failure(published))
    await session.flush()


def record_of(
    job: Job, published: Sequence[Published], checked_at: datetime, *, passed: bool | None, plan: Plan | None
) -> HealthRecord:
    """The row of an ended check; `passed` is what it says of the source, None when it says nothing."""
    failure = None if passed else first_failure(published)
    return HealthRecord(
        source_id=job.source_id,
        job_id=job.id,
        checked_at=checked_at,
        passed=passed,
        response_time_ms=response_time_ms(published),
        error_code=failure.result.error_code if failure else None,
        trigger=job.trigger,
        steps={
            p.task: {"outcome": p.result.outcome, "ms": p.result.duration_ms} for p in published if p.task in job.steps
        },
        expected_seconds=plan.expected_seconds(checked_at) if plan else None,
    )


async def _has_passed(session: AsyncSession, source: DataSource) -> bool:
    """Whether an earlier test of the source has passed, as far as its records go back."""
    if source.status == "active":
        return True
    passed = exists().where(HealthRecord.source_id == source.id, HealthRecord.passed.is_(True))
    return bool(await session.scalar(select(passed)))


async def _forget_hours(session: AsyncSession, source_id: int, checked_at: datetime, now: datetime) -> None:
    """A check that is written down late changes hours that may have been rolled up: they will be again."""
    if floor(checked_at) < floor(now):
        late = HealthRollup.source_id == source_id, HealthRollup.hour >= floor(checked_at)
        await session.execute(delete(HealthRollup).where(*late))


def _note_test(source: DataSource, steps: Sequence[str], published: Sequence[Published], checked_at: datetime) -> None:
    """The newest test, even if it says nothing about the source; one that is recorded late changes nothing.

    A step that was not asked for keeps its newest result: a quick check does not hide what a full one has found.
    """
    if source.last_tested_at is not None and source.last_tested_at > checked_at:
        return
    outcomes = {p.task: p.result.outcome for p in published}
    source.last_tested_at = checked_at
    before = {result["step"]: result for result in (source.last_test or {}).get("results", ())}
    results = [
        result if result["step"] in steps else before.get(result["step"], result) for result in wire_steps(published)
    ]
    source.last_test = {"tested_at": checked_at.isoformat(timespec="microseconds"), "results": results}
    if outcomes.get("connection") is Outcome.success:
        source.last_successful_connection_at = checked_at
    else:
        source.last_failed_connection_at = checked_at
    if outcomes.get("schema_download") is Outcome.success:
        source.schema_discovered_at = checked_at


def _decide(
    session: AsyncSession, source: DataSource, record: HealthRecord, revision: int, failure: Published | None
) -> None:
    """The source's state after this check."""
    before = standing_of(source)
    after = before.after(passed=bool(record.passed), revision=revision)
    if after is before:
        return
    blamed = failure.result if failure and not record.passed else None
    reason = blamed.message if blamed else None
    source.failure_count, source.pass_count = after.failures, after.passes
    source.failure_reason, source.status_revision = reason, after.revision
    if after.status == before.status:
        return
    source.status, source.status_since = after.status, record.checked_at
    if alerts(before.status, after.status):
        session.add(
            StatusChange(
                source_id=source.id,
                job_id=record.job_id,
                changed_at=record.checked_at,
                was=before.status,
                became=after.status,
                reason=reason,
                error_code=record.error_code,
                remediation=blamed.remediation if blamed else None,
            )
        )


def standing_of(source: DataSource) -> Standing:
    """What is known of the source."""
    return Standing(
        status=source.status,
        revision=source.status_revision,
        failures=source.failure_count,
        passes=source.pass_count,
        down_after=source.down_after,
        up_after=source.up_after,
    )


def wire_steps(published: Sequence[Published]) -> list[dict[str, Any]]:
    """The four steps of an ended job as they are answered."""
    by_task = {p.task: p for p in published}
    return [
        {
            "step": step.value,
            "status": found.status.value,
            "result": msgspec.to_builtins(found.result),
        }
        for step in ConfigurationCheckStep
        if (found := by_task.get(step.value))
    ]
