"""Connections to the catalogue."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from functools import cache

import msgspec
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import NullPool

from datasources.catalogue.alive import notice_lost_connections
from datasources.model.errors import SettingsError
from datasources.model.settings import Settings

POOL_SECONDS = 60
"""Until a request that finds no free connection is refused."""


def catalogue_url(settings: Settings) -> str:
    """The catalogue's address with our driver. Raises `SettingsError`."""
    if not settings.database_url:
        raise SettingsError(
            f"SOURCECHECK_DATABASE_URL is not set, and {settings.home_path} (SOURCECHECK_HOME) holds no local stack"
        )
    try:
        url = make_url(settings.database_url)
    except ArgumentError as error:
        raise SettingsError("SOURCECHECK_DATABASE_URL: not an address of a database") from error
    if url.get_backend_name() != "postgresql":
        raise SettingsError("SOURCECHECK_DATABASE_URL: the catalogue needs PostgreSQL")
    return url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def pooled_engine(settings: Settings) -> AsyncEngine:
    """For a process that serves: a pool that notices a restarted server.

    Hundreds of requests at once wait for their turn: more connections would not make them any faster.
    """
    engine = create_async_engine(
        catalogue_url(settings),
        pool_size=10,
        max_overflow=10,
        pool_timeout=POOL_SECONDS,
        hide_parameters=True,
        json_deserializer=msgspec.json.decode,  # a sixth of the time that Python's own takes: half of a long list
    )
    notice_lost_connections(engine)
    return engine


async def is_usable(sessions: async_sessionmaker[AsyncSession]) -> bool:
    """Whether the catalogue answers, and has the tables of jobs."""
    try:
        async with sessions() as session:
            await session.execute(text("SELECT 1 FROM jobs LIMIT 1"))
    except SQLAlchemyError:
        return False
    return True


@asynccontextmanager
async def session_scope(settings: Settings) -> AsyncIterator[AsyncSession]:
    """One session, for a process that asks seldom, on a connection of its own or a kept one; commits at the end."""
    engine = _engine(catalogue_url(settings), kept=_KEEPS.get())
    async with async_sessionmaker(engine, expire_on_commit=False).begin() as session:
        yield session


def keep_connections() -> None:
    """Have `session_scope` keep a connection from now on, for a process that has one event loop all its life.

    A test asks the catalogue four times. To log in each time costs more than what it asks.
    """
    _KEEPS.set(True)


_KEEPS = ContextVar("_KEEPS", default=False)
KEPT = 1
"""Connections that such a process keeps; where two are wanted at once, the second is made for the moment."""


@cache
def _engine(url: str, *, kept: bool) -> AsyncEngine:
    """Without kept connections it has none to lose or to share, only statements that need not be compiled again."""
    if not kept:
        return create_async_engine(url, poolclass=NullPool, hide_parameters=True)
    engine = create_async_engine(url, pool_size=KEPT, hide_parameters=True)
    notice_lost_connections(engine)
    return engine


@asynccontextmanager
async def single_connection(settings: Settings) -> AsyncIterator[AsyncConnection]:
    """A connection of its own, in no transaction, until the end of the block."""
    async with _engine(catalogue_url(settings), kept=False).connect() as connection:
        yield await connection.execution_options(isolation_level="AUTOCOMMIT")


@asynccontextmanager
async def small_engine(settings: Settings) -> AsyncIterator[AsyncEngine]:
    """A few connections for one run that asks often, until the end of the block."""
    engine = create_async_engine(catalogue_url(settings), pool_size=2, max_overflow=2, hide_parameters=True)
    notice_lost_connections(engine)
    try:
        yield engine
    finally:
        await engine.dispose()
