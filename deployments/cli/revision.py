"""Write a migration: what `tables.py` says, against a fresh catalogue at the newest revision."""

import asyncio
import tempfile
from pathlib import Path

from datasources.catalogue import migrate
from datasources.model.settings import Settings
from deployments.stack.child import Child, Reaper, wait_until
from deployments.stack.home import Home
from deployments.stack.postgres import STOP_SIGNAL, EmbeddedPostgres


async def write_revision(message: str) -> Path:
    """Start a server that lives no longer than this, migrate it, and compare."""
    with tempfile.TemporaryDirectory(prefix="sourcecheck-") as folder:
        home = Home(Path(folder))
        home.make()
        async with Reaper(home) as keeper:
            postgres = EmbeddedPostgres(home)
            postgres.settle_port()
            postgres.prepare()
            child = Child(
                "postgres",
                postgres.command(),
                home=home,
                keeper=keeper,
                say=print,
                environ=postgres.environ(),
                stop_signal=STOP_SIGNAL,
                **postgres.popen(),
            )
            await child.start()
            try:
                await wait_until(lambda: asyncio.to_thread(postgres.answers, child.pid), [child], 60)
                return await asyncio.to_thread(_compare, postgres, message)
            finally:
                await child.stop()


def _compare(postgres: EmbeddedPostgres, message: str) -> Path:
    postgres.make_databases()
    settings = Settings(database_url=postgres.conninfo("catalogue").url())
    migrate.upgrade(settings)
    return migrate.revise(settings, message)
