"""Changes of keys are heard of: what was known of a key stays true until then, and no longer than the listener lives."""

from collections.abc import Awaitable, Callable

import msgspec
import pytest
from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncSession

from api.key_listener import NEVER, Silence
from datasources.catalogue.organizations.accounts import (
    add_member,
    authenticate,
    create_key,
    create_organization,
    create_user,
    revoke_key,
)
from datasources.catalogue.organizations.key_changes import NotDirectError, hearing_of_keys
from datasources.catalogue.organizations.members import find_member, remove_member, set_role
from datasources.catalogue.tables import ApiKey, Organization, User
from datasources.model.settings import Settings
from tests.fixtures.catalogue import Sessions
from tests.fixtures.servers.database import PASSWORD
from tests.fixtures.servers.pooler import Pooler

ENDLESS = float("inf")


@pytest.mark.parametrize(
    ("silence", "read", "until"),
    [
        pytest.param(Silence(), 100.0, 100.0, id="nothing listens"),
        pytest.param(Silence(began=90.0), 100.0, 100.0, id="no sign of life yet"),
        pytest.param(Silence(began=90.0, proved=103.0), 100.0, 103.0, id="nothing heard"),
        pytest.param(Silence(began=90.0, proved=95.0), 100.0, 100.0, id="read after the last sign of life"),
        pytest.param(Silence(began=101.0, proved=103.0), 100.0, 100.0, id="read before the listening began"),
        pytest.param(Silence(began=90.0, broken=102.0, proved=103.0), 100.0, 100.0, id="changed since"),
        pytest.param(Silence(began=90.0, broken=100.0, proved=103.0), 100.0, 100.0, id="changed at that moment"),
        pytest.param(Silence(began=90.0, broken=99.0, proved=103.0), 100.0, 103.0, id="read after the change"),
        pytest.param(Silence(began=ENDLESS, broken=NEVER, proved=103.0), 100.0, 100.0, id="the connection is lost"),
    ],
)
def test_for_how_long_silence_keeps_what_was_read(silence: Silence, read: float, until: float) -> None:
    """No longer than to the last sign of life, and only what was read while we listened and after the last change."""
    assert silence.keeps(read) == until


Change = Callable[[AsyncSession, int, int, int], Awaitable[object]]
"""By the organization's number, the user's and the key's."""


async def _rename_user(session: AsyncSession, _organization: int, user: int, _key: int) -> None:
    await session.execute(update(User).where(User.id == user).values(name="Renamed"))


async def _rename_organization(session: AsyncSession, organization: int, _user: int, _key: int) -> None:
    name = Organization.name + " renamed"
    await session.execute(update(Organization).where(Organization.id == organization).values(name=name))


async def _change_role(session: AsyncSession, organization: int, user: int, _key: int) -> None:
    membership = await find_member(session, organization, user)
    assert membership is not None
    await set_role(session, membership, "admin")


async def _remove(session: AsyncSession, organization: int, user: int, _key: int) -> None:
    membership = await find_member(session, organization, user)
    assert membership is not None
    await remove_member(session, membership)


async def _by_hand(session: AsyncSession, _organization: int, _user: int, key: int) -> None:
    await session.execute(text("UPDATE api_keys SET revoked_at = now() WHERE id = :id"), {"id": key})


async def _delete(session: AsyncSession, _organization: int, _user: int, key: int) -> None:
    await session.execute(text("DELETE FROM api_keys WHERE id = :id"), {"id": key})


async def _use(session: AsyncSession, _organization: int, _user: int, key: int) -> None:
    await session.execute(update(ApiKey).where(ApiKey.id == key).values(last_used_at=None))
    assert await authenticate(session, "sck_unknown") is None


async def _make_another(session: AsyncSession, organization: int, user: int, _key: int) -> None:
    await create_key(session, user, organization, "another")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        pytest.param(lambda session, _o, _u, key: revoke_key(session, key), True, id="revoked"),
        pytest.param(_by_hand, True, id="revoked by hand"),
        pytest.param(_delete, True, id="deleted by hand"),
        pytest.param(_change_role, True, id="another role"),
        pytest.param(_remove, True, id="removed"),
        pytest.param(_rename_user, True, id="user renamed"),
        pytest.param(_rename_organization, True, id="organization renamed"),
        pytest.param(_use, False, id="used"),
        pytest.param(_make_another, False, id="another key made"),
    ],
)
async def test_the_catalogue_tells_of_what_makes_a_key_worth_something_else(
    catalogue_settings: Settings, sessions: Sessions, change: Change, told: bool, request: pytest.FixtureRequest
) -> None:
    """Before the next sign of life, whichever program makes the change; it is silent about keys that are used or new."""
    async with sessions.begin() as session:
        organization = await create_organization(session, request.node.name)
        admin, user = await create_user(session, "Admin"), await create_user(session, "User")
        await add_member(session, organization.id, admin.id, "admin")
        await add_member(session, organization.id, user.id)
        key, _ = await create_key(session, user.id, organization.id, "told of")
    heard: list[bool] = []
    async with hearing_of_keys(catalogue_settings, lambda: heard.append(True)) as beat:
        await beat()
        assert not heard
        async with sessions.begin() as session:
            await change(session, organization.id, user.id, key.id)
        await beat()
    assert bool(heard) is told


async def test_behind_a_pooler_nothing_is_heard(pooler: Pooler) -> None:
    """It would take the wish to listen and pass nothing on, so the listener refuses it."""
    url = f"postgresql://postgres:{PASSWORD}@127.0.0.1:{pooler.port}/postgres"
    settings = msgspec.structs.replace(Settings(), database_url=url)
    with pytest.raises(NotDirectError):
        async with hearing_of_keys(settings, lambda: None):
            pass
