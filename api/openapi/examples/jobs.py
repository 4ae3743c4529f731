"""Examples of tests: asked for, read, answered and cancelled."""

from typing import Any

from api.openapi.examples.example import Example
from api.openapi.examples.sources import ID

JOB = {"job_id": 7}


def _step(name: str, message: str, duration_ms: int, **details: Any) -> dict[str, Any]:
    """A step that passed."""
    result = {
        "code": "OK",
        "message": message,
        "outcome": "success",
        "error_code": None,
        "remediation": None,
        "duration_ms": duration_ms,
        "details": details,
    }
    return {"step": name, "status": "done", "result": result}


def _ahead(name: str) -> dict[str, Any]:
    """A step that has not ended."""
    return {"step": name, "status": "waiting", "result": None}


STEPS = ("connection", "temp_schema", "schema_download", "lineage_download")
DONE: dict[str, Any] = {
    "id": 7,
    "status": "done",
    "results": [
        _step("connection", "Connected to the database", 17, user="reader", database="shop", tls=True),
        _step("temp_schema", 'Schema "shop"."scratch" is writeable', 33),
        _step("schema_download", "Discovered 6 tables", 125, table_count=6, column_count=31, schema_count=2),
        _step("lineage_download", "Lineage fetched", 58, edge_count=2, node_count=3),
    ],
    "checks": [_step("version_probe", "PostgreSQL 18.6", 1)],
    "version": "PostgreSQL 18.6",
    "flow_run_id": "9be24388-e6cb-4a06-9b0c-1946540bcb4f",
    "reason": None,
    "question": None,
}
WAITING = DONE | {
    "status": "waiting",
    "results": [_ahead(name) for name in STEPS],
    "checks": [_ahead("version_probe")],
    "version": None,
}
CANCELLED = DONE | {"status": "cancelled", "reason": "A client cancelled this test"}
CONNECTION: dict[str, Any] = {
    "data_source_id": 1,
    "status": "active",
    "connection_successful": True,
    "response_time_ms": 45,
    "test_query_result": "PostgreSQL 18.6 on x86_64-pc-linux-gnu",
    "test_query_has_row": True,
    "tested_at": "2026-11-25T09:30:00Z",
    "ssh_tunnel_established": False,
    "database_version": "PostgreSQL 18.6",
    "error_message": None,
    "error_code": None,
    "job_id": 6,
}

JOBS: dict[str, Example] = {
    "test_data_source_connection": Example(
        path=ID,
        body={"test_query": "SELECT version()", "timeout_seconds": 30},
        answer={"data": CONNECTION, "message": "Connection test completed", "success": True},
    ),
    "test_data_source_api_v1_data_sources__data_source_id__test_post": Example(
        path={"data_source_id": 1}, body={"on_question": "ask"}, answer=JOB
    ),
    "get_data_source_test_result_api_v1_data_sources_test__job_id__get": Example(
        path=JOB, query={"wait": 30}, answer=DONE
    ),
    "confirm_data_source_test": Example(path=JOB, body={"confirm": True}, answer=WAITING),
    "authenticate_data_source_test": Example(
        path=JOB, body={"password": "correct horse battery staple", "save": True}, answer=WAITING
    ),
    "cancel_data_source_test": Example(path=JOB, answer=CANCELLED),
}
