"""Public badges: anyone who has the token in the address of a badge sees the name and the state of one source."""

import secrets

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from datasources.catalogue.organizations.accounts import key_hash
from datasources.catalogue.tables import DataSource


def issue_token(source: DataSource) -> str:
    """A new token of this source, with 256 bits of entropy. The catalogue keeps its hash; one before it ends."""
    token = secrets.token_urlsafe(32)
    source.badge_hash = key_hash(token)
    return token


async def find_by_token(session: AsyncSession, token: str) -> DataSource | None:
    """The source whose badge this token shows; None for a token that was revoked, or whose source was removed."""
    wanted = select(DataSource).where(DataSource.badge_hash == key_hash(token), DataSource.deleted_at.is_(None))
    return (await session.execute(wanted)).scalar_one_or_none()
