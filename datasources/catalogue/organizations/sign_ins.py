"""Addresses that sign a person in to the pages, once and for a short time."""

import secrets
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, func, update
from sqlalchemy.ext.asyncio import AsyncSession

from datasources.catalogue.organizations.accounts import key_hash
from datasources.catalogue.tables import SignInLink

LASTS = timedelta(hours=1)
"""From when the address is made until it is worth nothing, used or not."""


async def make_link(session: AsyncSession, key_id: int) -> str:
    """The secret part of a new address, which cannot be read again; removes those that are over."""
    now = datetime.now(UTC)
    await session.execute(delete(SignInLink).where(SignInLink.expires_at < now))
    token = secrets.token_urlsafe(32)
    session.add(SignInLink(key_id=key_id, hash=key_hash(token), expires_at=now + LASTS))
    await session.flush()
    return token


async def take_link(session: AsyncSession, token: str) -> int | None:
    """The id of the key that the address stands for; None when it is unknown, over, or used already."""
    fresh = SignInLink.used_at.is_(None), SignInLink.expires_at > func.now()
    taken = await session.execute(
        update(SignInLink)
        .where(SignInLink.hash == key_hash(token), *fresh)
        .values(used_at=func.now())
        .returning(SignInLink.key_id)
    )
    return taken.scalar_one_or_none()
