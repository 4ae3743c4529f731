"""A source as the hyphen dialect shows it."""

from collections.abc import Mapping, Sequence

import msgspec

from api.wire.hyphen.bodies import DialectFields
from api.wire.hyphen.places import schema_option
from api.wire.schemas import Pagination, SourceDetails, SourcePage
from datasources.catalogue.source_lists import Search
from datasources.catalogue.tables import DataSource
from datasources.databases import DATABASES


def details_of(row: DataSource, status: str | None = None) -> SourceDetails:
    """The source with its state (contract 3.3), and with the status that is shown where that is another one."""
    tunnel, fields, dialect = row.ssh_tunnel or {}, row.fields, msgspec.convert(row.dialect, DialectFields)
    kind = DATABASES[row.type]
    shown = {name: row.options.get(field) for name, field in kind.options.shown_as.items()}
    return SourceDetails(
        id=row.id,
        organization_id=row.organization_id,
        workspace_id=row.dialect.get("workspace_id", row.organization_id),
        name=row.name,
        type=kind.shown_word(),
        description=fields.get("description"),
        host=shown.get("host"),
        port=shown.get("port"),
        database_name=shown.get("database_name"),
        schema_name=dialect.schema_name or row.options.get(schema_option(kind) or "") or row.temp_schema,
        connection_string=None,
        file_path=shown.get("file_path"),
        use_ssh_tunnel=row.ssh_tunnel is not None,
        ssh_host=tunnel.get("host"),
        ssh_port=tunnel.get("port"),
        ssh_username=tunnel.get("username"),
        ssh_key_id=None,
        ssh_local_port=dialect.ssh_local_port,
        connection_pool_size=dialect.connection_pool_size,
        connection_timeout=fields.get("connection_timeout", 30),
        query_timeout=fields.get("query_timeout", 300),
        max_retries=dialect.max_retries,
        status=status or row.status,
        last_tested_at=row.last_tested_at,
        last_successful_connection_at=row.last_successful_connection_at,
        last_failed_connection_at=row.last_failed_connection_at,
        failure_count=row.failure_count,
        failure_reason=row.failure_reason,
        schema_discovered_at=row.schema_discovered_at,
        schema_auto_refresh=dialect.schema_auto_refresh,
        schema_refresh_interval=dialect.schema_refresh_interval,
        metadata=dialect.metadata,
        tags=fields.get("tags") or [],
        created_by_user_id=row.created_by_user_id,
        created_at=row.created_at,
        updated_at=row.updated_at,
        updated_by_user_id=row.updated_by_user_id,
    )


def page_of(rows: Sequence[DataSource], statuses: Mapping[int, str], total: int, search: Search) -> SourcePage:
    """One page of sources, and where in the list it lies."""
    pages = -(-total // search.page_size)
    return SourcePage(
        items=[details_of(row, statuses.get(row.id)) for row in rows],
        pagination=Pagination(
            page=search.page,
            page_size=search.page_size,
            total_items=total,
            total_pages=pages,
            has_next=search.page < pages,
            has_previous=search.page > 1,
        ),
    )
