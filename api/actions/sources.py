"""Registering, changing, removing and restoring a source, from either API or a page."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Member
from api.dependencies import require_source
from api.runtime import Services
from api.timetables import forget_schedule, pause_schedule
from api.wire.changes import merged
from api.wire.errors import Problem
from api.wire.faults import Fault
from api.wire.registration import decode, hidden_in, parse, stored_options, strangers_in
from datasources.catalogue.sources import (
    NameTaken,
    change_source,
    find_removed,
    remove_source,
    restore_source,
    save_source,
    write_source,
)
from datasources.catalogue.tables import DataSource
from datasources.model.source import Source


async def register(session: AsyncSession, services: Services, member: Member, body: bytes) -> DataSource:
    """A new source of the organization. Raises `Problem`: 422 with the field at fault, 409 for a name that is taken."""
    given = decode(body)
    return await create(session, services, member, given, strangers_in(given))


async def create(
    session: AsyncSession,
    services: Services,
    member: Member,
    given: dict[str, Any],
    found: Sequence[Fault] = (),
    **columns: Any,
) -> DataSource:
    """The same of decoded fields, with the faults that were `found` in them before. Raises `Problem`, too.

    `columns` are what is not among the fields.
    """
    source, fields = parse(given, [*found, *hidden_in(given)])
    row = DataSource(organization_id=member.organization_id, created_by_user_id=member.user_id, **columns)
    write_source(row, source, fields, services.vault)
    await save(session, row)
    return row


async def change(session: AsyncSession, services: Services, member: Member, source_id: int, body: bytes) -> DataSource:
    """Change some fields; what is left out stays as it is, secrets included. Raises `Problem`, too."""
    # Of two changes at once, the second one builds on the first: it may not bring back the secret of before.
    row = await require_source(session, member, source_id, for_change=True)
    given = decode(body)
    await change_fields(session, services, member, row, given, strangers_in(given, row.fields))
    return row


async def change_fields(
    session: AsyncSession,
    services: Services,
    member: Member,
    row: DataSource,
    given: dict[str, Any],
    found: Sequence[Fault] = (),
) -> None:
    """The same of decoded fields, in a row that is locked; its schedule pauses and goes on with it."""
    whole, wrong = merged(row, given, services.vault)
    stored = stored_options(row, services.vault)
    await apply_change(session, services, member, row, *parse(whole, [*found, *wrong], stored))


async def apply_change(
    session: AsyncSession, services: Services, member: Member, row: DataSource, source: Source, fields: dict[str, Any]
) -> None:
    """The same of what the source is afterwards. Raises `Problem`: 409 for a name that is taken."""
    was_paused = bool(row.fields.get("is_paused"))
    change_source(row, source, fields, services.vault)
    row.updated_by_user_id = member.user_id
    await save(session, row)
    paused = bool(row.fields.get("is_paused"))
    if row.plan and paused is not was_paused:
        await pause_schedule(session, services.prefect.schedules, row, paused)


async def remove(
    session: AsyncSession, services: Services, member: Member, source_id: int, *, restorable: bool = False
) -> DataSource:
    """Remove a source and its schedule; its jobs stay readable, its secrets stay only where it can be restored.

    One that was removed before, and can be restored, is removed for good on request. Raises `Problem`.
    """
    row = None if restorable else await find_removed(session, member.organization_id, source_id)
    if row is None:
        row = await require_source(session, member, source_id, for_change=True)
    remove_source(row, restorable=restorable)
    await session.commit()
    await forget_schedule(session, services.prefect.schedules, row)
    await session.refresh(row, ["deleted_at"])
    return row


async def restore(session: AsyncSession, member: Member, source_id: int) -> DataSource:
    """Bring a removed source back, without its schedule. Raises `Problem`: 404, or 409 when its name is taken."""
    row = await find_removed(session, member.organization_id, source_id)
    if row is None:
        raise Problem(404, "Data source not found")
    restore_source(row)
    row.updated_by_user_id = member.user_id
    await save(session, row)
    return row


async def save(session: AsyncSession, row: DataSource) -> None:
    """Write a new or changed row, and commit. Raises `Problem` for a name that is taken."""
    try:
        await save_source(session, row)
    except NameTaken as error:
        raise Problem(409, "Another data source has this name") from error
