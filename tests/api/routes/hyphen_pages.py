"""What the pages of the hyphen API say, written down anew, and a client that knows nothing but them."""

from datetime import datetime
from typing import Any

from tests.fixtures.api import Client

PATH = "/api/v1/data-sources"
CREATE: dict[str, Any] = {
    "workspace_id": 3,
    "name": "Production PostgreSQL",
    "type": "postgresql",
    "description": "Main production database",
    "host": "db.example.com",
    "port": 5432,
    "database_name": "production_db",
    "schema_name": "public",
    "use_ssh_tunnel": False,
    "connection_pool_size": 10,
    "connection_timeout": 20,
    "query_timeout": 600,
    "max_retries": 5,
    "schema_auto_refresh": True,
    "schema_refresh_interval": 7200,
    "credentials": {"username": "db_user", "password": "canary-of-the-pages"},
    "metadata": {"environment": "production", "owner": {"team": "data"}},
    "tags": ["production", "postgresql"],
}
"""A source with every field of a database without a gateway."""
TUNNELLED: dict[str, Any] = {
    "name": "Behind a gateway",
    "type": "mysql",
    "host": "10.0.0.5",
    "port": 3306,
    "database_name": "shop",
    "use_ssh_tunnel": True,
    "ssh_host": "bastion.example.com",
    "ssh_port": 2222,
    "ssh_username": "tunnel",
    "ssh_local_port": 3307,
    "credentials": {
        "username": "db_user",
        "password": "canary-of-the-pages",
        "ssh_private_key": "canary-key-of-the-pages",
        "ssh_passphrase": "canary-passphrase-of-the-pages",
    },
}
DEFAULTS: dict[str, Any] = {
    "description": None,
    "schema_name": None,
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
    "status": "inactive",
    "last_tested_at": None,
    "last_successful_connection_at": None,
    "last_failed_connection_at": None,
    "failure_count": 0,
    "failure_reason": None,
    "schema_discovered_at": None,
    "schema_auto_refresh": False,
    "schema_refresh_interval": 3600,
    "metadata": {},
    "tags": [],
    "updated_by_user_id": None,
}
"""What a source has that was given name, type, host, port and database alone."""
ALWAYS = [
    "id",
    "organization_id",
    "workspace_id",
    "name",
    "type",
    "host",
    "port",
    "database_name",
    "created_by_user_id",
    "created_at",
    "updated_at",
]
MESSAGES = {
    "create": "Data source created successfully",
    "list": "Data sources retrieved successfully",
    "read": "Data source retrieved successfully",
    "change": "Data source updated successfully",
    "delete": "Data source deleted successfully",
    "restore": "Data source restored successfully",
    "health": "Health status retrieved successfully",
}
HEALTH = [
    "data_source_id",
    "current_status",
    "last_health_check",
    "health_history",
    "uptime_percentage",
    "avg_response_time_ms",
    "min_response_time_ms",
    "max_response_time_ms",
    "failure_count_24h",
    "last_failure_at",
]
PAGINATION = ["page", "page_size", "total_items", "total_pages", "has_next", "has_previous"]
CODES = {401: "UNAUTHORIZED", 403: "FORBIDDEN", 404: "NOT_FOUND", 409: "CONFLICT", 422: "VALIDATION_ERROR"}


class HyphenClient:
    """Sends what the pages show, and insists on what they say of every answer."""

    def __init__(self, client: Client) -> None:
        key = client.headers["Authorization"].partition(" ")[2]
        self._client = client
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    async def create(self, **fields: Any) -> dict[str, Any]:
        """The new source."""
        return self.source(await self._send("POST", "", 201, "create", json=fields))

    async def read(self, source: int) -> dict[str, Any]:
        """One source."""
        return self.source(await self._send("GET", f"/{source}", 200, "read"))

    async def change(self, source: int, **fields: Any) -> dict[str, Any]:
        """The changed source."""
        return self.source(await self._send("PATCH", f"/{source}", 200, "change", json=fields))

    async def delete(self, source: int, **query: Any) -> dict[str, Any]:
        """What was deleted, and when."""
        found: dict[str, Any] = await self._send("DELETE", f"/{source}", 200, "delete", params=query)
        assert set(found) >= {"data_source_id", "deleted_at"}
        return found

    async def restore(self, source: int) -> dict[str, Any]:
        """The source that is there again."""
        return self.source(await self._send("POST", f"/{source}/restore", 200, "restore"))

    async def list(self, **query: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """A page of sources, and where it lies."""
        found = await self._send("GET", "", 200, "list", params=query)
        assert set(found["pagination"]) >= set(PAGINATION)
        return [self.source(item) for item in found["items"]], found["pagination"]

    async def health(self, source: int, **query: Any) -> dict[str, Any]:
        """How a source has been."""
        found: dict[str, Any] = await self._send("GET", f"/{source}/health", 200, "health", params=query)
        assert set(found) >= set(HEALTH)
        return found

    async def refused(self, method: str, place: str, status: int, **request: Any) -> str:
        """The sentence of an error."""
        answer = await self._client.request(method, PATH + place, headers=self._headers, **request)
        assert answer.status_code == status, answer.text
        body = answer.json()
        assert (body["success"], body["data"], body["error_code"]) == (False, None, CODES[status])
        return str(body["message"])

    def source(self, found: dict[str, Any]) -> dict[str, Any]:
        """A source with every field; its times end in Z, and nothing in it is a credential."""
        assert set(found) >= {*DEFAULTS, *ALWAYS}
        for name in ("created_at", "updated_at"):
            assert found[name].endswith("Z")
            datetime.fromisoformat(found[name])
        assert "canary" not in str(found)
        return found

    async def _send(self, method: str, place: str, status: int, what: str, **request: Any) -> Any:
        answer = await self._client.request(method, PATH + place, headers=self._headers, **request)
        assert answer.status_code == status, answer.text
        body = answer.json()
        assert (body["success"], body["message"]) == (True, MESSAGES[what])
        return body["data"]
