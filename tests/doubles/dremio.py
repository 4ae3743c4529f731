"""Dremio's REST API over DuckDB: logins, jobs and pages are the double's, SQL is translated."""

import json
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from sqlglot import exp

from tests.doubles.lake import CATALOG, Failed, Lake
from tests.doubles.serving import serving

SYSTEM = f"""
ATTACH ':memory:' AS dremio; USE dremio; CREATE SCHEMA information; CREATE SCHEMA sys;
CREATE VIEW information.TABLES AS
    SELECT schema_name AS TABLE_SCHEMA, table_name AS TABLE_NAME, 'TABLE' AS TABLE_TYPE FROM duckdb_tables()
    WHERE database_name = '{CATALOG}'
    UNION ALL SELECT schema_name, view_name, 'VIEW' FROM duckdb_views() WHERE database_name = '{CATALOG}' AND NOT internal;
CREATE VIEW information.COLUMNS AS SELECT schema_name AS TABLE_SCHEMA, table_name AS TABLE_NAME, column_name AS COLUMN_NAME,
    regexp_replace(data_type, '[(].*', '') AS DATA_TYPE, numeric_precision AS NUMERIC_PRECISION, numeric_scale AS NUMERIC_SCALE,
    CASE WHEN is_nullable THEN 'YES' ELSE 'NO' END AS IS_NULLABLE, column_index AS ORDINAL_POSITION
    FROM duckdb_columns() WHERE database_name = '{CATALOG}' AND NOT internal;
CREATE VIEW information.VIEWS AS SELECT schema_name AS TABLE_SCHEMA, view_name AS TABLE_NAME,
    regexp_replace(sql, '^CREATE VIEW .*? AS ', '') AS VIEW_DEFINITION
    FROM duckdb_views() WHERE database_name = '{CATALOG}' AND NOT internal;
CREATE VIEW information.SCHEMATA AS SELECT schema_name AS SCHEMA_NAME FROM duckdb_schemas() WHERE database_name = '{CATALOG}';
CREATE TABLE sys.version AS SELECT '26.0.5' AS version;
CREATE TABLE sys.jobs_recent (query varchar, status varchar, query_type varchar, submitted_ts timestamp);
USE {CATALOG};
"""
KINDS = {
    "syntax": "PARSE ERROR: ",
    "permission": "PERMISSION ERROR: ",
    "table": "VALIDATION ERROR: ",
    "schema": "VALIDATION ERROR: ",
}


class DremioDouble:
    """A coordinator with one user and one token."""

    def __init__(self, user: str, password: str, token: str) -> None:
        self.user, self.password, self.token = user, password, token
        self.session = uuid.uuid4().hex
        self.lake = Lake("dremio", SYSTEM, _rewritten)
        self.jobs: dict[str, dict[str, Any]] = {}
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (_Handler,), {"double": self}))
        self.server.daemon_threads = True
        self.port: int = self.server.server_address[1]

    def run(self, name: str, sql: str) -> None:
        """One job."""
        job = self.jobs[name]
        try:
            with self.lake.run(sql.replace("QUERY_USER()", f"'{self.user}'"), name) as (columns, rows):
                job["columns"] = [column for column, _ in columns]
                job["rows"] = [row for _, row in zip(range(5000), rows, strict=False)]
            job["state"] = "COMPLETED"
        except Failed as error:
            job["message"] = KINDS.get(error.kind, "") + error.message
            job["state"] = "CANCELED" if error.kind == "interrupted" else "FAILED"


def _rewritten(node: exp.Expression) -> exp.Expression:
    if isinstance(node, exp.Table) and node.db.lower() in ("information_schema", "sys"):
        db = "information" if node.db.lower() == "information_schema" else "sys"
        return exp.table_(node.name, db=db, catalog="dremio", alias=node.alias or None)
    return node


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    double: DremioDouble

    def do_GET(self) -> None:
        self.answered({})

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answered(json.loads(data or b"{}"))

    def answered(self, body: dict[str, Any]) -> None:
        double, url = self.double, urlsplit(self.path)
        if url.path == "/apiv2/login":
            if (body["userName"], body["password"]) != (double.user, double.password):
                return self.send(401, {"errorMessage": "Login failed: Invalid username or password"})
            return self.send(200, {"token": double.session, "userName": double.user})
        if self.headers["Authorization"] not in (f"_dremio{double.session}", f"Bearer {double.token}"):
            return self.send(401, {"errorMessage": "HTTP 401 Unauthorized"})
        if url.path.startswith("/v0/projects/"):
            return self.send(404, {"errorMessage": "Project not found"})
        if url.path == "/api/v3/sql":
            name = str(uuid.uuid4())
            double.jobs[name] = {"state": "RUNNING", "rows": [], "columns": [], "message": ""}
            threading.Thread(target=double.run, args=(name, body["sql"]), daemon=True).start()
            return self.send(200, {"id": name})
        name, *rest = url.path.removeprefix("/api/v3/job/").split("/")
        job = double.jobs[name]
        if rest == ["cancel"]:
            double.lake.interrupt(name)
            return self.send(204, None)
        if rest == ["results"]:
            asked = {key: int(values[0]) for key, values in parse_qs(url.query).items()}
            rows = job["rows"][asked["offset"] : asked["offset"] + asked["limit"]]
            shown = [dict(zip(job["columns"], row, strict=True)) for row in rows]
            schema = [{"name": column, "type": {"name": "VARCHAR"}} for column in job["columns"]]
            return self.send(200, {"rowCount": len(job["rows"]), "schema": schema, "rows": shown})
        until = time.monotonic() + 0.2
        while job["state"] == "RUNNING" and time.monotonic() < until:
            time.sleep(0.005)
        return self.send(200, {"jobState": job["state"], "rowCount": len(job["rows"]), "errorMessage": job["message"]})

    def send(self, status: int, answer: Any) -> None:
        data = b"" if answer is None else json.dumps(answer, default=_plain).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Decimal) else repr(value)


@contextmanager
def running(user: str, password: str, token: str) -> Iterator[DremioDouble]:
    """A coordinator that answers."""
    double = DremioDouble(user, password, token)
    with serving(double.server):
        yield double
