"""Examples of sources, in both APIs."""

from typing import Any

from api.openapi.examples.example import Example

OPTIONS = {
    "host": "db.example.com",
    "port": 5432,
    "user": "reader",
    "password": "correct horse battery staple",
    "dbname": "shop",
    "sslmode": "prefer",
}
"""Where the example's database is: the test puts another one here."""
NEW: dict[str, Any] = {
    "name": "Shop",
    "type": "pg",
    "options": OPTIONS,
    "description": "Orders and customers",
    "tags": ["production"],
}
SHOWN_OPTIONS: dict[str, Any] = {
    "host": "db.example.com",
    "port": 5432,
    "user": "reader",
    "dbname": "shop",
    "role": None,
    "rootcert": None,
    "sslmode": "prefer",
    "allow_cleartext_password": False,
    "sslcert": None,
    "password": None,
    "sslkey": None,
}
SOURCE: dict[str, Any] = {
    "id": 1,
    "name": "Shop",
    "type": "pg",
    "options": SHOWN_OPTIONS,
    "ssh_tunnel": None,
    "temp_schema": None,
    "last_test": None,
    "description": "Orders and customers",
    "tags": ["production"],
    "catalog_include_list": None,
    "catalog_exclude_list": None,
    "float_tolerance": None,
    "disable_schema_indexing": None,
    "disable_profiling": None,
    "schema_indexing_schedule": None,
    "lineage_schedule": None,
    "is_paused": None,
    "hidden": None,
    "secret_id": None,
    "connection_timeout": 30,
    "query_timeout": 300,
    "down_after": 3,
    "up_after": 2,
}
CHANGE: dict[str, Any] = {"temp_schema": "scratch", "catalog_exclude_list": "*.tmp_*", "down_after": 2}
TYPE: dict[str, Any] = {
    "name": "PostgreSQL",
    "type": "pg",
    "configuration_schema": {
        "title": "PostgreSQL options",
        "type": "object",
        "properties": {
            "host": {"title": "Host", "type": "string"},
            "port": {"title": "Port", "type": "integer", "minimum": 1, "maximum": 65535, "default": 5432},
            "user": {"title": "User", "type": "string"},
            "password": {"title": "Password", "type": "string", "format": "password"},
            "dbname": {"title": "Database name", "type": "string"},
        },
        "required": ["host", "user", "dbname"],
        "secret": ["password", "sslkey"],
    },
    "features": ["connection", "temp_schema", "schema_download", "lineage_download"],
    "verified": {"level": "engine", "against": "PostgreSQL 15 and 18", "date": "2026-11-25"},
}
DETAILS: dict[str, Any] = {
    "id": 1,
    "organization_id": 1,
    "workspace_id": 1,
    "name": "Shop",
    "type": "postgresql",
    "description": "Orders and customers",
    "host": "db.example.com",
    "port": 5432,
    "database_name": "shop",
    "schema_name": "public",
    "connection_string": None,
    "file_path": None,
    "use_ssh_tunnel": False,
    "ssh_host": None,
    "ssh_port": None,
    "ssh_username": None,
    "ssh_key_id": None,
    "ssh_local_port": None,
    "connection_pool_size": 5,
    "connection_timeout": 30,
    "query_timeout": 300,
    "max_retries": 3,
    "status": "active",
    "last_tested_at": "2026-11-25T09:30:00Z",
    "last_successful_connection_at": "2026-11-25T09:30:00Z",
    "last_failed_connection_at": None,
    "failure_count": 0,
    "failure_reason": None,
    "schema_discovered_at": "2026-11-25T09:30:00Z",
    "schema_auto_refresh": False,
    "schema_refresh_interval": 3600,
    "metadata": {"environment": "production"},
    "tags": ["production"],
    "created_by_user_id": 1,
    "created_at": "2026-11-24T15:00:00Z",
    "updated_at": "2026-11-24T15:00:00Z",
    "updated_by_user_id": None,
}
CREATED: dict[str, Any] = {
    "name": "Warehouse",
    "type": "postgresql",
    "host": "db.example.com",
    "port": 5432,
    "database_name": "warehouse",
    "credentials": {"username": "reader", "password": "correct horse battery staple"},
    "metadata": {"environment": "production"},
    "tags": ["production"],
}
UNTESTED = DETAILS | {
    "name": "Warehouse",
    "description": None,
    "database_name": "warehouse",
    "schema_name": None,
    "status": "inactive",
    "last_tested_at": None,
    "last_successful_connection_at": None,
    "schema_discovered_at": None,
}
DELETED = {"data_source_id": 1, "deleted_at": "2026-11-25T09:30:00Z"}
ID = {"source_id": 1}

