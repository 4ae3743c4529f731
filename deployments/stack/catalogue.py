"""The catalogue of a starting stack: tables up to date, and a key that works."""

import asyncio
from contextlib import suppress

from datasources.catalogue import migrate
from datasources.catalogue.engine import session_scope
from datasources.catalogue.organizations.accounts import bootstrap
from datasources.model.errors import SettingsError
from datasources.model.settings import Settings
from deployments.stack.home import Home

KEY_FILE = "api_key"
"""Where the first key is kept when it was made up; `demo` and `up` of one home share it."""


def prepare_catalogue(settings: Settings, home: Home) -> str:
    """Migrate, and make sure that there is a key; answers it. Raises `SettingsError`."""
    migrate.upgrade(settings)
    return asyncio.run(_key(settings, home))


async def _key(settings: Settings, home: Home) -> str:
    async with session_scope(settings) as session:
        if settings.bootstrap_key:
            return (await bootstrap(session, settings.bootstrap_key)).key
        kept = home.secret_file(KEY_FILE)
        with suppress(OSError, SettingsError):  # there is none, or it was revoked
            return (await bootstrap(session, kept.read_text())).key
        kept.unlink(missing_ok=True)
        key = (await bootstrap(session, None)).key
    return home.secret(KEY_FILE, lambda: key)
