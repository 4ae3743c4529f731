"""Organizations, users, memberships and API keys: functions over a session."""

import hashlib
import secrets
from datetime import UTC, datetime, timedelta

from msgspec import Struct
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from datasources.catalogue.tables import ApiKey, Membership, Organization, User
from datasources.errors import SettingsError

TOUCH_EVERY = timedelta(minutes=1)


class Caller(Struct, frozen=True):
    """Who a key belongs to; without a membership the organization is None."""

    user_id: int
    user_name: str
    organization_id: int | None
    organization_name: str | None
    role: str | None
    key_id: int
    on_question: str


def make_key() -> str:
    """A new key with 256 bits of chance."""
    return "sck_" + secrets.token_urlsafe(32)


def key_hash(raw: str) -> bytes:
    """What is stored of a key."""
    return hashlib.sha256(raw.encode()).digest()


async def authenticate(session: AsyncSession, raw_key: str) -> Caller | None:
    """Who this key belongs to; None for an unknown or revoked one."""
    found = (
        await session.execute(
            select(ApiKey, User, Membership, Organization)
            .join(User, ApiKey.user_id == User.id)
            .outerjoin(
                Membership,
                (Membership.user_id == User.id)
                & (ApiKey.organization_id.is_(None) | (Membership.organization_id == ApiKey.organization_id)),
            )
            .outerjoin(Organization, Organization.id == Membership.organization_id)
            .where(ApiKey.hash == key_hash(raw_key), ApiKey.revoked_at.is_(None))
            .order_by(Membership.organization_id)
            .limit(1)
        )
    ).one_or_none()
    if found is None:
        return None
    key, user, membership, organization = found
    await _touch(session, key)
    return Caller(
        user_id=user.id,
        user_name=user.name,
        organization_id=organization.id if organization else None,
        organization_name=organization.name if organization else None,
        role=membership.role if membership else None,
        key_id=key.id,
        on_question=key.on_question,
    )


async def _touch(session: AsyncSession, key: ApiKey) -> None:
    now = datetime.now(UTC)
    if key.last_used_at is None or now - key.last_used_at > TOUCH_EVERY:
        await session.execute(update(ApiKey).where(ApiKey.id == key.id).values(last_used_at=now))


async def create_organization(session: AsyncSession, name: str) -> Organization:
    """A new organization; its name is unique."""
    organization = Organization(name=name)
    session.add(organization)
    await session.flush()
    return organization


async def create_user(session: AsyncSession, name: str, email: str | None = None) -> User:
    """A new user, in no organization yet."""
    user = User(name=name, email=email)
    session.add(user)
    await session.flush()
    return user


async def add_member(session: AsyncSession, organization_id: int, user_id: int, role: str = "member") -> None:
    """Make the user a member."""
    session.add(Membership(organization_id=organization_id, user_id=user_id, role=role))
    await session.flush()


async def create_key(
    session: AsyncSession, user_id: int, organization_id: int | None, name: str, raw: str | None = None
) -> tuple[ApiKey, str]:
    """A new key and its text, which nobody can read again."""
    raw = raw or make_key()
    key = ApiKey(user_id=user_id, organization_id=organization_id, name=name, prefix=raw[:8], hash=key_hash(raw))
    session.add(key)
    await session.flush()
    await session.refresh(key)
    return key, raw


async def revoke_key(session: AsyncSession, key_id: int) -> bool:
    """Revoke a key; False when there is none that was good."""
    revoked = await session.execute(
        update(ApiKey)
        .where(ApiKey.id == key_id, ApiKey.revoked_at.is_(None))
        .values(revoked_at=datetime.now(UTC))
        .returning(ApiKey.id)
    )
    return revoked.scalar_one_or_none() is not None


async def bootstrap(session: AsyncSession, raw_key: str) -> Caller:
    """The first organization, its administrator and this key; the same again when they are there.

    Raises `SettingsError` for a key that is too short to be one.
    """
    if len(raw_key.strip()) < 16:
        raise SettingsError("SOURCECHECK_BOOTSTRAP_KEY: at least 16 characters")
    known = await authenticate(session, raw_key)
    if known is not None:
        return known
    organization = await session.scalar(select(Organization).where(Organization.name == "default"))
    if organization is None:
        organization = await create_organization(session, "default")
    user = await session.scalar(select(User).where(User.name == "admin").order_by(User.id).limit(1))
    if user is None:
        user = await create_user(session, "admin")
        await add_member(session, organization.id, user.id, "admin")
    await create_key(session, user.id, organization.id, "bootstrap", raw_key)
    made = await authenticate(session, raw_key)
    if made is None:
        raise SettingsError("SOURCECHECK_BOOTSTRAP_KEY: this key has been revoked")
    return made
