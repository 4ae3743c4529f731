"""Changes of a source that are tested before they are saved: in a draft beside it, which has the changes already."""

from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from api.actions.sources import apply_change, save
from api.auth import Member
from api.dependencies import require_source
from api.runtime import Services
from api.wire.changes import merged
from api.wire.errors import Problem
from api.wire.registration import decode, parse, stored_options, strangers_in
from datasources.catalogue.health.overview import DRAFT
from datasources.catalogue.sources import DRAFT_OF, drafts_of, remove_source, source_of, write_source
from datasources.catalogue.tables import DataSource

EDITED = " (edited)"
"""What stands behind the name of a draft while its source has that name."""
LONGEST_NAME = 255


def original_of(row: DataSource) -> int | None:
    """The id of the source whose changes this draft holds; None for a draft of a new source, and for all others."""
    found = row.fields.get(DRAFT_OF)
    return found["id"] if isinstance(found, dict) and isinstance(found.get("id"), int) else None


async def draft_change(
    session: AsyncSession, services: Services, member: Member, source_id: int, body: bytes
) -> DataSource:
    """A draft with these changes, in place of an earlier one of the same source. Raises `Problem`, as a change does."""
    row = await require_source(session, member, source_id, for_change=True)
    given = decode(body)
    whole, wrong = merged(row, given, services.vault)
    found = [*strangers_in(given, row.fields), *wrong]
    stored = stored_options(row, services.vault)
    source, fields = parse(whole | {"created_from": DRAFT, DRAFT_OF: _told(row)}, found, stored)
    name = source.name if source.name != row.name else f"{source.name[: LONGEST_NAME - len(EDITED)]}{EDITED}"
    for earlier in await drafts_of(session, row):
        remove_source(earlier)
    await session.flush()
    draft = DataSource(organization_id=member.organization_id, created_by_user_id=member.user_id)
    write_source(draft, msgspec.structs.replace(source, name=name), fields, services.vault)
    await save(session, draft)
    return draft


async def keep_change(session: AsyncSession, services: Services, member: Member, draft: DataSource) -> DataSource:
    """Save what a draft has changed in its source, and remove the draft. Raises `Problem`: 404, 409."""
    row = await require_source(session, member, original_of(draft) or 0, for_change=True)
    if draft.fields[DRAFT_OF] != _told(row):
        raise Problem(409, "The source has changed in the meantime; discard this draft and edit the source again")
    source = source_of(draft, services.vault)
    kept = {name: value for name, value in draft.fields.items() if name not in (DRAFT_OF, "created_from")}
    before = {name: row.fields[name] for name in ("created_from",) if name in row.fields}
    source = msgspec.structs.replace(source, name=draft.name.removesuffix(EDITED))
    remove_source(draft)
    await session.flush()
    await apply_change(session, services, member, row, source, kept | before)
    return row


def _told(row: DataSource) -> dict[str, Any]:
    """Which source, and as it was when."""
    return {"id": row.id, "changed_at": row.updated_at.isoformat()}
