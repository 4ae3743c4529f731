"""Sources in the catalogue: rows to typed sources and back."""

from typing import Any

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from datasources.catalogue.tables import DataSource
from datasources.databases import AnySource
from datasources.secrecy.vault import Vault

MAX_ID = 2**63 - 1


def source_of(row: DataSource, vault: Vault, more: dict[str, dict[str, str]] | None = None) -> AnySource:
    """The source with its secrets, as a worker needs it; `more` are given for one run alone. Raises `SecretsError`."""
    stored, given = vault.open(row.secret), more or {}
    secrets = {group: stored.get(group, {}) | given.get(group, {}) for group in ("options", "ssh_tunnel")}
    data: dict[str, Any] = {
        **{name: value for name, value in row.fields.items() if value is not None},
        "type": row.type,
        "name": row.name,
        "temp_schema": row.temp_schema,
        "options": row.options | secrets["options"],
        "ssh_tunnel": row.ssh_tunnel | secrets["ssh_tunnel"] if row.ssh_tunnel else None,
    }
    source: AnySource = msgspec.convert(data, AnySource)
    return source


async def find_source(
    session: AsyncSession, organization_id: int, source_id: int, *, for_change: bool = False
) -> DataSource | None:
    """The source, if this organization has it; `for_change` locks it for this transaction."""
    if not 0 < source_id <= MAX_ID:
        return None
    chosen = select(DataSource).where(
        DataSource.id == source_id,
        DataSource.organization_id == organization_id,
        DataSource.deleted_at.is_(None),
    )
    if for_change:
        chosen = chosen.with_for_update()
    return (await session.execute(chosen)).scalar_one_or_none()