EXPORTED_OPTIONS = {"host": "db.example.com", "user": "reader", "dbname": "shop"}
DECLARED: dict[str, Any] = {
    "name": "Archive",
    "type": "sqlite",
    "options": {"path": "archive.db"},
    "schedule": {"interval_seconds": 300},
}
PLAN: dict[str, Any] = {
    "changes": [
        {
            "name": "Archive",
            "type": "sqlite",
            "action": "create",
            "id": None,
            "fields": [
                {"field": "schedule", "before": None, "after": {"interval_seconds": 300}, "secret": False},
                {"field": "options.path", "before": None, "after": "archive.db", "secret": False},
            ],
        }
    ],
    "applied": False,
}

SOURCES: dict[str, Example] = {
    "get_org_meta_api_v1_organization_meta_get": Example(answer={"org_id": 1, "org_name": "default", "user_id": 1}),
    "get_data_source_types_api_v1_data_sources_types_get": Example(query={"all": True}, answer=[TYPE]),
    "create_data_source_api_v1_data_sources_post": Example(body=NEW, answer=SOURCE),
    "get_data_sources_api_v1_data_sources_get": Example(query={"limit": 20, "offset": 0}, answer=[SOURCE]),
    "get_data_source_api_v1_data_sources__data_source_id__get": Example(path=ID, answer=SOURCE),
    "get_data_source_summary_api_v1_data_sources__data_source_id__summary_get": Example(
        path=ID, answer={"id": 1, "name": "Shop", "type": "pg"}
    ),
    "update_data_source_api_v1_data_sources__data_source_id__patch": Example(
        path=ID, body=CHANGE, answer=SOURCE | CHANGE
    ),
    "apply_data_sources": Example(body={"sources": [DECLARED], "dry_run": True}, answer=PLAN),
    "export_data_sources": Example(
        answer={"sources": [NEW | CHANGE | {"options": EXPORTED_OPTIONS}], "secrets": {"Shop": ["options.password"]}}
    ),
    "list_data_sources": Example(
        query={"search": "shop", "page_size": 20},
        answer={
            "data": {
                "items": [DETAILS],
                "pagination": {
                    "page": 1,
                    "page_size": 20,
                    "total_items": 1,
                    "total_pages": 1,
                    "has_next": False,
                    "has_previous": False,
                },
            },
            "message": "Data sources retrieved successfully",
            "success": True,
        },
    ),
    "get_data_source": Example(
        path=ID, answer={"data": DETAILS, "message": "Data source retrieved successfully", "success": True}
    ),
}
REMOVAL: dict[str, Example] = {
    "create_data_source": Example(
        body=CREATED,
        status=201,
        answer={"data": UNTESTED, "message": "Data source created successfully", "success": True},
    ),
    "update_data_source": Example(
        path=ID,
        body={"description": "Facts and dimensions", "max_retries": 1},
        answer={
            "data": UNTESTED | {"description": "Facts and dimensions", "max_retries": 1},
            "message": "Data source updated successfully",
            "success": True,
        },
    ),
    "delete_data_source": Example(
        path=ID,
        query={"force": False},
        answer={"data": DELETED, "message": "Data source deleted successfully", "success": True},
    ),
    "restore_data_source": Example(
        path=ID, answer={"data": UNTESTED, "message": "Data source restored successfully", "success": True}
    ),
    "revoke_data_source_secret": Example(path=ID, status=204),
    "delete_data_source_api_v1_data_sources__data_source_id__delete": Example(path=ID, status=204),
}
