"""The public status page of an organization: under an address that cannot be guessed, while it is switched on."""

import secrets

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from datasources.catalogue.tables import Organization


async def status_page_of(session: AsyncSession, organization_id: int) -> str | None:
    """The last part of its address; None while there is none."""
    return await session.scalar(select(Organization.status_page).where(Organization.id == organization_id))


async def set_status_page(session: AsyncSession, organization_id: int, *, on: bool) -> None:
    """Publish it under a new address, or end it; the caller commits."""
    organization = await session.get_one(Organization, organization_id)
    organization.status_page = secrets.token_urlsafe(16) if on else None


async def organization_of(session: AsyncSession, address: str) -> Organization | None:
    """Whose page it is."""
    chosen = select(Organization).where(Organization.status_page == address.replace("\0", ""))
    return (await session.scalars(chosen)).one_or_none()
