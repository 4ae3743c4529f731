"""The options of an SQLite source; none are published: they are ours."""

from datasources.databases.files import FileOptions
from datasources.model.source import Source


class SqliteOptions(FileOptions, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Where the file lies."""


class SqliteSource(Source, kw_only=True, frozen=True, tag="sqlite"):
    """An SQLite file."""

    options: SqliteOptions
