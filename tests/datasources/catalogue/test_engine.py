"""On which connections a process asks the catalogue."""

import asyncio

from sqlalchemy import text

from datasources.catalogue.engine import _engine, catalogue_url, keep_connections, session_scope
from datasources.model.settings import Settings


async def backends(settings: Settings, *, kept: bool) -> list[int]:
    """The server's processes behind two sessions, one after the other."""
    if kept:
        keep_connections()
    found = []
    for _ in range(2):
        async with session_scope(settings) as session:
            found.append(int(await session.scalar(text("SELECT pg_backend_pid()")) or 0))
    await _engine(catalogue_url(settings), kept=kept).dispose()
    return found


async def test_a_process_that_asks_seldom_logs_in_each_time(catalogue_settings: Settings) -> None:
    """It leaves no connection behind."""
    first, second = await backends(catalogue_settings, kept=False)
    assert first != second


async def test_a_process_may_keep_its_connection(catalogue_settings: Settings) -> None:
    """The next session uses it."""
    first, second = await asyncio.create_task(backends(catalogue_settings, kept=True))
    assert first == second


async def test_a_kept_connection_that_was_lost_is_replaced(catalogue_settings: Settings) -> None:
    """The session that finds it gone gets another one."""

    async def lose_one() -> int:
        keep_connections()
        async with session_scope(catalogue_settings) as session:
            pid = await session.scalar(text("SELECT pg_backend_pid()"))
        async with _engine(catalogue_url(catalogue_settings), kept=False).connect() as other:
            await other.execute(text(f"SELECT pg_terminate_backend({pid}, 5000)"))
        async with session_scope(catalogue_settings) as session:
            answer = int(await session.scalar(text("SELECT 1")) or 0)
        await _engine(catalogue_url(catalogue_settings), kept=True).dispose()
        return answer

    assert await asyncio.create_task(lose_one()) == 1
