"""What tests find of schemas and lineage is kept, compared, announced and read."""

import json
from typing import Any

import httpx

from tests.acceptance.kit import IMMEDIATE, eventually, finished, options, register, results, unique
from tests.doubles.relatives import in_database
from tests.fixtures.servers.database import Server
from tests.fixtures.service import Service

CRON = "17 3 * * *"
"""Of no other test."""
SETUP = """
CREATE SCHEMA watched;
CREATE TABLE watched.orders (id integer PRIMARY KEY, total numeric(10,2) DEFAULT 0);
CREATE TABLE watched.old (a date);
CREATE VIEW watched.totals AS SELECT sum(total) AS whole FROM watched.orders;
GRANT USAGE ON SCHEMA watched TO reader;
GRANT SELECT ON ALL TABLES IN SCHEMA watched TO reader;
"""
PAST = """
CREATE EXTENSION pg_stat_statements; CREATE TABLE shop.summary (whole numeric);
INSERT INTO shop.summary SELECT sum(total) FROM shop.orders WHERE id > 7;
CREATE ROLE past_of_schemas PASSWORD 'a-secret-of-anothers'; DROP ROLE past_of_schemas;
"""
CHANGE = """
DROP TABLE watched.old;
CREATE TABLE watched.made (b text);
GRANT SELECT ON watched.made TO reader;
ALTER TABLE watched.orders ALTER id TYPE bigint;
"""


def test_what_statements_have_made(admin: httpx.Client, embedded: Server) -> None:
    """A worker's process reads what the server remembers, in a process of its own; nothing of a text comes back."""
    with in_database(embedded, "remembers", PAST):
        made = options(embedded, user="postgres", dbname="remembers")
        step = results(finished(admin, register(admin, unique("Remembers"), made)))["lineage_download"]
    assert step["message"] == "Lineage fetched"
    edges = {(edge["source"]["name"], edge["target"]["name"]): edge["origin"] for edge in step["details"]["edges"]}
    assert edges["orders", "summary"] == "query_history"
    assert step["details"]["history"] == {"read_from": "pg_stat_statements (since its last reset)", "statements": 1}
    assert "a-secret-of-anothers" not in json.dumps(step)


def test_a_schema_over_time(admin: httpx.Client, service: Service, embedded: Server) -> None:
    """The first test keeps it, the second finds nothing new, the third tells what has changed, and so does Prefect."""
    with embedded.connect() as session:
        session.execute(SETUP)  # type: ignore[arg-type]
        source = register(
            admin,
            unique("Watched"),
            options(embedded),
            catalog_include_list="watched.*",
            schema_indexing_schedule=CRON,
        )
        for _ in range(2):
            found = results(finished(admin, source))
            assert found["schema_download"]["message"] == "Discovered 3 tables"
            assert found["lineage_download"]["message"] == "Lineage fetched"
        session.execute(CHANGE)  # type: ignore[arg-type]
        found = results(finished(admin, source))
        session.execute("DROP SCHEMA watched CASCADE")
    assert found["schema_download"]["message"] == "Discovered 3 tables (1 new, 1 gone, 1 changed)"
    changes = found["schema_download"]["details"]["changes"]
    assert changes["counts"] == {"added": 1, "removed": 1, "changed": 1}
    assert "table watched.orders: column id was integer and is bigint" in changes["list"]
    where = f"{IMMEDIATE}/{source}"
    told = admin.get(f"{where}/schema-changes").json()["data"]["changes"]
    assert {(change["change"], change["table_name"]): change["announced"] for change in told} == {
        ("added", "made"): False,
        ("removed", "old"): True,
        ("changed", "orders"): True,
    }
    assert {event["event"].rsplit("-", 1)[1] for event in eventually(lambda: events_of(service, source))} == {
        "removed",
        "changed",
    }
    table = admin.get(f"{where}/table", params={"schema_name": "watched", "table_name": "totals"}).json()["data"]
    assert [(edge["source_table"], edge["origin"]) for edge in table["upstream"]] == [("orders", "dependency_record")]
    assert "FROM watched.orders" in table["definition"]
    lines = admin.get(f"{where}/schemas", params={"format": "ndjson"}).text.splitlines()
    assert [json.loads(line)["table_name"] for line in lines] == ["made", "orders", "totals"]
    answer = admin.post(f"{where}/discover-schema", params={"refresh": True}, timeout=120).json()
    assert answer["data"]["schemas_discovered"] == [], "the schema is gone"
    answer = admin.post(f"{where}/discover-schema").json()
    assert (answer["data"]["total_tables"], answer["message"]) == (0, "Schema discovery completed")
    scheduled(service, admin, source)
    down = register(admin, unique("Down"), options(embedded, port=1))
    answer = admin.post(f"{IMMEDIATE}/{down}/discover-schema", timeout=120).json()
    assert (answer["success"], answer["error_code"]) == (False, "FAILED_DEPENDENCY")


def scheduled(service: Service, admin: httpx.Client, source: int) -> None:
    """The source's schedule is in Prefect, and a run of it has the source downloaded."""
    owner = admin.get("/api/v1/organization/meta").json()["org_id"]
    deployment = service.prefect_api.get("/deployments/name/downloads/downloads").raise_for_status().json()["id"]

    def found() -> list[dict[str, Any]]:
        every = service.prefect_api.get(f"/deployments/{deployment}/schedules").raise_for_status().json()
        ours = [each for each in every if each["slug"].startswith(f"downloads-{owner}-schema-")]
        return [each for each in ours if each["schedule"].get("cron") == CRON]

    (schedule,) = eventually(found)
    assert schedule["schedule"]["cron"] == CRON
    before = admin.post(f"{IMMEDIATE}/{source}/discover-schema").json()["data"]["discovered_at"]
    run = {"parameters": schedule["parameters"]}
    service.prefect_api.post(f"/deployments/{deployment}/create_flow_run", json=run).raise_for_status()
    eventually(lambda: admin.post(f"{IMMEDIATE}/{source}/discover-schema").json()["data"]["discovered_at"] > before)

    def newest() -> str:
        check = admin.get(f"{IMMEDIATE}/{source}/health").json()["data"]["last_health_check"]
        return f"{check['trigger']} {check['status']}"

    eventually(lambda: newest() == "schedule active")


def events_of(service: Service, source: int) -> list[dict[str, str]]:
    """Both events about this source's tables, once Prefect has them."""
    wanted = {"event": {"prefix": ["sourcecheck.data-source.table-"]}, "resource": {"id": [f"data-source.{source}"]}}
    answer = service.prefect_api.post("/events/filter", json={"filter": wanted})
    found: list[dict[str, str]] = answer.raise_for_status().json()["events"]
    return found if len(found) == 2 else []
