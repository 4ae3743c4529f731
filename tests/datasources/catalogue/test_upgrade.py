"""A catalogue of an earlier version, with data in it, is brought up to date and loses nothing."""

from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from msgspec import convert
from sqlalchemy import create_engine, select
from sqlalchemy.pool import NullPool

from datasources.catalogue.engine import session_scope
from datasources.catalogue.health.history import newest
from datasources.catalogue.jobs.jobs import find_job, jobs_to_follow
from datasources.catalogue.migrate import ensure_current, head, upgrade
from datasources.catalogue.organizations.accounts import authenticate
from datasources.catalogue.sources import find_source, source_of
from datasources.catalogue.tables import Base, HostKey
from datasources.model.errors import SettingsError
from datasources.model.results import Published
from datasources.model.settings import Settings
from datasources.model.vocabulary import Code
from datasources.secrecy.vault import Vault
from tests.fixtures.servers.database import PASSWORD, Server, free_port

EARLIER = sorted((Path(__file__).parent / "data").glob("revision_*.sql"))
KEY = "key-of-an-earlier-version"
SECRET_KEY = "a2V5LW9mLWFuLWVhcmxpZXItdmVyc2lvbi0xMjM0NTY="
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module", params=EARLIER, ids=lambda file: file.stem)
def earlier(request: pytest.FixtureRequest, embedded: Server) -> Settings:
    """A catalogue restored from the dump of an earlier version, not yet migrated."""
    name = f"restored_{request.param.stem}"
    with embedded.connect() as session:
        session.execute(f'CREATE DATABASE "{name}"')
    with embedded.connect(dbname=name) as session:
        session.execute(request.param.read_text())
    return settings_for(embedded, name)


def settings_for(server: Server, name: str) -> Settings:
    """Settings that lead to a database of this server."""
    url = f"postgresql://postgres:{PASSWORD}@127.0.0.1:{server.port}/{name}"
    return Settings(database_url=url, secret_keys=SECRET_KEY)


def test_there_is_a_dump_of_every_version_that_was_landed() -> None:
    """A version whose tables differ adds one: `pg_dump --inserts --no-owner --no-privileges` of a stack that ran."""
    assert [file.stem for file in EARLIER] == ["revision_0002"]


def test_it_becomes_what_the_tables_say(earlier: Settings) -> None:
    """After the migration, Alembic finds no difference; a second one finds nothing to do."""
    for _ in range(2):
        assert upgrade(earlier) == head()
    ensure_current(earlier)
    url = str(earlier.database_url).replace("postgresql", "postgresql+psycopg")
    with create_engine(url, poolclass=NullPool).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []


async def test_every_row_can_be_read_as_before(earlier: Settings) -> None:
    """Keys authenticate, secrets open, jobs keep their results and their questions, the history is there."""
    upgrade(earlier)
    vault = Vault.from_settings(earlier)
    async with session_scope(earlier) as session:
        caller = await authenticate(session, KEY)
        assert caller is not None
        rows = [await find_source(session, caller.organization_id, number) for number in range(1, 6)]
        sources = [source_of(row, vault) for row in rows if row]
        assert [source.name for source in sources] == [
            "Shop",
            "Nothing listens",
            "Asks for its password",
            "Behind a gateway",
            "Never tested",
        ]
        assert [bool(source.options.password) for source in sources] == [True, True, False, True, True]
        assert sources[3].ssh_tunnel
        assert sources[3].ssh_tunnel.password == "gateway-password"

        passed, refused = await find_job(session, 1, 1), await find_job(session, 1, 3)
        assert passed
        found = convert(passed.results, list[Published])
        assert {result.task: result.result.code for result in found} == dict.fromkeys(passed.steps, Code.OK)
        assert refused
        assert (refused.status, refused.error_code) == ("failed", "CONNECTION_ERROR")
        (waiting,) = await jobs_to_follow(session)
        assert waiting.id == 8
        assert waiting.question["kind"] == "secret"

        assert [record.passed for record in await newest(session, 2, 10, LONG_AGO)] == [False] * 4
        assert (await session.execute(select(HostKey.host))).scalars().all() == ["gateway.example"]


def test_an_old_catalogue_is_named_before_anything_is_done_with_it(earlier: Settings, embedded: Server) -> None:
    """What serves or works does not migrate: it says which command does."""
    with embedded.connect() as session:
        session.execute("CREATE DATABASE not_migrated")
    with pytest.raises(
        SettingsError, match=r"is at revision none, and this version needs \d+: run `sourcecheck migrate`"
    ):
        ensure_current(settings_for(embedded, "not_migrated"))


def test_a_catalogue_of_a_newer_version_is_left_alone(embedded: Server) -> None:
    """Neither migrated nor used: the sentence says which revision it has, and what to do."""
    with embedded.connect() as session:
        session.execute("CREATE DATABASE newer")
    settings = settings_for(embedded, "newer")
    upgrade(settings)
    with psycopg.connect(str(settings.database_url), autocommit=True) as session:
        session.execute("UPDATE alembic_version SET version_num = '9999'")
    for use in (upgrade, ensure_current):
        with pytest.raises(SettingsError, match="revision 9999, which a newer version of sourcecheck made"):
            use(settings)


def test_a_catalogue_that_is_not_there_is_named() -> None:
    """With the address, and without the password."""
    settings = Settings(database_url=f"postgresql://me:hidden@127.0.0.1:{free_port()}/nothing")
    with pytest.raises(SettingsError, match=r"the catalogue cannot be reached: .*127\.0\.0\.1") as caught:
        ensure_current(settings)
    assert "hidden" not in str(caught.value)
