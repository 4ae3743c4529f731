"""Organizations, users, memberships and API keys: functions over a session, which the caller commits."""

import hashlib
import secrets
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, Row, RowMapping, and_, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from datasources.catalogue import locks
from datasources.catalogue.locks import Lock
from datasources.catalogue.tables import MAX_ID, ApiKey, Membership, Organization, User
from datasources.model.errors import SettingsError, SourcecheckError
from datasources.model.setting_rules import bootstrap_key

KEY_PREFIX = "sck_"
TOUCH_EVERY = timedelta(minutes=1)


class AccountError(SourcecheckError):
    """An organization, user, membership or key is missing, or there already."""


class Caller(Struct, kw_only=True, frozen=True):
    """Who a key stands for."""

    user_id: int
    user_name: str
    organization_id: int | None
    """None for a user who is in no organization."""
    organization_name: str | None
    role: str | None
    key_id: int
    on_question: str


class Bootstrapped(Struct, kw_only=True, frozen=True):
    """The first organization and user, and a key that works."""

    organization_id: int
    user_id: int
    key_id: int
    key: str

    def __repr__(self) -> str:
        return f"Bootstrapped(organization_id={self.organization_id}, user_id={self.user_id}, key_id={self.key_id})"


def make_key() -> str:
    """A new key with 256 bits of entropy."""
    return KEY_PREFIX + secrets.token_urlsafe(32)


def key_hash(raw: str) -> bytes:
    """The SHA-256 hash of a key, which is all that the catalogue keeps of it."""
    return hashlib.sha256(raw.encode()).digest()


async def authenticate(session: AsyncSession, raw_key: str) -> Caller | None:
    """Who the key stands for; None when it is unknown or revoked. Notes its use, at most once a minute."""
    hashed = key_hash(raw_key)
    return (await callers_of(session, [hashed])).get(hashed)


async def callers_of(session: AsyncSession, hashes: Collection[bytes]) -> dict[bytes, Caller]:
    """Who each of these keys stands for, by its hash, in one query; unknown and revoked keys are left out.

    Notes their use, at most once a minute.
    """
    return {row["hash"]: _caller(row) for row in await _keys(session, ApiKey.hash.in_(hashes))}


async def caller_of(session: AsyncSession, key_id: int) -> Caller | None:
    """Who the key of this number stands for; None when it is unknown or revoked. Notes its use, too."""
    return next((_caller(row) for row in await _keys(session, ApiKey.id == key_id)), None)


def _caller(row: RowMapping) -> Caller:
    return Caller(**{name: row[name] for name in Caller.__struct_fields__})


async def _keys(session: AsyncSession, which: ColumnElement[bool]) -> Sequence[RowMapping]:
    """Of each key that is not revoked, whose it is."""
    membership = and_(
        Membership.user_id == ApiKey.user_id,
        or_(ApiKey.organization_id.is_(None), Membership.organization_id == ApiKey.organization_id),
    )
    chosen = (
        select(
            ApiKey.hash,
            ApiKey.id.label("key_id"),
            ApiKey.user_id,
            User.name.label("user_name"),
            ApiKey.on_question,
            ApiKey.last_used_at,
            Organization.id.label("organization_id"),
            Organization.name.label("organization_name"),
            Membership.role,
        )
        .distinct(ApiKey.id)
        .join(User, User.id == ApiKey.user_id)
        .outerjoin(Membership, membership)
        .outerjoin(Organization, Organization.id == Membership.organization_id)
        .where(which, ApiKey.revoked_at.is_(None))
        .order_by(ApiKey.id, Organization.id)
    )
    rows = (await session.execute(chosen)).mappings().all()
    await _touch(session, rows)
    return rows


async def _touch(session: AsyncSession, keys: Sequence[RowMapping]) -> None:
    """Write only when a minute has passed; of many requests at once, those that come second change nothing."""
    stale_before = datetime.now(UTC) - TOUCH_EVERY
    stale = [row["key_id"] for row in keys if row["last_used_at"] is None or row["last_used_at"] < stale_before]
    if stale:
        await session.execute(
            update(ApiKey)
            .where(ApiKey.id.in_(stale), or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at < stale_before))
            .values(last_used_at=func.now())
            .execution_options(synchronize_session=False)
        )


async def list_organizations(session: AsyncSession) -> Sequence[Row[Any]]:
    """Id and name of every organization."""
    return (await session.execute(select(Organization.id, Organization.name).order_by(Organization.id))).all()


async def list_users(session: AsyncSession) -> Sequence[Row[Any]]:
    """Id, name and address of every user, with the name of the organization and the role, a row for each membership."""
    chosen = (
        select(User.id, User.name, User.email, Organization.name, Membership.role)
        .outerjoin(Membership, Membership.user_id == User.id)
        .outerjoin(Organization, Organization.id == Membership.organization_id)
        .order_by(User.id, Organization.id)
    )
    return (await session.execute(chosen)).all()


async def list_keys(session: AsyncSession) -> Sequence[Row[Any]]:
    """Every key without itself: id, beginning, name, the user's name, when it was used last, when it was revoked."""
    chosen = (
        select(ApiKey.id, ApiKey.prefix, ApiKey.name, User.name, ApiKey.last_used_at, ApiKey.revoked_at)
        .join(User, User.id == ApiKey.user_id)
        .order_by(ApiKey.id)
    )
    return (await session.execute(chosen)).all()


