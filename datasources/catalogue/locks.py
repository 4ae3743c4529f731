"""PostgreSQL's locks on the catalogue: of several processes, one at a time does each of these.

Every lock ends with the transaction that took it.
"""

from enum import IntEnum

from sqlalchemy import Connection, Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from datasources.catalogue.tables import Organization


class Lock(IntEnum):
    """What is locked; the numbers are PostgreSQL's ids and must stay, or two versions would not see each other."""

    MIGRATE = 0x5C0000
    BOOTSTRAP = 0x5C0001
    STATUS_EVENTS = 0x5C0002
    RETENTION = 0x5C0003
    SLOTS = 0x5C0006
    SCHEMA_EVENTS = 0x5C0010
    DOWNLOAD_SCHEDULES = 0x5C0011
    DUE_DOWNLOADS = 0x5C0012


async def wait_for(session: AsyncSession, lock: Lock) -> None:
    """Take the lock, when its present holder's transaction has ended."""
    await session.execute(_waiting(lock))


async def try_to_take(session: AsyncSession, lock: Lock) -> bool:
    """Take the lock unless another process has it; answers whether it is ours."""
    return bool(await session.scalar(select(func.pg_try_advisory_xact_lock(lock.value))))


async def lock_organization(session: AsyncSession, organization_id: int) -> None:
    """Until the caller commits, no other process makes a plan for the organization's sources, or schedules one."""
    owner = select(Organization.id).where(Organization.id == organization_id)
    await session.execute(owner.with_for_update(key_share=True))


def wait_in_thread(connection: Connection, lock: Lock) -> None:
    """The same as `wait_for`, for code that is not asynchronous."""
    connection.execute(_waiting(lock))


def _waiting(lock: Lock) -> Select[tuple[None]]:
    return select(func.pg_advisory_xact_lock(lock.value))
