"""Registering, changing and removing a source."""

from contextlib import suppress

from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Member
from api.dependencies import require_source
from api.prefect.client import Unreachable
from api.runtime import Services
from api.wire.errors import Problem
from api.wire.registration import decode_source, merged, parse, refuse_hidden
from datasources.catalogue.sources import NameTaken, change_source, remove_source, save_source, write_source
from datasources.catalogue.tables import DataSource


async def register(session: AsyncSession, services: Services, member: Member, body: bytes) -> DataSource:
    """A new source of the organization. Raises `Problem`: 422 with the field at fault, 409 for a name that is taken."""
    given = decode_source(body)
    refuse_hidden(given)
    source, fields = parse(given)
    row = DataSource(organization_id=member.organization_id, created_by_user_id=member.user_id)
    write_source(row, source, fields, services.vault)
    await _save(session, row)
    return row


async def change(session: AsyncSession, services: Services, member: Member, source_id: int, body: bytes) -> DataSource:
    """Change some fields; what is left out stays as it is, secrets included. Raises `Problem`, too."""
    # Of two changes at once, the second one builds on the first: it may not bring back the secret of before.
    row = await require_source(session, member, source_id, for_change=True)
    was_paused = bool(row.fields.get("is_paused"))
    source, fields = parse(merged(row, decode_source(body, row.fields), services.vault))
    change_source(row, source, fields, services.vault)
    await _save(session, row)
    paused = bool(row.fields.get("is_paused"))
    if row.plan and paused is not was_paused:
        with suppress(*Unreachable):  # its runs see for themselves that it is paused
            await services.prefect.schedules.activate(source_id, not paused)
    return row


async def remove(session: AsyncSession, services: Services, member: Member, source_id: int) -> None:
    """Remove a source; its jobs stay readable, its secrets and its schedule do not stay. Raises `Problem`."""
    row = await require_source(session, member, source_id, for_change=True)
    remove_source(row)
    await session.commit()
    if row.plan:
        with suppress(*Unreachable):  # then `ScheduleMirror` does it later
            await services.prefect.schedules.remove(source_id)


async def _save(session: AsyncSession, row: DataSource) -> None:
    try:
        await save_source(session, row)
    except NameTaken as error:
        raise Problem(409, "Another data source has this name") from error
