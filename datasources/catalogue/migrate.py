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
CONNECT_SECONDS = 10
"""Until a server that does not answer is named."""


class CatalogueUnreachable(SettingsError):
    """The catalogue's server does not answer, or refuses the login."""


def upgrade(settings: Settings) -> str | None:
    """Apply what is missing; answers the revision the catalogue is at.

    Raises `SettingsError` when the catalogue does not answer, or a newer version has migrated it.
    """
    with _connection(settings) as connection:
        _refuse_newer(_revision(connection))
        command.upgrade(_config(connection), "head")
        return _revision(connection)


def ensure_current(settings: Settings) -> None:
    """Raises `SettingsError` when the catalogue does not answer, or is at a revision that is not this version's."""
    with _connection(settings, locked=False) as connection:
        found = _revision(connection)
    _refuse_newer(found)
    if found != head():
        raise SettingsError(
            f"SOURCECHECK_DATABASE_URL: the catalogue is at revision {found or 'none'}, and this version needs "
            f"{head()}: run `sourcecheck migrate`"
        )


def head() -> str | None:
    """The newest revision this version of the program knows."""
    return _scripts().get_current_head()


def _refuse_newer(revision: str | None) -> None:
    known = {script.revision for script in _scripts().walk_revisions()}
    if revision is not None and revision not in known:
        raise SettingsError(
            f"SOURCECHECK_DATABASE_URL: the catalogue is at revision {revision}, which a newer version of sourcecheck "
            f"made; this one knows those up to {head()}. Install that version again, or restore the backup"
        )


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config(None))


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
def _connection(settings: Settings, *, locked: bool = True) -> Iterator[Connection]:
    engine = create_engine(
        catalogue_url(settings), poolclass=NullPool, connect_args={"connect_timeout": CONNECT_SECONDS}
    )
    try:
        with engine.begin() as connection:
            if locked:
                locks.wait_in_thread(connection, Lock.MIGRATE)
            yield connection
    except OperationalError as error:
        reason = str(error.orig).strip().splitlines()[0]
        raise CatalogueUnreachable(f"SOURCECHECK_DATABASE_URL: the catalogue cannot be reached: {reason}") from error
    finally:
        engine.dispose()


def _config(connection: Connection | None) -> Config:
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
