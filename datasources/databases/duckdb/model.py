"""The options of a DuckDB source: the published type has none, so they are ours."""

from datasources.databases.files import FileOptions
from datasources.model.source import Source


class DuckdbOptions(FileOptions, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Where the file lies."""


class DuckdbSource(Source, kw_only=True, frozen=True, tag="duckdb"):
    """A DuckDB file."""

    options: DuckdbOptions
