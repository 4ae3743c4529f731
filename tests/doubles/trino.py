"""Trino's client protocol over DuckDB: users, transactions, pages and error names are the double's, SQL is translated."""

import base64
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from sqlglot import exp

from tests.doubles.lake import CATALOG, Failed, Lake
from tests.doubles.serving import serving

VERSION = "476"
NAMES = {
    "syntax": "SYNTAX_ERROR",
    "table": "TABLE_NOT_FOUND",
    "schema": "SCHEMA_NOT_FOUND",
    "catalog": "CATALOG_NOT_FOUND",
    "permission": "PERMISSION_DENIED",
    "write": "READ_ONLY_VIOLATION",
    "interrupted": "USER_CANCELED",
    "other": "GENERIC_USER_ERROR",
}
SYSTEM = f"""
ATTACH ':memory:' AS coordinator; USE coordinator;
CREATE SCHEMA information; CREATE SCHEMA metadata; CREATE SCHEMA runtime;
CREATE VIEW information.tables AS SELECT schema_name AS table_schema, table_name, 'BASE TABLE' AS table_type
    FROM duckdb_tables() WHERE database_name = '{CATALOG}'
    UNION ALL SELECT schema_name, view_name, 'VIEW' FROM duckdb_views() WHERE database_name = '{CATALOG}' AND NOT internal;
CREATE VIEW information.columns AS SELECT schema_name AS table_schema, table_name, column_name, lower(data_type) AS data_type,
    CASE WHEN is_nullable THEN 'YES' ELSE 'NO' END AS is_nullable, comment, column_index AS ordinal_position, column_default
    FROM duckdb_columns() WHERE database_name = '{CATALOG}' AND NOT internal;
CREATE VIEW information.views AS SELECT schema_name AS table_schema, view_name AS table_name,
    regexp_replace(sql, '^CREATE VIEW .*? AS ', '') AS view_definition
    FROM duckdb_views() WHERE database_name = '{CATALOG}' AND NOT internal;
CREATE VIEW information.schemata AS SELECT schema_name FROM duckdb_schemas() WHERE database_name = '{CATALOG}';
CREATE VIEW metadata.catalogs AS SELECT unnest(['{CATALOG}', 'system']) AS catalog_name;
CREATE VIEW metadata.table_comments AS SELECT database_name AS catalog_name, schema_name, table_name, comment
    FROM duckdb_tables() WHERE database_name = '{CATALOG}';
CREATE TABLE runtime.queries (query varchar, state varchar, error_code varchar, created timestamp);
USE {CATALOG};
"""
PAGE = 100


class TrinoDouble:
    """A coordinator with the users of the tests."""

    def __init__(self, users: dict[str, str], tokens: dict[str, str]) -> None:
        self.users, self.tokens = users, tokens
        self.lake = Lake("trino", SYSTEM, _rewritten)
        self.queries: dict[str, Iterator[dict[str, Any]]] = {}
        self.transactions: dict[str, bool] = {}
        """Whether each that is open may write."""
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (_Handler,), {"double": self}))
        self.server.daemon_threads = True
        self.port: int = self.server.server_address[1]

    def answers(self, sql: str, user: str, transaction: str, name: str) -> Iterator[dict[str, Any]]:
        """One answer after the other, each a page."""
        yield {"stats": {"state": "QUEUED"}}
        if sql.upper().startswith("START TRANSACTION"):
            made = str(uuid.uuid4())
            self.transactions[made] = "READ ONLY" not in sql.upper()
            yield {"started": made, "updateType": "START TRANSACTION"}
            return
        if sql.upper() == "ROLLBACK":
            self.transactions.pop(transaction, None)
            yield {"cleared": True, "updateType": "ROLLBACK"}
            return
        sql = sql.replace("current_user", f"'{user}' AS u")
        try:
            with self.lake.run(sql, name, writes=self.transactions.get(transaction, True)) as (columns, rows):
                described = [{"name": column, "type": type_.lower()} for column, type_ in columns]
                kind = {} if sql.lstrip()[:4].upper() in ("SELE", "WITH", "VALU") else {"updateType": "OTHER"}
                while page := [row for _, row in zip(range(PAGE), rows, strict=False)]:
                    yield {"columns": described, "data": page} | kind
                yield {"columns": described} | kind
        except Failed as error:
            named = "CATALOG_NOT_FOUND" if '"nothing"' in sql else NAMES[error.kind]
            yield {"error": {"message": error.message, "errorCode": 1, "errorName": named, "errorType": "USER_ERROR"}}


def _rewritten(node: exp.Expression) -> exp.Expression:
    """System tables, as they are named there."""
    if isinstance(node, exp.Table):
        if node.db == "information_schema" and node.catalog in (CATALOG, "system"):
            return exp.table_(node.name, db="information", catalog="coordinator", alias=node.alias or None)
        if node.catalog == "system":
            return exp.table_(node.name, db=node.db, catalog="coordinator", alias=node.alias or None)
    return node


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    double: TrinoDouble

    def do_GET(self) -> None:
        if self.path == "/v1/info":
            return self.answer({"nodeVersion": {"version": VERSION}, "environment": "test", "starting": False})
        name = self.path.split("/")[4]
        if name not in self.double.queries:
            return self.answer({"error": "gone"}, status=410)
        return self.more(name)

    def do_POST(self) -> None:
        sql = self.rfile.read(int(self.headers["Content-Length"])).decode()
        user = self.login()
        if user is None:
            body = b"Access Denied: Invalid credentials"
            self.send_response(401)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return
        name = str(uuid.uuid4())
        self.double.queries[name] = self.double.answers(sql, user, self.headers["X-Trino-Transaction-Id"], name)
        self.more(name)

    def do_DELETE(self) -> None:
        name = self.path.split("/")[4]
        self.double.lake.interrupt(name)
        self.double.queries.pop(name, None)
        self.send_response(204)
        self.end_headers()

    def login(self) -> str | None:
        """The user of this request; None where a password or token is wrong."""
        kind, _, given = (self.headers["Authorization"] or "").partition(" ")
        if kind == "Bearer":
            return self.double.tokens.get(given)
        user, _, password = base64.b64decode(given).decode().partition(":")
        return user if user and self.double.users.get(user) == password else None

    def more(self, name: str) -> None:
        """The next page."""
        page = next(self.double.queries[name], None)
        if page is None or "error" in page:
            self.double.queries.pop(name, None)
        else:
            page = page | {"nextUri": f"http://another-host.invalid:1/v1/statement/executing/{name}/x/1"}
        headers = {}
        if page and "started" in page:
            headers["X-Trino-Started-Transaction-Id"] = page.pop("started")
        if page and page.pop("cleared", None):
            headers["X-Trino-Clear-Transaction-Id"] = "true"
        self.answer({"id": name, "infoUri": "", "stats": {"state": "RUNNING"}} | (page or {}), headers=headers)

    def answer(self, body: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> None:
        data = json.dumps(body, default=_plain).encode()
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Decimal) else repr(value)


@contextmanager
def running(users: dict[str, str], tokens: dict[str, str]) -> Iterator[TrinoDouble]:
    """A coordinator that answers."""
    double = TrinoDouble(users, tokens)
    with serving(double.server):
        yield double
