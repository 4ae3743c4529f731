"""A source as the hyphen dialect shows it."""

from collections.abc import Sequence

from api.wire.schemas import Pagination, SourceDetails, SourcePage
from datasources.catalogue.source_lists import Search
from datasources.catalogue.tables import DataSource
from datasources.databases import DATABASES


def details_of(row: DataSource) -> SourceDetails:
    """The source with its state (contract 3.3)."""
    tunnel, fields = row.ssh_tunnel or {}, row.fields
    shown = {name: row.options.get(field) for name, field in DATABASES[row.type].options.shown_as.items()}
    return SourceDetails(
        id=row.id,
        organization_id=row.organization_id,
        name=row.name,
        type=row.type,
        description=fields.get("description"),
        host=shown.get("host"),
        port=shown.get("port"),
        database_name=shown.get("database_name"),
        schema_name=row.temp_schema,
        use_ssh_tunnel=row.ssh_tunnel is not None,
        ssh_host=tunnel.get("host"),
        ssh_port=tunnel.get("port"),
        ssh_username=tunnel.get("username"),
        connection_timeout=fields.get("connection_timeout", 30),
        query_timeout=fields.get("query_timeout", 300),
        status=row.status,
        last_tested_at=row.last_tested_at,
        last_successful_connection_at=row.last_successful_connection_at,
        last_failed_connection_at=row.last_failed_connection_at,
        failure_count=row.failure_count,
        failure_reason=row.failure_reason,
        schema_discovered_at=row.schema_discovered_at,
        tags=fields.get("tags") or [],
        created_at=row.created_at,
        updated_at=row.updated_at,
        created_by_user_id=row.created_by_user_id,
    )


def page_of(rows: Sequence[DataSource], total: int, search: Search) -> SourcePage:
    """One page of sources, and where in the list it lies."""
    return SourcePage(
        items=[details_of(row) for row in rows],
        pagination=Pagination(
            page=search.page,
            page_size=search.page_size,
            total_items=total,
            total_pages=-(-total // search.page_size),
        ),
    )
