"""Run by Alembic. The connection is handed in: there is no configuration file with an address in it."""

from alembic import context

from datasources.catalogue.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    compare_server_default=True,
)
with context.begin_transaction():
    context.run_migrations()
