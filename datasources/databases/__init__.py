"""The databases: a new one is one file and one name in `Databases`."""

from datasources.databases.base import Database
from datasources.databases.postgres import Postgres
from datasources.databases.postgres.model import PgSource
from datasources.model.source import Source

AnySource = PgSource
"""The union of everything that can be registered; msgspec tells the members apart by `type`."""

DATABASES: dict[str, type[Database]] = {str(kind.source.__struct_config__.tag): kind for kind in (Postgres,)}
"""Every database by its published word."""

ALIASES = {"postgresql": "pg"}


def database_of(source: Source) -> type[Database]:
    """How this source is reached."""
    return DATABASES[str(source.__struct_config__.tag)]
