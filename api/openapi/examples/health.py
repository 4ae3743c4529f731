"""Examples of health and schedules."""

from typing import Any

from api.openapi.examples.example import Example
from api.openapi.examples.sources import ID

SCHEDULE: dict[str, Any] = {
    "data_source_id": 1,
    "interval_seconds": 300,
    "cron": None,
    "rrule": None,
    "timezone": None,
    "active": True,
}
CHECK: dict[str, Any] = {
    "status": "active",
    "response_time_ms": 2,
    "checked_at": "2026-11-25T09:30:00Z",
    "error_code": None,
    "trigger": "schedule",
    "job_id": 7,
    "counts": True,
}
WINDOW: dict[str, Any] = {
    "uptime_percentage": 99.7,
    "up_seconds": 86140.8,
    "down_seconds": 259.2,
    "checks": 288,
    "failures": 1,
}
FOUND: dict[str, Any] = {
    "data_source_id": 1,
    "current_status": "active",
    "last_health_check": CHECK,
    "health_history": [CHECK],
    "uptime_percentage": 99.7,
    "avg_response_time_ms": 2,
    "min_response_time_ms": 1,
    "max_response_time_ms": 9,
    "failure_count_24h": 1,
    "last_failure_at": "2026-11-25T03:15:00Z",
    "status_since": "2026-11-24T15:00:00Z",
    "stale": False,
    "expected_seconds": 300,
    "window": "7d",
    "windows": {"24h": WINDOW, "7d": WINDOW, "30d": WINDOW, "90d": WINDOW},
    "percentiles": {"p50": 2, "p95": 3, "p99": 9},
    "steps": {"connection": {"outcome": "success", "duration_ms": 17}},
}
BADGE = "vkqUCDFR8yj4PpL0pXh2m1n3sT6wZ9bE5aQcGdHiJkM"

HEALTH: dict[str, Example] = {
    "get_data_source_health": Example(
        path=ID,
        query={"limit": 10, "window": "7d"},
        answer={"data": FOUND, "message": "Health status retrieved successfully", "success": True},
    ),
    "get_data_source_badge": Example(path=ID, query={"window": "7d"}),
    "create_data_source_badge_token": Example(
        path=ID,
        status=201,
        answer={
            "data": {"data_source_id": 1, "token": BADGE, "path": f"/badge/{BADGE}"},
            "message": "Badge published",
            "success": True,
        },
    ),
    "get_public_badge": Example(path={"token": BADGE}),
    "delete_data_source_badge_token": Example(
        path=ID, answer={"data": None, "message": "Badge withdrawn", "success": True}
    ),
    "put_health_schedule": Example(
        path=ID,
        body={"interval_seconds": 300},
        answer={"data": SCHEDULE, "message": "Schedule saved", "success": True},
    ),
    "get_health_schedule": Example(
        path=ID, answer={"data": SCHEDULE, "message": "Schedule retrieved", "success": True}
    ),
    "delete_health_schedule": Example(path=ID, answer={"data": None, "message": "Schedule removed", "success": True}),
}
