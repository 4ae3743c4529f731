"""Keys that are known for a moment: few queries, and a revoked key is refused within a second."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress

import msgspec
import pytest
import pytest_asyncio
from sqlalchemy import delete, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker

from api import key_listener
from api.key_listener import REST_SECONDS, KeyListener
from api.known_keys import FRESH_SECONDS, IDLE_SECONDS, LOOK_AGAIN_SECONDS, NOTE_SECONDS, KnownKeys
from datasources.catalogue.organizations.accounts import add_member, create_key, create_user, key_hash, revoke_key
from datasources.catalogue.tables import Membership
from datasources.model.settings import Settings
from tests.fixtures.catalogue import Sessions
from tests.fixtures.servers.database import Server
from tests.fixtures.servers.faults import faulty


class Clock:
    """Seconds that pass when the test says so."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


class Given:
    """A user with two keys, what knows them, and its clock."""

    def __init__(self, settings: Settings, sessions: Sessions, user_id: int, keys: dict[str, int]) -> None:
        self.clock = Clock()
        self.settings = settings
        self.listener = KeyListener(settings, self.clock)
        self.known = KnownKeys(sessions, self.listener, self.clock)
        self.sessions = sessions
        self.user_id = user_id
        self.ids = keys
        self.first, self.second = keys

    def listen_at(self, url: str) -> None:
        """What listens does so at this address."""
        self.listener = KeyListener(msgspec.structs.replace(self.settings, database_url=url), self.clock)
        self.known._listener = self.listener

    async def listened(self, seconds: float = 0.0) -> None:
        """So many seconds later, and after a sign of life of the listener."""
        self.clock.now += seconds
        self.listener.note_use()
        silence = self.listener.silence
        await until(lambda: silence.began <= silence.proved == self.clock.now)

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


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The listener notices a lost connection, and tries again, in moments; a server that is busy is not lost to it."""
    monkeypatch.setattr(key_listener, "BEAT_SECONDS", 0.01)
    monkeypatch.setattr(key_listener, "BEAT_LIMIT", 20.0)
    monkeypatch.setattr(key_listener, "RETRY_SECONDS", 0.1)


@pytest_asyncio.fixture
async def heard(given: Given, impatient: None) -> AsyncIterator[Given]:
    """The listener listens, and both keys have been looked at since."""
    async with given.listener:
        await given.listened()
        await given.later(FRESH_SECONDS + 1)
        yield given


async def test_while_nothing_changes_a_key_is_not_looked_up(heard: Given, catalogue_engine: AsyncEngine) -> None:
    """A pause between two requests costs the second one nothing; now and then a look notes that the key is in use."""
    with counted(catalogue_engine) as statements:
        for seconds in (5.0, NOTE_SECONDS - 6):
            await heard.listened(seconds)
            assert await heard.known.caller(heard.first) is not None
        assert statements == []
        await heard.later(2)
    assert len(statements) == 1


async def test_a_revoked_key_is_refused_as_soon_as_that_is_heard(heard: Given) -> None:
    """However long it has been known; the user's other key goes on."""
    await heard.listened(5)
    async with heard.sessions.begin() as session:
        await revoke_key(session, heard.ids[heard.second])
    await until(lambda: heard.listener.silence.broken == heard.clock.now)
    assert await heard.known.caller(heard.second) is None
    assert await heard.known.caller(heard.first) is not None


async def test_a_key_revoked_while_the_connection_is_cut_is_refused(
    heard: Given, catalogue_engine: AsyncEngine
) -> None:
    """The server has closed it: from then on keys are looked up, until the listener is back."""
    await heard.listened(5)
    async with heard.sessions.begin() as session:
        cut = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE query LIKE 'SELECT 1%'"
        await session.execute(text(cut + " AND datname = current_database() AND pid <> pg_backend_pid()"))
        await revoke_key(session, heard.ids[heard.second])
    heard.clock.now += FRESH_SECONDS + 0.01
    assert await heard.known.caller(heard.second) is None
    await heard.later(1)
    await heard.listened(1)
    await heard.later(FRESH_SECONDS + 0.01)
    await heard.listened(5)
    with counted(catalogue_engine) as statements:
        assert await heard.known.caller(heard.first) is not None
    assert statements == []


async def test_a_key_revoked_while_the_connection_is_dumb_is_refused(
    given: Given, impatient: None, embedded: Server
) -> None:
    """Neither end has been told that it is cut: without a sign of life what was known is believed for a moment only."""
    with _falling_silent(embedded.port) as (port, silent):
        url = make_url(given.settings.database_url or "").set(port=port).render_as_string(hide_password=False)
        given.listen_at(url)
        async with given.listener:
            await given.listened()
            await given.later(FRESH_SECONDS + 1)
            await given.listened(5)
            silent.set()
            await asyncio.sleep(0.05)  # the sign of life that was under way has come
            async with given.sessions.begin() as session:
                await revoke_key(session, given.ids[given.second])
            given.clock.now += FRESH_SECONDS + 0.01
            assert await given.known.caller(given.second) is None


async def test_the_listener_rests_when_no_key_is_used(heard: Given) -> None:
    """It asks for no sign of life then, and the next request has it go on."""
    heard.clock.now += REST_SECONDS + 1
    await until(lambda: not heard.listener._in_use.is_set())
    rested = heard.listener.silence.proved
    heard.clock.now += 1
    await asyncio.sleep(0.1)
    assert heard.listener.silence.proved == rested
    await heard.later(0)
    await until(lambda: heard.listener.silence.proved == heard.clock.now)


async def until(holds: Callable[[], bool]) -> None:
    """Return when it holds. Raises `TimeoutError`."""
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.01)


@contextmanager
def _falling_silent(port: int) -> Iterator[tuple[int, threading.Event]]:
    """A port before the server's that passes nothing on any more once the event is set."""
    silent = threading.Event()

    def forward(client: socket.socket, server: socket.socket) -> None:
        threading.Thread(target=copy, args=(server, client), daemon=True).start()
        copy(client, server)

    def copy(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while said := source.recv(65536):
                if not silent.is_set():
                    target.sendall(said)

    with faulty(port, forward) as given:
        yield given, silent


async def _closed_engine() -> AsyncEngine:
    from sqlalchemy.ext.asyncio import create_async_engine

    return create_async_engine("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
