"""The published options of a Redshift source: PostgreSQL's, and query groups."""

from typing import Annotated, ClassVar

from msgspec import Meta

from datasources.databases.postgres.model import Name, PgOptions, PgSource

DEFAULT_GROUP = "default"


class RedshiftOptions(PgOptions, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How to log in: by user and password."""

    harmless_fields: ClassVar = ("dbname", "role", "sslcert", "adhoc_query_group", "scheduled_query_group")

    adhoc_query_group: Annotated[Name, Meta(title="Query group for ad hoc queries")] = DEFAULT_GROUP
    scheduled_query_group: Annotated[Name, Meta(title="Query group for scheduled queries")] = DEFAULT_GROUP

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sslcert:
            raise ValueError("Redshift does not accept logins by certificate: leave `sslcert` out")


class RedshiftSource(PgSource, kw_only=True, frozen=True, tag="redshift"):
    """A Redshift database, of a cluster or a serverless workgroup."""

    options: RedshiftOptions
