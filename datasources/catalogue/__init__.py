"""The catalogue: organizations, people, keys, sources and jobs, in PostgreSQL through SQLAlchemy."""
