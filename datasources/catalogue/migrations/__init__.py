"""Alembic's revisions of the catalogue; `datasources.catalogue.migrate` applies them."""
