"""What the catalogue knows of whether tests come to a verdict: stored secrets, and how the newest tests ended."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from datasources.catalogue.tables import DataSource, Job
from datasources.model.vocabulary import JobStatus

LOOKED_AT = 20
"""Stored secrets that are tried, of the sources that were registered last and of those that were registered first."""


async def stored_secrets(session: AsyncSession) -> Sequence[bytes]:
    """The secrets of some sources, encrypted: of the oldest and of the newest ones."""
    kept = select(DataSource.id, DataSource.secret).where(
        DataSource.secret.is_not(None), DataSource.deleted_at.is_(None)
    )
    oldest = await session.execute(kept.order_by(DataSource.id).limit(LOOKED_AT))
    newest = await session.execute(kept.order_by(DataSource.id.desc()).limit(LOOKED_AT))
    return list({source_id: secret for source_id, secret in [*oldest, *newest] if secret is not None}.values())


async def newest_error_codes(session: AsyncSession, since: datetime, count: int) -> Sequence[str | None]:
    """The error codes of the newest tests that have ended since then, newest first; cancelled ones are left out."""
    ended = Job.ended_at > since, Job.status != JobStatus.cancelled
    return (
        await session.scalars(select(Job.error_code).where(*ended).order_by(Job.ended_at.desc()).limit(count))
    ).all()
