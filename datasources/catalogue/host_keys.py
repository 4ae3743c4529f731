"""Host keys of SSH gateways that an organization trusts."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from datasources.catalogue.tables import MAX_ID, HostKey


async def trusted_keys(session: AsyncSession, organization_id: int, host: str, port: int) -> list[str]:
    """Fingerprints of the keys that this gateway may show."""
    chosen = select(HostKey.fingerprint).where(
        HostKey.organization_id == organization_id,
        HostKey.host == host.lower(),
        HostKey.port == port,
        HostKey.revoked_at.is_(None),
    )
    return list((await session.scalars(chosen)).all())


async def add_host_key(session: AsyncSession, **fields: Any) -> int | None:
    """Trust a key from now on; answers its id, or None when it is trusted already. Fields are those of `HostKey`."""
    added = await session.execute(
        insert(HostKey)
        .values(**fields | {"host": fields["host"].lower()})
        .on_conflict_do_nothing(
            index_elements=["organization_id", "host", "port", "fingerprint"], index_where=HostKey.revoked_at.is_(None)
        )
        .returning(HostKey.id)
    )
    return added.scalar_one_or_none()


async def host_keys(
    session: AsyncSession, organization_id: int, *, revoked: bool, limit: int | None = None, offset: int = 0
) -> Sequence[HostKey]:
    """The organization's keys, oldest first; those that were revoked on request."""
    chosen = select(HostKey).where(HostKey.organization_id == organization_id)
    chosen = chosen.order_by(HostKey.id).limit(limit).offset(offset)
    if not revoked:
        chosen = chosen.where(HostKey.revoked_at.is_(None))
    return (await session.scalars(chosen)).all()


async def find_host_key(session: AsyncSession, organization_id: int, key_id: int) -> HostKey | None:
    """The key, if this organization has it."""
    if not 0 < key_id <= MAX_ID:
        return None
    chosen = select(HostKey).where(HostKey.id == key_id, HostKey.organization_id == organization_id)
    return (await session.scalars(chosen)).one_or_none()


async def revoke_host_key(session: AsyncSession, key: HostKey, user_id: int) -> None:
    """Trust it no more; the first revocation stays."""
    if key.revoked_at is None:
        key.revoked_at, key.revoked_by_user_id = func.now(), user_id
        await session.flush()
