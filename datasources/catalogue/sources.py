"""Sources in the catalogue: rows to typed sources and back."""

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from datasources.catalogue.tables import MAX_ID, DataSource, Organization
from datasources.databases import AnySource
from datasources.health.plan import Plan
from datasources.model.errors import SecretsError, SourcecheckError
from datasources.model.source import Source
from datasources.secrecy.vault import Vault


class NameTaken(SourcecheckError):
    """Another source of the organization has this name."""


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


def write_source(row: DataSource, source: Source, fields: dict[str, Any], vault: Vault) -> None:
    """Write a source into its row, secrets apart and encrypted; `fields` are its other fields, as they were given."""
    row.name = source.name
    row.type = str(source.__struct_config__.tag)
    row.temp_schema = source.temp_schema
    row.options = source.options.public()
    row.ssh_tunnel = source.ssh_tunnel.public() if source.ssh_tunnel else None
    row.fields = fields
    row.down_after, row.up_after = fields["down_after"], fields["up_after"]
    secrets = {
        "options": source.options.secrets(),
        "ssh_tunnel": source.ssh_tunnel.secrets() if source.ssh_tunnel else {},
    }
    row.secret = vault.seal(secrets) if any(secrets.values()) else None


def change_source(row: DataSource, source: Source, fields: dict[str, Any], vault: Vault) -> None:
    """Write a changed source into its row, under a new revision where a test of it could now end differently."""
    if needs_new_revision(row, source, vault):
        row.revision += 1
    write_source(row, source, fields, vault)
    row.updated_at = func.now()


def needs_new_revision(row: DataSource, source: Source, vault: Vault) -> bool:
    """Whether a test of this source could end differently from one of what its row holds now."""
    try:
        before = source_of(row, vault)
    except (SecretsError, msgspec.ValidationError):
        return True
    return msgspec.structs.replace(before, name=source.name) != source


def forget_secret(row: DataSource) -> None:
    """Forget what the source and its gateway log in with."""
    row.secret = None
    row.revision += 1
    row.updated_at = func.now()


def remove_source(row: DataSource) -> None:
    """Remove a source: its row stays for the jobs that refer to it, its secrets do not."""
    row.deleted_at = func.now()
    row.secret = None


async def save_source(session: AsyncSession, row: DataSource) -> None:
    """Write a new or changed row and commit. Raises `NameTaken`."""
    session.add(row)
    try:
        await session.flush()
        await session.refresh(row)
        await session.commit()
    except IntegrityError as error:
        raise NameTaken(row.name) from error


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


async def is_registered(session: AsyncSession, source_id: int) -> bool:
    """Whether any organization has this source."""
    chosen = select(DataSource.id).where(DataSource.id == source_id, DataSource.deleted_at.is_(None))
    return 0 < source_id <= MAX_ID and await session.scalar(chosen) is not None


async def mirror_schedules(session: AsyncSession, plans: Mapping[int, Plan]) -> list[int]:
    """Keep these schedules by the source's id, which are all there are; answers removed sources that have one."""
    chosen = select(DataSource.id, DataSource.plan, DataSource.deleted_at)
    rows = await session.execute(chosen.where(DataSource.plan.is_not(None) | DataSource.id.in_(plans)))
    leftover = []
    for source_id, known, deleted_at in rows:
        plan = plans.get(source_id)
        if deleted_at is not None and plan is not None:
            leftover.append(source_id)
        elif deleted_at is None and known != (plain := plan.plain() if plan else None):
            await session.execute(update(DataSource).where(DataSource.id == source_id).values(plan=plain))
    return leftover


async def other_plans(session: AsyncSession, source: DataSource) -> list[Plan]:
    """The schedules of the organization's other sources; until the caller commits, no other process asks for them."""
    owner = select(Organization.id).where(Organization.id == source.organization_id)
    await session.execute(owner.with_for_update(key_share=True))
    found = await session.scalars(
        select(DataSource.plan).where(
            DataSource.organization_id == source.organization_id,
            DataSource.id != source.id,
            DataSource.deleted_at.is_(None),
            DataSource.plan.is_not(None),
        )
    )
    return [plan for data in found if (plan := Plan.read(data))]
