"""Examples of schemas and lineage. The database of the tests has a schema `shop`."""

from typing import Any

from api.openapi.examples.example import Example
from api.openapi.examples.sources import ID

COLUMN: dict[str, Any] = {
    "column_name": "id",
    "column_type": "integer",
    "column_kind": "integer",
    "column_position": 1,
    "is_nullable": False,
    "is_primary_key": True,
    "is_foreign_key": False,
    "default_value": None,
    "column_comment": None,
}
TABLE: dict[str, Any] = {
    "table_name": "orders",
    "table_type": "BASE TABLE",
    "columns": [COLUMN],
    "row_count": 1200,
    "discovered_at": "2026-11-25T09:30:00Z",
    "table_comment": "What was bought",
}
EDGE: dict[str, Any] = {
    "source_schema": "shop",
    "source_table": "orders",
    "target_schema": "shop",
    "target_table": "totals",
    "origin": "dependency_record",
    "columns": ["customer_id", "total"],
    "column_edges": [],
}
RETYPED: dict[str, Any] = {
    "change": "changed",
    "name": "id",
    "facets": {"type": {"was": "integer", "became": "bigint"}},
}
CHANGE: dict[str, Any] = {
    "id": 3,
    "part": "schema",
    "change": "changed",
    "schema_name": "shop",
    "table_name": "orders",
    "details": {"columns": [RETYPED]},
    "version": 2,
    "changed_at": "2026-11-25T09:30:00Z",
    "job_id": 7,
    "announced": True,
}


def _answer(data: Any, message: str) -> dict[str, Any]:
    return {"data": data, "message": message, "success": True}


SCHEMAS: dict[str, Example] = {
    "discover_data_source_schema": Example(
        path=ID,
        query={"refresh": True},
        answer=_answer(
            {
                "data_source_id": 1,
                "schemas_discovered": [{"schema_name": "shop", "tables_count": 2, "views_count": 2}],
                "total_tables": 4,
                "total_columns": 8,
                "discovered_at": "2026-11-25T09:30:00Z",
                "discovery_duration_ms": 38,
            },
            "Schema discovery completed",
        ),
    ),
    "get_data_source_schemas": Example(
        path=ID,
        query={"schema_name": "shop", "limit": 100},
        answer=_answer(
            {
                "data_source_id": 1,
                "schemas": [{"schema_name": "shop", "tables": [TABLE]}],
                "last_discovered_at": "2026-11-25T09:30:00Z",
                "next_cursor": None,
            },
            "Schema information retrieved successfully",
        ),
    ),
    "get_data_source_table": Example(
        path=ID,
        query={"schema_name": "shop", "table_name": "orders"},
        answer=_answer(
            {
                "data_source_id": 1,
                "schema_name": "shop",
                "table": TABLE,
                "primary_key": ["id"],
                "foreign_keys": [
                    {
                        "columns": ["customer_id"],
                        "schema_name": "shop",
                        "table_name": "customer",
                        "referenced_columns": ["id"],
                    }
                ],
                "definition": None,
                "upstream": [],
                "downstream": [EDGE],
            },
            "Table retrieved",
        ),
    ),
    "search_schemas": Example(
        query={"q": "order", "limit": 50},
        answer=_answer(
            {
                "tables": [
                    {
                        "data_source_id": 1,
                        "data_source_name": "Shop",
                        "schema_name": "shop",
                        "table_name": "orders",
                        "table_type": "BASE TABLE",
                        "table_comment": "What was bought",
                        "matches": [{"field": "table_name", "text": "orders"}],
                    }
                ],
                "next_cursor": None,
            },
            "Tables retrieved",
        ),
    ),
    "get_data_source_schema_changes": Example(
        path=ID,
        query={"part": "schema", "limit": 50},
        answer=_answer({"data_source_id": 1, "changes": [CHANGE], "next_cursor": None}, "Schema changes retrieved"),
    ),
    "get_data_source_lineage": Example(
        path=ID,
        query={"schema_name": "shop", "table_name": "totals", "depth": 3},
        answer=_answer(
            {
                "data_source_id": 1,
                "nodes": [
                    {"schema_name": "shop", "table_name": "totals", "depth": 0},
                    {"schema_name": "shop", "table_name": "orders", "depth": -1},
                ],
                "edges": [EDGE],
                "truncated": False,
                "next_cursor": None,
            },
            "Lineage retrieved",
        ),
    ),
}
