"""The options of a CockroachDB source: PostgreSQL's."""

from typing import Annotated

from msgspec import Meta

from datasources.databases.postgres.model import PgOptions, PgSource
from datasources.model.source import Port


class CockroachOptions(PgOptions, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How to log in: by user and password, or by a client certificate."""

    port: Annotated[Port, Meta(title="Port")] = 26257


class CockroachSource(PgSource, kw_only=True, frozen=True, tag="cockroachdb"):
    """A database of a CockroachDB cluster."""

    options: CockroachOptions