async def create_organization(session: AsyncSession, name: str) -> Organization:
    """Raises `AccountError` when the name is taken."""
    if await session.scalar(select(exists().where(Organization.name == name))):
        raise AccountError(f"An organization named {name!r} already exists")
    organization = Organization(name=name)
    session.add(organization)
    await session.flush()
    return organization


async def create_user(session: AsyncSession, name: str, email: str | None = None) -> User:
    """Raises `AccountError` when the e-mail address is taken; names may occur twice."""
    if email is not None and await session.scalar(select(exists().where(User.email == email))):
        raise AccountError(f"A user with the address {email!r} already exists")
    user = User(name=name, email=email)
    session.add(user)
    await session.flush()
    return user


async def find_user(session: AsyncSession, user_id: int) -> User:
    """The user of this number, which must be one."""
    return await session.get_one(User, user_id)


async def add_member(session: AsyncSession, organization_id: int, user_id: int, role: str = "member") -> Membership:
    """Take a user into an organization, or change their role. Raises `AccountError`."""
    if await session.get(Organization, organization_id) is None:
        raise AccountError(f"There is no organization {organization_id}")
    if await session.get(User, user_id) is None:
        raise AccountError(f"There is no user {user_id}")
    membership = await session.merge(Membership(organization_id=organization_id, user_id=user_id, role=role))
    await session.flush()
    return membership


async def create_key(
    session: AsyncSession,
    user_id: int,
    organization_id: int | None,
    name: str,
    raw: str | None = None,
    on_question: str = "ask",
) -> tuple[ApiKey, str]:
    """Make a key. Returns its row, and the key itself, which cannot be read again.

    Raises `AccountError` for an unknown user, or one who is no member of the organization.
    """
    if await session.get(User, user_id) is None:
        raise AccountError(f"There is no user {user_id}")
    if organization_id is not None and await session.get(Membership, (organization_id, user_id)) is None:
        raise AccountError(f"User {user_id} is not a member of organization {organization_id}")
    shown = 4 if raw else 8  # a given key may be short: its list entry must not show half of it
    raw = raw or make_key()
    key = ApiKey(
        user_id=user_id,
        organization_id=organization_id,
        name=name,
        prefix=raw[:shown],
        hash=key_hash(raw),
        on_question=on_question,
    )
    session.add(key)
    await session.flush()
    return key, raw


async def keys_of(
    session: AsyncSession, user_id: int, organization_id: int, *, limit: int | None = None, offset: int = 0
) -> Sequence[ApiKey]:
    """The user's keys that may act in this organization, revoked ones included, oldest first."""
    chosen = select(ApiKey).where(*_own(user_id, organization_id))
    return (await session.scalars(chosen.order_by(ApiKey.id).limit(limit).offset(offset))).all()


async def find_key(session: AsyncSession, user_id: int, organization_id: int, key_id: int) -> ApiKey | None:
    """The key, if it is one of this user's that may act in this organization."""
    if not 0 < key_id <= MAX_ID:
        return None
    chosen = select(ApiKey).where(ApiKey.id == key_id, *_own(user_id, organization_id))
    return (await session.scalars(chosen)).one_or_none()


def _own(user_id: int, organization_id: int) -> tuple[ColumnElement[bool], ...]:
    here = or_(ApiKey.organization_id.is_(None), ApiKey.organization_id == organization_id)
    return ApiKey.user_id == user_id, here


async def revoke_key(session: AsyncSession, key_id: int) -> None:
    """From now on the key is unknown; the time of the first revocation stays. Raises `AccountError`."""
    key = await session.get(ApiKey, key_id)
    if key is None:
        raise AccountError(f"There is no key {key_id}")
    key.revoked_at = key.revoked_at or datetime.now(UTC)
    await session.flush()


async def bootstrap(session: AsyncSession, raw_key: str | None) -> Bootstrapped:
    """The organization "default", its user "admin", and a key: this one, or a new one when None.

    Doing it again with the same key changes nothing. Raises `SettingsError` for a key too short, or revoked.
    """
    raw_key = _given_key(raw_key)
    await locks.wait_for(session, Lock.BOOTSTRAP)
    organization = await session.scalar(select(Organization).where(Organization.name == "default"))
    organization = organization or await create_organization(session, "default")
    user = await session.scalar(
        select(User)
        .join(Membership, Membership.user_id == User.id)
        .where(User.name == "admin", Membership.organization_id == organization.id)
        .order_by(User.id)
        .limit(1)
    )
    if user is None:
        user = await create_user(session, "admin")
        await add_member(session, organization.id, user.id, "admin")
    known = await session.scalar(select(ApiKey).where(ApiKey.hash == key_hash(raw_key))) if raw_key else None
    if known and known.revoked_at:
        raise SettingsError("SOURCECHECK_BOOTSTRAP_KEY: this key has been revoked")
    if known and raw_key:
        key, raw = known, raw_key
    else:
        key, raw = await create_key(session, user.id, organization.id, "bootstrap", raw_key)
    return Bootstrapped(organization_id=organization.id, user_id=user.id, key_id=key.id, key=raw)


def _given_key(raw_key: str | None) -> str | None:
    if raw_key is None:
        return None
    raw_key = raw_key.strip()
    if wrong := bootstrap_key(raw_key):
        raise SettingsError(f"SOURCECHECK_BOOTSTRAP_KEY: {wrong}")
    return raw_key
