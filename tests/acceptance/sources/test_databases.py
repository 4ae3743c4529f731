"""Sources of other kinds, from registration to the verdict."""

import sqlite3
from typing import Any

import httpx
import pytest

from tests.acceptance.kit import IMMEDIATE, SOURCES, finished, immediate, locations, results, unique
from tests.fixtures.servers.database import PASSWORD
from tests.fixtures.servers.mariadb import MariaServer
from tests.fixtures.service import Service
from tests.wire.answers import valid


def register(client: httpx.Client, name: str, **source: Any) -> int:
    """A source of any type."""
    return int(valid(client.post(SOURCES, json={"name": name, **source}), "DataSource")["id"])


@pytest.fixture
def file(service: Service) -> str:
    """An SQLite file below the worker's folder."""
    folder = service.home.parent / "files"
    folder.mkdir(exist_ok=True)
    path = folder / "shop.db"
    path.unlink(missing_ok=True)
    with sqlite3.connect(path) as session:
        session.execute("CREATE TABLE orders (id integer PRIMARY KEY, total integer)")
        session.execute("CREATE VIEW totals AS SELECT sum(total) AS total FROM orders")
    session.close()
    return path.name


def test_an_sqlite_file(service: Service, admin: httpx.Client, file: str) -> None:
    """All four steps, and what each API shows of it."""
    source = register(admin, unique("File"), type="sqlite", options={"path": file}, temp_schema="main")
    found = finished(admin, source)
    assert found["status"] == "done"
    shown = results(found)
    assert shown["connection"]["message"] == "Connected to the database"
    assert shown["temp_schema"]["message"] == 'Schema "shop"."main" is writeable'
    assert shown["schema_download"]["message"] == "Discovered 2 tables"
    assert shown["lineage_download"]["details"]["edges"] == [
        {
            "origin": "view_text",
            "source": {"schema": "main", "name": "orders"},
            "target": {"schema": "main", "name": "totals"},
            "columns": ["total"],
        }
    ]
    at_once = immediate(admin, source, test_query="SELECT count(*) FROM orders")
    assert at_once["test_query_result"] == "0"
    assert at_once["database_version"].startswith("SQLite 3.")
    details = admin.get(f"{IMMEDIATE}/{source}").json()["data"]
    assert (details["type"], details["host"], details["port"]) == ("sqlite", None, None)


def test_a_file_has_no_tunnel(admin: httpx.Client) -> None:
    """There is no server for it to lead to."""
    tunnel = {"host": "gateway.test", "username": "u", "password": "p"}
    source = {"name": unique("File"), "type": "sqlite", "options": {"path": "shop.db"}, "ssh_tunnel": tunnel}
    assert locations(admin.post(SOURCES, json=source))


def test_a_file_outside_of_the_folder(admin: httpx.Client) -> None:
    """It is forbidden, and nothing is said of whether it is there."""
    source = register(admin, unique("Outside"), type="sqlite", options={"path": "../../etc/passwd"})
    found = finished(admin, source)
    assert found["status"] == "failed"
    assert results(found)["connection"]["error_code"] == "DESTINATION_FORBIDDEN"


def test_mariadb(admin: httpx.Client, mariadb: MariaServer) -> None:
    """All four steps; older clients call the password `passwd`, and it does not come back."""
    options = {"host": "127.0.0.1", "port": mariadb.port, "user": "reader", "passwd": PASSWORD, "db": "shop"}
    source = register(admin, unique("Maria"), type="mariadb", options=options, temp_schema="scratch")
    found = finished(admin, source)
    assert found["status"] == "done", found
    assert results(found)["lineage_download"]["details"]["edge_count"] == 3
    kept = valid(admin.get(f"{SOURCES}/{source}"), "DataSource")
    assert kept["options"]["password"] is None
    assert "passwd" not in kept["options"]
    moved = admin.patch(f"{SOURCES}/{source}", json={"options": {"port": 3307}})
    assert locations(moved) == [["body", "options", "password"]]
    details = admin.get(f"{IMMEDIATE}/{source}").json()["data"]
    assert (details["host"], details["port"], details["database_name"]) == ("127.0.0.1", mariadb.port, "shop")


def test_types_with_their_labels(admin: httpx.Client) -> None:
    """Clients that know few types get those; with `all` each one says what our tests of it ran against."""
    few = admin.get(f"{SOURCES}/types").json()
    known = {"pg", "postgres_aurora", "postgres_aws_rds", "mysql", "redshift", "snowflake", "bigquery", "databricks"}
    assert {kind["type"] for kind in few} == known
    assert not [kind for kind in few if "verified" in kind]
    every = {kind["type"]: kind for kind in admin.get(f"{SOURCES}/types", params={"all": "true"}).json()}
    assert {"pg", "mysql", "mariadb", "sqlite", "duckdb"} <= set(every)
    for kind in every.values():
        assert kind["verified"]["level"] in {"engine", "emulator", "protocol", "documents"}
        schema = kind["configuration_schema"]
        forms = {name: field.get("format") for name, field in schema["properties"].items()}
        assert {forms[name] for name in schema["secret"]} <= {"password", "textarea"}  # a key in PEM has many lines
        assert {name for name, form in forms.items() if form == "password"} <= set(schema["secret"])
