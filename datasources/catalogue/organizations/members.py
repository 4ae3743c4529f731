"""Who is in an organization, and as what: functions over a session, which the caller commits."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, and_, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from datasources.catalogue.locks import lock_organization
from datasources.catalogue.organizations.accounts import AccountError
from datasources.catalogue.tables import MAX_ID, ApiKey, Membership, User

ADMIN = "admin"


class LastAdmin(AccountError):
    """An organization would be left without an administrator."""


async def members_of(session: AsyncSession, organization_id: int) -> Sequence[Row[Any]]:
    """Id, name, address and role of the organization's members, and when one of their keys was used last."""
    here = or_(ApiKey.organization_id.is_(None), ApiKey.organization_id == organization_id)
    used = select(func.max(ApiKey.last_used_at)).where(ApiKey.user_id == User.id, here).scalar_subquery()
    chosen = (
        select(User.id, User.name, User.email, Membership.role, used.label("last_used_at"))
        .join(Membership, Membership.user_id == User.id)
        .where(Membership.organization_id == organization_id)
        .order_by(User.name, User.id)
    )
    return (await session.execute(chosen)).all()


async def find_member(session: AsyncSession, organization_id: int, user_id: int) -> Membership | None:
    """A user's place in the organization; None for users who are not in it."""
    return await session.get(Membership, (organization_id, user_id)) if 0 < user_id <= MAX_ID else None


async def set_role(session: AsyncSession, membership: Membership, role: str) -> list[bytes]:
    """Change what a member may do; answers the hashes of the keys that are worth something else now.

    Raises `LastAdmin`.
    """
    if role != ADMIN:
        await _keep_an_admin(session, membership)
    membership.role = role
    await session.flush()
    keys = select(ApiKey.hash).where(ApiKey.user_id == membership.user_id, ApiKey.revoked_at.is_(None))
    return list(await session.scalars(keys))


async def remove_member(session: AsyncSession, membership: Membership) -> list[bytes]:
    """Take a user out of the organization, and revoke their keys there; answers these keys' hashes.

    A key that acts in a user's first organization is revoked only when this was the only one. Raises `LastAdmin`.
    """
    await _keep_an_admin(session, membership)
    elsewhere = exists().where(
        Membership.user_id == membership.user_id, Membership.organization_id != membership.organization_id
    )
    here = or_(ApiKey.organization_id == membership.organization_id, and_(ApiKey.organization_id.is_(None), ~elsewhere))
    revoked = await session.scalars(
        update(ApiKey)
        .where(ApiKey.user_id == membership.user_id, here, ApiKey.revoked_at.is_(None))
        .values(revoked_at=datetime.now(UTC))
        .returning(ApiKey.hash)
    )
    hashes = list(revoked)
    await session.delete(membership)
    await session.flush()
    return hashes


async def _keep_an_admin(session: AsyncSession, membership: Membership) -> None:
    """Of two administrators who remove each other at once, the second one stays. Raises `LastAdmin`."""
    await lock_organization(session, membership.organization_id)
    await session.refresh(membership)
    others = exists().where(
        Membership.organization_id == membership.organization_id,
        Membership.user_id != membership.user_id,
        Membership.role == ADMIN,
    )
    if membership.role == ADMIN and not await session.scalar(select(others)):
        raise LastAdmin("This is the organization's last administrator; make another member an administrator first")
