"""Hears of changes of keys: the catalogue's triggers tell of them, whichever program makes them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from datasources.catalogue.engine import single_connection
from datasources.model.settings import Settings

CHANNEL = "sourcecheck_keys"
"""The triggers of migration 0012 name it."""

Beat = Callable[[], Awaitable[None]]


class NotDirectError(SQLAlchemyError):
    """A pooler stands between us and the catalogue: it passes no notifications on."""


@asynccontextmanager
async def hearing_of_keys(settings: Settings, note: Callable[[], None]) -> AsyncIterator[Beat]:
    """Listen on a connection of its own until the end of the block.

    Each call of what is yielded asks the server for a sign of life; before it returns, `note` has been called if any
    key, membership, or name of its owner has changed since the last call. Raises what SQLAlchemy raises.
    """
    async with single_connection(settings) as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None  # noqa: S101 -- it has just been opened
        await _refuse_pooler(connection, driver.info.backend_pid)
        driver.add_notify_handler(lambda _: note())
        await connection.execute(text(f"LISTEN {CHANNEL}"))

        async def beat() -> None:
            await connection.execute(_SIGN_OF_LIFE)

        yield beat


_SIGN_OF_LIFE = text("SELECT 1")


async def _refuse_pooler(connection: AsyncConnection, announced: int) -> None:
    """The server's process is the one that was announced when we connected; a pooler announces itself."""
    if await connection.scalar(text("SELECT pg_backend_pid()")) != announced:
        raise NotDirectError("a pooler stands in front of the catalogue")
