"""What a run of a sweep has to do about a source that it has claimed."""

from datetime import UTC, datetime, timedelta

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from datasources.catalogue.health.claims import CHECK_SECONDS
from datasources.catalogue.host_keys import trusted_keys
from datasources.catalogue.jobs.work import Work
from datasources.catalogue.sources import source_of
from datasources.catalogue.tables import DataSource
from datasources.model.errors import SecretsError
from datasources.model.steps import KindOfTest, steps_of
from datasources.secrecy.vault import Vault


async def sweep_work(session: AsyncSession, row: DataSource, vault: Vault) -> Work | None:
    """The check of this source; None if its secrets cannot be read, or its settings are no longer valid."""
    try:
        source = source_of(row, vault)
    except (SecretsError, msgspec.ValidationError):
        return None
    gateway = source.ssh_tunnel
    return Work(
        job_id=0,
        source_id=row.id,
        organization_id=row.organization_id,
        source=source,
        steps=steps_of(KindOfTest.quick),
        deadline=(datetime.now(UTC) + timedelta(seconds=CHECK_SECONDS)).timestamp(),
        test_query=None,
        trusted_keys=await trusted_keys(session, row.organization_id, gateway.host, gateway.port) if gateway else [],
        keeps_schema=False,
    )
