"""Sources in the catalogue: rows to typed sources and back."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import defer

from datasources.catalogue.locks import lock_organization
from datasources.catalogue.tables import MAX_ID, DataSource
from datasources.databases import AnySource
from datasources.model.errors import SecretsError, SourcecheckError
from datasources.model.inputs.secret_references import FIELD
from datasources.model.source import Source
from datasources.secrecy.vault import Vault

DRAFT_OF = "draft_of"
"""Field of a draft that holds changes of another source: which one, and when that was changed last before."""

ROWS_AT_ONCE = 100
"""Sources that are read at once; between two reads, an event loop has time for others."""


class NameTaken(SourcecheckError):
    """Another source of the organization has this name."""


def source_of(row: DataSource, vault: Vault, more: dict[str, dict[str, str]] | None = None) -> AnySource:
    """The source with its secrets, as a worker needs it; `more` are given for one run alone. Raises `SecretsError`."""
    stored, given = vault.open(row.secret), more or {}
    references = _references(row, given)
    secrets = {group: stored.get(group, {}) | given.get(group, {}) for group in ("options", "ssh_tunnel")}
    for place, reference in references.items():
        group, _, name = place.partition(".")
        secrets[group] = {name: reference} | secrets[group]
    data: dict[str, Any] = {
        **{name: value for name, value in row.fields.items() if value is not None},
        FIELD: references,
        "type": row.type,
        "name": row.name,
        "temp_schema": row.temp_schema,
        "options": row.options | secrets["options"],
        "ssh_tunnel": row.ssh_tunnel | secrets["ssh_tunnel"] if row.ssh_tunnel else None,
    }
    source: AnySource = msgspec.convert(data, AnySource)
    return source


def _references(row: DataSource, given: Mapping[str, dict[str, str]]) -> dict[str, str]:
    """References to secrets, but for those in whose place one is given."""
    places = {f"{group}.{name}" for group, secrets in given.items() for name in secrets}
    return {place: text for place, text in (row.fields.get(FIELD) or {}).items() if place not in places}


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
        group: {n: s for n, s in part.secrets().items() if f"{group}.{n}" not in source.secret_references}
        for group, part in (("options", source.options), ("ssh_tunnel", source.ssh_tunnel))
        if part is not None
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
    row.fields = {name: value for name, value in row.fields.items() if name != FIELD}
    row.revision += 1
    row.updated_at = func.now()


def remove_source(row: DataSource, *, restorable: bool = False) -> None:
    """Remove a source: its row stays for the jobs that refer to it, its secrets only where it can be restored."""
    row.deleted_at = func.now()
    row.restorable = restorable
    if not restorable:
        row.secret = None


def restore_source(row: DataSource) -> None:
    """Bring back a source that was removed so that it can be."""
    row.deleted_at = None
    row.restorable = False
    row.updated_at = func.now()


async def save_source(session: AsyncSession, row: DataSource) -> None:
    """Write a new or changed row and commit. Raises `NameTaken`."""
    session.add(row)
    name = row.name  # nothing of the row can be read after a refusal
    try:
        await session.flush()
        await session.refresh(row)
        await session.commit()
    except IntegrityError as error:
        raise NameTaken(name) from error


async def save_sources(session: AsyncSession, rows: Sequence[DataSource]) -> None:
    """Write new and changed rows, so that new ones have their ids; the caller commits. Raises `NameTaken`."""
    session.add_all(rows)
    try:
        await session.flush()
    except IntegrityError as error:
        raise NameTaken("another request has registered a source of the same name") from error


async def sources_by_name(
    session: AsyncSession, organization_id: int, *, for_change: bool = False
) -> dict[str, DataSource]:
    """Every source of the organization; `for_change` locks them, and the list of them, for this transaction."""
    if for_change:
        await lock_organization(session, organization_id)
    chosen = select(DataSource).where(DataSource.organization_id == organization_id, DataSource.deleted_at.is_(None))
    chosen = chosen.order_by(DataSource.id).options(defer(DataSource.last_test))
    chosen = chosen.execution_options(yield_per=ROWS_AT_ONCE)
    rows = await session.stream_scalars(chosen.with_for_update() if for_change else chosen)
    return {row.name: row async for row in rows}


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


async def find_removed(session: AsyncSession, organization_id: int, source_id: int) -> DataSource | None:
    """The removed source, if this organization had it and it can be restored; locked for this transaction."""
    if not 0 < source_id <= MAX_ID:
        return None
    chosen = select(DataSource).where(
        DataSource.id == source_id,
        DataSource.organization_id == organization_id,
        DataSource.deleted_at.is_not(None),
        DataSource.restorable,
    )
    return (await session.execute(chosen.with_for_update())).scalar_one_or_none()


async def drafts_of(session: AsyncSession, row: DataSource) -> Sequence[DataSource]:
    """Drafts with changes of this source that have been neither saved nor discarded."""
    chosen = select(DataSource).where(
        DataSource.organization_id == row.organization_id,
        DataSource.deleted_at.is_(None),
        DataSource.fields[(DRAFT_OF, "id")].as_integer() == row.id,
    )
    return (await session.scalars(chosen)).all()


async def is_registered(session: AsyncSession, source_id: int) -> bool:
    """Whether any organization has this source."""
    chosen = select(DataSource.id).where(DataSource.id == source_id, DataSource.deleted_at.is_(None))
    return 0 < source_id <= MAX_ID and await session.scalar(chosen) is not None
