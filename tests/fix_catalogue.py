"""A catalogue of its own on a real PostgreSQL, with one organization."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import NullPool

from datasources.catalogue.engine import catalogue_url
from datasources.catalogue.migrate import upgrade
from datasources.catalogue.tables import Organization
from datasources.model.settings import Settings
from tests.fix_database import PASSWORD, Server

Sessions = async_sessionmaker[AsyncSession]


@pytest.fixture(scope="session")
def catalogue_settings(embedded: Server) -> Settings:
    """Settings that lead to a migrated, empty catalogue."""
    return make_catalogue(embedded, "catalogue_of_tests")


def make_catalogue(server: Server, name: str) -> Settings:
    """A migrated, empty catalogue of this name, and settings that lead to it."""
    with server.connect() as session:
        session.execute(f"CREATE DATABASE {name}")  # type: ignore[call-overload]
    settings = Settings(
        database_url=f"postgresql://postgres:{PASSWORD}@127.0.0.1:{server.port}/{name}", allow_private_networks=True
    )
    upgrade(settings)
    return settings


@pytest_asyncio.fixture(scope="session")
async def catalogue_engine(catalogue_settings: Settings) -> AsyncIterator[AsyncEngine]:
    """Connections to it."""
    engine = create_async_engine(catalogue_url(catalogue_settings), poolclass=NullPool)
    yield engine
    await engine.dispose()


@pytest.fixture
def sessions(catalogue_engine: AsyncEngine) -> Sessions:
    """Sessions on it."""
    return async_sessionmaker(catalogue_engine, expire_on_commit=False)


@pytest_asyncio.fixture(scope="session")
async def organization_id(catalogue_engine: AsyncEngine) -> int:
    """Whose sources the tests make."""
    async with async_sessionmaker(catalogue_engine).begin() as session:
        organization = Organization(name="Tests of the catalogue")
        session.add(organization)
        await session.flush()
        return organization.id
