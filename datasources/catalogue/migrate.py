"""Bring the catalogue's tables up to date.

Everything happens in one transaction under an advisory lock, so that of two starters one migrates and the other finds
nothing to do, and a revision that fails leaves nothing behind.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from datasources.catalogue import locks
from datasources.catalogue.engine import catalogue_url
from datasources.catalogue.locks import Lock
from datasources.model.errors import SettingsError
from datasources.model.settings import Settings

MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(settings: Settings) -> str | None:
    """Apply what is missing; answers the revision the catalogue is at. Raises `SettingsError`."""
    with _connection(settings) as connection:
        command.upgrade(_config(connection), "head")
        return MigrationContext.configure(connection).get_current_revision()


def revise(settings: Settings, message: str) -> Path:
    """Write a revision with the differences between a catalogue at the newest revision and `tables.py`."""
    with _connection(settings) as connection:
        config = _config(connection)
        number = sum(1 for _ in ScriptDirectory.from_config(config).walk_revisions()) + 1
        script = command.revision(config, message, autogenerate=True, rev_id=f"{number:04}")
    if not isinstance(script, Script):
        raise SettingsError("Alembic wrote no revision, or several")
    return Path(script.path)


@contextmanager
def _connection(settings: Settings) -> Iterator[Connection]:
    engine = create_engine(catalogue_url(settings), poolclass=NullPool)
    try:
        with engine.begin() as connection:
            locks.wait_in_thread(connection, Lock.MIGRATE)
            yield connection
    except OperationalError as error:
        reason = str(error.orig).strip().splitlines()[0]
        raise SettingsError(f"SOURCECHECK_DATABASE_URL: the catalogue cannot be reached: {reason}") from error
    finally:
        engine.dispose()


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    config.set_section_option("post_write_hooks", "hooks", "format, fix")
    for hook, options in {"format": "format --quiet", "fix": "check --fix --quiet"}.items():
        config.set_section_option("post_write_hooks", f"{hook}.type", "module")
        config.set_section_option("post_write_hooks", f"{hook}.module", "ruff")
        config.set_section_option("post_write_hooks", f"{hook}.options", f"{options} REVISION_SCRIPT_FILENAME")
    config.attributes["connection"] = connection
    return config
