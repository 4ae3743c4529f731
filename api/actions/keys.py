"""API keys, and host keys of gateways: made, trusted, revoked."""

from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Member
from api.runtime import Services
from api.wire.errors import Invalid, Problem
from api.wire.registration import HIDDEN
from api.wire.requests import NewHostKey
from datasources.catalogue import host_keys
from datasources.catalogue.organizations.accounts import create_key, find_key, revoke_key
from datasources.catalogue.tables import ApiKey, HostKey
from datasources.model.inputs.host_keys import HostKey as Parsed
from datasources.model.inputs.texts import hidden_character
from datasources.model.vocabulary import OnQuestion


async def make_key(session: AsyncSession, member: Member, name: str, on_question: OnQuestion) -> tuple[ApiKey, str]:
    """A new key of the caller, and the key itself, this once. Raises `Problem` when it would be more than theirs."""
    if found := hidden_character(name):
        raise Invalid(["body", "name"], HIDDEN.format(code=f"U+{ord(found):04X}"))
    if may_more(on_question, member.on_question):
        raise Problem(403, "This key may not ask, so it cannot make a key that may; set on_question=fail")
    made = await create_key(session, member.user_id, member.organization_id, name, on_question=on_question)
    await session.commit()
    return made


async def require_key(session: AsyncSession, member: Member, key_id: int) -> ApiKey:
    """One of the caller's keys. Raises `Problem`."""
    key = await find_key(session, member.user_id, member.organization_id, key_id)
    if key is None:
        raise Problem(404, "API key not found")
    return key


async def revoke(session: AsyncSession, services: Services, member: Member, key_id: int) -> None:
    """Revoke one of the caller's keys that may do no more than the one in use. Raises `Problem`."""
    key = await require_key(session, member, key_id)
    if may_more(key.on_question, member.on_question):
        raise Problem(403, "This key may not ask, so it cannot revoke a key that may")
    await revoke_key(session, key.id)
    await session.commit()
    services.keys.forget(key.hash)


def may_more(one: OnQuestion | str, other: str) -> bool:
    """Whether a key with the first `on_question` may do more than one with the other (docs/security.md, row 21)."""
    return one == "ask" and other != "ask"


async def trust(session: AsyncSession, member: Member, data: NewHostKey) -> HostKey:
    """Trust a gateway's key before any test asks about it. Raises `Problem`."""
    try:
        key = Parsed.parse(data.host_key)
    except ValueError as error:
        raise Invalid(["body", "host_key"], f"This is {error}") from error
    if not key.is_about(data.host, data.port):
        about = f"{data.host}, port {data.port}"
        raise Invalid(["body", "host_key"], f"This line is for {key.names}, not for {about}")
    added = await host_keys.add_host_key(
        session,
        organization_id=member.organization_id,
        host=data.host,
        port=data.port,
        fingerprint=key.fingerprint,
        key_type=key.key_type,
        origin="registered",
        added_by_user_id=member.user_id,
    )
    if added is None:
        raise Problem(409, "This key is already trusted")
    row = await session.get_one(HostKey, added)
    await session.commit()
    return row


async def require_host_key(session: AsyncSession, member: Member, key_id: int) -> HostKey:
    """One of the organization's keys. Raises `Problem`."""
    row = await host_keys.find_host_key(session, member.organization_id, key_id)
    if row is None:
        raise Problem(404, "Host key not found")
    return row


async def distrust(session: AsyncSession, member: Member, key_id: int) -> None:
    """Stop trusting a key: the next test through this gateway asks again. Raises `Problem`."""
    await host_keys.revoke_host_key(session, await require_host_key(session, member, key_id), member.user_id)
    await session.commit()
