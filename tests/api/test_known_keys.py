"""Keys that are known for a moment: few queries, and a revoked key is refused within a second."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import pytest
import pytest_asyncio
from sqlalchemy import delete, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker

from api.key_listener import KeyListener
from api.known_keys import FRESH_SECONDS, IDLE_SECONDS, LOOK_AGAIN_SECONDS, KnownKeys
from datasources.catalogue.organizations.accounts import add_member, create_key, create_user, key_hash, revoke_key
from datasources.catalogue.tables import Membership
from datasources.model.settings import Settings
from tests.fixtures.catalogue import Sessions


class Clock:
    """Seconds that pass when the test says so."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


class Given:
    """A user with two keys, what knows them, and its clock."""

    def __init__(self, settings: Settings, sessions: Sessions, user_id: int, keys: dict[str, int]) -> None:
        self.clock = Clock()
        self.listener = KeyListener(settings, self.clock)
        self.known = KnownKeys(sessions, self.listener, self.clock)
        self.sessions = sessions
        self.user_id = user_id
        self.ids = keys
        self.first, self.second = keys

    async def later(self, seconds: float) -> None:
        """A request with the first key so many seconds later, and the look that it begins."""
        self.clock.now += seconds
        await self.known.caller(self.first)
        if self.known._looking is not None:
            await self.known._looking


@pytest_asyncio.fixture
async def given(catalogue_settings: Settings, sessions: Sessions, organization_id: int) -> AsyncIterator[Given]:
    """Both keys have been used once."""
    async with sessions.begin() as session:
        user = await create_user(session, "Known")
        await add_member(session, organization_id, user.id)
        made = [await create_key(session, user.id, organization_id, name) for name in ("first", "second")]
    found = Given(catalogue_settings, sessions, user.id, {raw: key.id for key, raw in made})
    for raw in found.ids:
        assert await found.known.caller(raw) is not None
    yield found


@contextmanager
def counted(engine: AsyncEngine) -> Iterator[list[str]]:
    """The statements that reach the catalogue meanwhile."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine.sync_engine, "before_cursor_execute", note)


async def test_a_known_key_asks_nothing(given: Given, catalogue_engine: AsyncEngine) -> None:
    """Within a moment a request asks the catalogue nothing, and learns who it is all the same."""
    with counted(catalogue_engine) as statements:
        caller = await given.known.caller(given.first)
    assert statements == []
    assert caller is not None
    assert caller.user_id == given.user_id
    assert caller.key_id == given.ids[given.first]


async def test_all_known_keys_are_looked_at_in_one_query(given: Given, catalogue_engine: AsyncEngine) -> None:
    """However many requests come at once when the last look is old, one query asks about all keys."""
    given.clock.now += FRESH_SECONDS + 0.1
    with counted(catalogue_engine) as statements:
        await asyncio.gather(*(given.known.caller(raw) for raw in [*given.ids] * 20))
    assert len(statements) == 1


@pytest.mark.parametrize("seconds", [LOOK_AGAIN_SECONDS + 0.01, FRESH_SECONDS + 0.01])
async def test_a_revoked_key_is_refused_within_a_second(given: Given, seconds: float) -> None:
    """A key that another process has revoked, as soon as a look has seen that; the user's other key goes on."""
    async with given.sessions.begin() as session:
        await revoke_key(session, given.ids[given.second])
    await given.later(seconds)
    assert await given.known.caller(given.second) is None
    assert await given.known.caller(given.first) is not None


async def test_an_old_look_is_not_believed(given: Given) -> None:
    """A key that nothing has looked at for a second is asked about before it is taken."""
    async with given.sessions.begin() as session:
        await revoke_key(session, given.ids[given.second])
    given.clock.now += FRESH_SECONDS + 0.01
    assert await given.known.caller(given.second) is None


async def test_a_user_who_has_left_is_seen(given: Given) -> None:
    """So is what changes about the user: the organization, the role."""
    async with given.sessions.begin() as session:
        await session.execute(delete(Membership).where(Membership.user_id == given.user_id))
    await given.later(FRESH_SECONDS + 0.01)
    caller = await given.known.caller(given.first)
    assert caller is not None
    assert caller.organization_id is None


async def test_a_key_revoked_here_is_refused_at_once(given: Given) -> None:
    """The process that revokes a key forgets it."""
    async with given.sessions.begin() as session:
        await revoke_key(session, given.ids[given.second])
    given.known.forget(key_hash(given.second))
    assert await given.known.caller(given.second) is None


async def test_unknown_keys_are_not_kept(given: Given, catalogue_engine: AsyncEngine) -> None:
    """Each guess costs a query, as it did before, and takes no memory."""
    with counted(catalogue_engine) as statements:
        for _ in range(3):
            assert await given.known.caller("sck_guessed") is None
    assert len(statements) == 3
    assert len(given.known._known) == 2


async def test_a_key_that_rests_is_forgotten(given: Given) -> None:
    """A key that no request has used for a while is no longer looked at."""
    await given.later(IDLE_SECONDS / 2)
    await given.later(IDLE_SECONDS / 2 + 1)
    assert [known.caller.key_id for known in given.known._known.values()] == [given.ids[given.first]]


async def test_a_catalogue_that_does_not_answer(given: Given) -> None:
    """The request says so and is not let in on what was known; the next one asks again."""
    good = given.known._sessions
    gone = async_sessionmaker(await _closed_engine())
    given.known._sessions = gone
    given.clock.now += FRESH_SECONDS + 0.1
    with pytest.raises(OperationalError):
        await given.known.caller(given.first)
    given.known._sessions = good
    assert await given.known.caller(given.first) is not None


async def _closed_engine() -> AsyncEngine:
    from sqlalchemy.ext.asyncio import create_async_engine

    return create_async_engine("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
