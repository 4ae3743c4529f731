"""What an ended check leaves behind: a record, the source's state, and a change of state if there was one."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import delete, exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from datasources.catalogue.health.claims import note_survived, settle
from datasources.catalogue.health.overview import DRAFT
from datasources.catalogue.health.own_tests import own_test
from datasources.catalogue.tables import DataSource, HealthRecord, HealthRollup, Job, StatusChange
from datasources.health.plan import Plan
from datasources.health.standing import Standing, alerts
from datasources.health.sweeps import FULL_EVERY
from datasources.health.uptime import floor
from datasources.health.verdict import counts, failures, first_failure, response_time_ms, source_passed
from datasources.model.results import Published, not_asked_for
from datasources.model.steps import SCHEDULE, KindOfTest, steps_of
from datasources.model.vocabulary import ConfigurationCheckStep, JobStatus, Outcome

FULL = steps_of(KindOfTest.full)
"""What a scheduled check runs once a day, and until it passes."""


class Checked(Struct, frozen=True, kw_only=True):
    """A check of a sweep that has ended."""

    source_id: int
    revision: int
    """The revision of the source that was checked."""
    steps: Sequence[str]
    published: Sequence[Published]


async def record_check(
    session: AsyncSession, job: Job, status: JobStatus, published: Sequence[Published], now: datetime
) -> None:
    """Write down an ended job that was not cancelled, in the transaction that ends it."""
    (source,) = await _locked(session, [job.source_id])
    ended = Checked(source_id=source.id, revision=job.source_revision, steps=job.steps, published=published)
    verdict = source_passed(status, published)
    record = record_of(source, ended, verdict, now)
    record.job_id, record.trigger = job.id, job.trigger
    record.counts = counts(
        asked=job.counts,
        scheduled=job.trigger == SCHEDULE,
        has_schedule=source.plan is not None,
        has_passed=bool(verdict) or await _has_passed(session, source),
    )
    change = await _note(session, source, record, ended, now)
    if change is not None:
        change.job_id = job.id
    if verdict is not None:
        await note_survived(session, source.id)
    await session.flush()


async def record_sweep(
    session: AsyncSession, owner: UUID, due_at: datetime, checks: Sequence[Checked], limit_seconds: int
) -> set[int]:
    """Write down checks of the sweep of this moment that its run `owner` has claimed, those that are still its own.

    A source that becomes failed gets a full test of its own, whose report says why. Answers the sources whose checks
    counted. The caller commits.
    """
    now = datetime.now(UTC)
    counted = await settle(session, owner, due_at, [each.source_id for each in checks])
    by_id = {each.source_id: each for each in checks if each.source_id in counted}
    for source in await _locked(session, sorted(by_id)):
        ended = by_id[source.id]
        status = JobStatus.failed if failures(ended.published) else JobStatus.done
        record = record_of(source, ended, source_passed(status, ended.published), now)
        change = await _note(session, source, record, ended, now)
        if change is not None and change.became == "failed":
            test = own_test(source, FULL, limit_seconds)
            session.add(test)
            await session.flush()
            change.job_id = test.id
    await session.flush()
    return counted


async def _locked(session: AsyncSession, ids: Sequence[int]) -> Sequence[DataSource]:
    """These sources as they are now, in this order of ids, so that no two transactions wait for each other."""
    chosen = select(DataSource).where(DataSource.id.in_(ids)).order_by(DataSource.id).with_for_update(key_share=True)
    return (await session.scalars(chosen.execution_options(populate_existing=True))).all()


def record_of(source: DataSource, ended: Checked, passed: bool | None, now: datetime) -> HealthRecord:
    """The row of an ended check; `passed` is what it says of the source, None when it says nothing."""
    published, plan = ended.published, Plan.read(source.plan)
    checked_at = max((p.ended_at for p in published if p.ended_at), default=now)
    failure = None if passed else first_failure(published)
    return HealthRecord(
        source_id=source.id,
        checked_at=checked_at,
        passed=passed,
        response_time_ms=response_time_ms(published),
        error_code=failure.result.error_code if failure else None,
        trigger=SCHEDULE,
        steps={
            p.task: {"outcome": p.result.outcome, "ms": p.result.duration_ms}
            for p in published
            if p.task in ended.steps
        },
        expected_seconds=plan.expected_seconds(checked_at) if plan else None,
    )


async def _has_passed(session: AsyncSession, source: DataSource) -> bool:
    """Whether an earlier test of the source has passed, as far as its records go back."""
    if source.status == "active":
        return True
    passed = exists().where(HealthRecord.source_id == source.id, HealthRecord.passed.is_(True))
    return bool(await session.scalar(select(passed)))


async def _note(
    session: AsyncSession, source: DataSource, record: HealthRecord, ended: Checked, now: datetime
) -> StatusChange | None:
    """Keep the record, and what it means for its source; answers the change of state that it makes, if any."""
    session.add(record)
    await _forget_hours(session, source.id, record.checked_at, now)
    _note_test(source, ended.steps, ended.published, record.checked_at)
    if record.passed is None:
        return None
    if set(FULL) <= record.steps.keys():
        source.full_test_due_at = record.checked_at + (FULL_EVERY if record.passed else timedelta())
    change = _decide(source, record, ended.revision, first_failure(ended.published))
    if change is not None:
        session.add(change)
    return change


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


def _decide(source: DataSource, record: HealthRecord, revision: int, failure: Published | None) -> StatusChange | None:
    """The source's state after this check; answers the change of state that is announced, if there is one."""
    before = standing_of(source)
    after = before.after(passed=bool(record.passed), revision=revision)
    if after is before:
        return None
    blamed = failure.result if failure and not record.passed else None
    reason = blamed.message if blamed else None
    source.failure_count, source.pass_count = after.failures, after.passes
    source.failure_reason, source.status_revision = reason, after.revision
    if after.status == before.status:
        return None
    source.status, source.status_since = after.status, record.checked_at
    if not alerts(before.status, after.status) or source.fields.get("created_from") == DRAFT:
        return None
    return StatusChange(
        source_id=source.id,
        changed_at=record.checked_at,
        was=before.status,
        became=after.status,
        reason=reason,
        error_code=record.error_code,
        remediation=blamed.remediation if blamed else None,
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
    """The four steps of an ended test as they are answered; those that it did not have were not asked for."""
    by_task = {p.task: p for p in published}
    found = {step.value: by_task.get(step.value) or not_asked_for(0, step.value) for step in ConfigurationCheckStep}
    return [
        {"step": step, "status": one.status.value, "result": msgspec.to_builtins(one.result)}
        for step, one in found.items()
    ]
