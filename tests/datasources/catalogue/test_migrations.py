"""Migrations and tables say the same."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from datasources.catalogue.migrate import upgrade
from datasources.catalogue.tables import Base
from datasources.model.settings import Settings
from tests.fixtures.servers.database import PASSWORD, Server


def test_no_difference(embedded: Server) -> None:
    """What Alembic makes is what tables.py says; a second upgrade changes nothing."""
    with embedded.connect() as session:
        session.execute("CREATE DATABASE migrated")
    url = f"postgresql://postgres:{PASSWORD}@127.0.0.1:{embedded.port}/migrated"
    for _ in range(2):
        upgrade(Settings(database_url=url))
    engine = create_engine(url.replace("postgresql", "postgresql+psycopg"), poolclass=NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []
