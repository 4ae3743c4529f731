"""What a published client of the asynchronous API does, step by step, and what it takes for granted."""

import time
from typing import Any

import httpx
import pytest

from tests.acceptance.kit import SOURCES, unique
from tests.fixtures.servers.database import PASSWORD, Server, free_port
from tests.fixtures.service import KEY, Service

ASKED_FOR = ["host", "user", "port", "password", "dbname"]
"""What it asks its user about a `pg` source; it looks each of them up in `properties`."""
VERDICTS = {"ok", "error", "skip", "unknown"}
CHECKED = {"connection", "temp_schema", "schema_download"}


class PublishedClient:
    """Reads answers as strictly as the published one: a missing key is an error, and so is another type."""

    def __init__(self, api: str) -> None:
        headers = {"Authorization": f"Key {KEY}", "Content-Type": "application/json"}
        self._http = httpx.Client(base_url=api, headers=headers, timeout=30)

    def get(self, path: str) -> Any:
        """Decoded, or an error."""
        return self._http.get(path).raise_for_status().json()

    def form(self) -> dict[str, Any]:
        """What to ask the user for a `pg` source: names and types."""
        for kind in self.get(f"{SOURCES}/types"):
            schema = kind["configuration_schema"]
            assert isinstance(kind["name"], str)
            assert isinstance(schema["title"], str)
            assert all(isinstance(name, str) for name in schema["secret"])
            if kind["type"] == "pg":
                fields = {name: schema["properties"][name] for name in ASKED_FOR}
                assert all(isinstance(field["title"], str) for field in fields.values())
                return {name: field["type"] for name, field in fields.items()}
        raise AssertionError("no type pg")

    def create(self, name: str, options: dict[str, Any], temp_schema: str) -> int:
        """Register a source with the fields that it sends."""
        payload = {
            "name": name,
            "type": "pg",
            "temp_schema": temp_schema,
            "float_tolerance": 0.000001,
            "options": options,
            "disable_schema_indexing": True,
            "disable_profiling": True,
        }
        made = self._http.post(SOURCES, json=payload).raise_for_status().json()
        self.understand(made)
        return int(made["id"])

    @staticmethod
    def understand(source: dict[str, Any]) -> None:
        """Read a source into its types."""
        assert isinstance(source["name"], str)
        assert isinstance(source["type"], str)
        expected = {
            "id": int,
            "is_paused": bool,
            "hidden": bool,
            "temp_schema": str,
            "options": dict,
            "created_from": str,
        }
        expected |= {"disable_profiling": bool, "catalog_include_list": str, "float_tolerance": (int, float)}
        expected |= {"groups": dict, "view_only": bool, "max_allowed_connections": int, "secret_id": int}
        for field, kind in expected.items():
            assert source.get(field) is None or isinstance(source[field], kind)

    def test(self, source: int, patience: float) -> dict[str, tuple[str, str, str]]:
        """Ask for a test and poll, first after 1 s, then twice as long each time, until three steps are `done`."""
        job = self._http.post(f"{SOURCES}/{source}/test", json={}).raise_for_status().json()["job_id"]
        found: dict[str, tuple[str, str, str]] = {}
        pause, until = 1.0, time.monotonic() + patience
        while set(found) < CHECKED:
            for item in self.get(f"{SOURCES}/test/{job}")["results"]:
                name, status, result = item["step"], item["status"], item["result"]
                if result is None:
                    continue
                read = (result["code"].lower(), result["message"], result["outcome"])
                assert read[0] in VERDICTS
                assert all(isinstance(word, str) for word in read)
                if name in CHECKED and status == "done":
                    found[name] = read
            assert time.monotonic() < until, found
            if set(found) < CHECKED:
                time.sleep(pause)
                pause *= 2
        return found


@pytest.mark.parametrize(("port_is_open", "verdicts"), [(True, {"ok"}), (False, {"error", "skip"})])
def test_the_published_client_gets_its_answer(
    service: Service, embedded: Server, port_is_open: bool, verdicts: set[str]
) -> None:
    """From the form to the verdict within its 64 s, for a source that passes and for one that does not."""
    client = PublishedClient(service.api)
    kinds = client.form()
    port = embedded.port if port_is_open else free_port()
    typed = {"host": "127.0.0.1", "user": "reader", "port": port, "password": PASSWORD, "dbname": "postgres"}
    assert {name: {str: "string", int: "integer"}[type(value)] for name, value in typed.items()} == kinds
    name = unique("From the published client")
    source = client.create(name, typed, "postgres.scratch")
    found = client.test(source, patience=64)
    assert {verdict for verdict, _, _ in found.values()} == verdicts
    for listed in client.get(SOURCES):
        client.understand(listed)
    meta = client.get("/api/v1/organization/meta")
    assert [type(meta[key]) for key in ("org_id", "org_name", "user_id")] == [int, str, int]
