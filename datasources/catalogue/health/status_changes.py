"""Changes of a source's state that Prefect has not been told yet: each becomes one event."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid5

from msgspec import Struct
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from datasources.catalogue.tables import DataSource, Job, Organization, StatusChange

EVENT_IDS = UUID("0b6c1d1e-6f0c-5e0b-9a46-5d3a5f0f6c1b")
"""The name space of the ids of our events."""


class UnsentChange(Struct, frozen=True, kw_only=True):
    """A change of state with what people want to know of it; nothing here is secret."""

    id: int
    source_id: int
    source_name: str
    organization_id: int
    organization_name: str
    job_id: int | None
    flow_run_id: UUID | None
    changed_at: datetime
    was: str
    became: str
    reason: str | None
    error_code: str | None
    remediation: str | None

    @property
    def event_id(self) -> UUID:
        """The same each time: Prefect keeps an event of a known id once. Numbers alone come again elsewhere."""
        return uuid5(EVENT_IDS, f"{self.id} {self.source_id} {self.job_id} {self.changed_at.isoformat()}")


async def newest_changes(session: AsyncSession, source_id: int, limit: int) -> Sequence[StatusChange]:
    """The newest changes of a source's state, newest first."""
    chosen = select(StatusChange).where(StatusChange.source_id == source_id)
    return (await session.scalars(chosen.order_by(StatusChange.changed_at.desc()).limit(limit))).all()


async def newest_changes_of_all(
    session: AsyncSession, organization_id: int, limit: int
) -> Sequence[tuple[StatusChange, str]]:
    """The newest changes of the organization's sources, newest first, each with the name of its source."""
    chosen = (
        select(StatusChange, DataSource.name)
        .join(DataSource, DataSource.id == StatusChange.source_id)
        .where(DataSource.organization_id == organization_id, DataSource.deleted_at.is_(None))
        .order_by(StatusChange.changed_at.desc())
        .limit(limit)
    )
    return [(row[0], row[1]) for row in await session.execute(chosen)]


async def unsent_changes(session: AsyncSession, limit: int) -> list[UnsentChange]:
    """Changes that Prefect is not known to have, oldest first."""
    rows = await session.execute(
        select(StatusChange, DataSource.name, Organization.id, Organization.name, Job.flow_run_id)
        .join(DataSource, DataSource.id == StatusChange.source_id)
        .join(Organization, Organization.id == DataSource.organization_id)
        .outerjoin(Job, Job.id == StatusChange.job_id)
        .where(StatusChange.emitted_at.is_(None))
        .order_by(StatusChange.id)
        .limit(limit)
    )
    return [
        UnsentChange(
            id=row.id,
            source_id=row.source_id,
            source_name=name,
            organization_id=organization_id,
            organization_name=organization,
            job_id=row.job_id,
            flow_run_id=run_id,
            changed_at=row.changed_at,
            was=row.was,
            became=row.became,
            reason=row.reason,
            error_code=row.error_code,
            remediation=row.remediation,
        )
        for row, name, organization_id, organization, run_id in rows
    ]


async def mark_sent(session: AsyncSession, changes: Sequence[UnsentChange], stored: Collection[UUID]) -> set[int]:
    """Note which of these changes Prefect has stored, by the ids of its events; answers the ids of those changes."""
    sent = {change.id for change in changes if change.event_id in stored}
    if sent:
        chosen = update(StatusChange).where(StatusChange.id.in_(sent))
        await session.execute(chosen.values(emitted_at=datetime.now(UTC)))
    return sent
