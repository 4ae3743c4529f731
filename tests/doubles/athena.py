"""Athena's and Glue's APIs over DuckDB: states, pages, error names and signatures are the double's, SQL is translated."""

import base64
import json
import re
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.doubles.lake import CATALOG, Failed, Lake
from tests.doubles.serving import serving

CREATE = re.compile(
    r"CREATE TABLE `(\w+)`\.`(\w+)` \(token string\) LOCATION 's3://.*' TBLPROPERTIES \('table_type' = 'ICEBERG'\)"
)
NAMES = {
    "syntax": "SYNTAX_ERROR",
    "table": "TABLE_NOT_FOUND",
    "schema": "SCHEMA_NOT_FOUND",
    "permission": "PERMISSION_DENIED",
}
TEXTS = {"totals": "SELECT customer_id, sum(total) AS total FROM shop.orders GROUP BY customer_id",
         "best": "SELECT c.name, t.total FROM shop.totals AS t JOIN shop.customer AS c ON c.id = t.customer_id"}  # fmt: skip
DATABASES = f"SELECT schema_name FROM duckdb_schemas() WHERE database_name = '{CATALOG}' AND NOT internal"
TABLES = f"""
SELECT table_name, 'EXTERNAL_TABLE', comment FROM duckdb_tables() WHERE database_name = '{CATALOG}' AND schema_name = '{{schema}}'
UNION ALL SELECT view_name, 'VIRTUAL_VIEW', NULL FROM duckdb_views()
    WHERE database_name = '{CATALOG}' AND NOT internal AND schema_name = '{{schema}}' ORDER BY 1
"""
COLUMNS = f"""
SELECT column_name, lower(data_type), comment FROM duckdb_columns()
WHERE database_name = '{CATALOG}' AND schema_name = '{{schema}}' AND table_name = '{{table}}' ORDER BY column_index
"""


class AthenaDouble:
    """A region with one key."""

    def __init__(self, key_id: str, secret: str) -> None:
        self.key_id, self.secret = key_id, secret
        self.lake = Lake("trino")
        self.queries: dict[str, dict[str, Any]] = {}
        self.history: list[dict[str, Any]] = []
        self.may_read_history = True
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (_Handler,), {"double": self}))
        self.server.daemon_threads = True
        self.port: int = self.server.server_address[1]

    def start(self, asked: dict[str, Any]) -> str:
        """Begin a query, in a thread of its own."""
        name = str(uuid.uuid4())
        self.queries[name] = {"state": "RUNNING", "rows": [], "columns": [], "reason": "", "kind": "DML"}
        threading.Thread(target=self._run, args=(name, asked["QueryString"]), daemon=True).start()
        return name

    def _run(self, name: str, sql: str) -> None:
        query = self.queries[name]
        sql = CREATE.sub(r'CREATE TABLE "\1"."\2" (token varchar)', sql).replace("`", '"')
        try:
            with self.lake.run(sql, name) as (columns, rows):
                if not sql.upper().startswith(("SELECT", "WITH", "VALUES", "INSERT")):
                    query["kind"] = "DDL"
                query["columns"] = columns if query["kind"] == "DML" and not sql.upper().startswith("INSERT") else []
                query["rows"] = [row for _, row in zip(range(5000), rows, strict=False)]
            query["state"] = "SUCCEEDED"
        except Failed as error:
            query["reason"] = f"{NAMES.get(error.kind, 'GENERIC_USER_ERROR')}: {error.message}"
            query["state"] = "CANCELLED" if error.kind == "interrupted" else "FAILED"

    def answer(self, action: str, asked: dict[str, Any]) -> dict[str, Any]:
        """What one action answers."""
        answer: dict[str, Any] = getattr(self, f"_{action}")(asked)
        return answer

    def _StartQueryExecution(self, asked: dict[str, Any]) -> dict[str, Any]:
        return {"QueryExecutionId": self.start(asked)}

    def _GetQueryExecution(self, asked: dict[str, Any]) -> dict[str, Any]:
        query = self.queries[asked["QueryExecutionId"]]
        until = time.monotonic() + 0.3
        while query["state"] == "RUNNING" and time.monotonic() < until:
            time.sleep(0.01)
        status = {"State": query["state"], "StateChangeReason": query["reason"]}
        return {
            "QueryExecution": {
                "QueryExecutionId": asked["QueryExecutionId"],
                "StatementType": query["kind"],
                "Status": status,
            }
        }

    def _GetQueryResults(self, asked: dict[str, Any]) -> dict[str, Any]:
        query = self.queries[asked["QueryExecutionId"]]
        start = int(asked.get("NextToken", 0))
        names = [[name for name, _ in query["columns"]]] if query["columns"] else []
        rows = [*names, *query["rows"]]
        size = asked["MaxResults"]
        page = [
            {"Data": [{} if cell is None else {"VarCharValue": str(cell)} for cell in row]}
            for row in rows[start : start + size]
        ]
        info = [{"Name": name, "Type": type_} for name, type_ in query["columns"]]
        more = {"NextToken": str(start + size)} if start + size < len(rows) else {}
        return {"ResultSet": {"Rows": page, "ResultSetMetadata": {"ColumnInfo": info}}} | more

    def _StopQueryExecution(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.lake.interrupt(asked["QueryExecutionId"])
        return {}

    def _GetWorkGroup(self, _: dict[str, Any]) -> dict[str, Any]:
        version = {"EffectiveEngineVersion": "Athena engine version 3"}
        return {"WorkGroup": {"Name": "primary", "Configuration": {"EngineVersion": version}}}

    def _ListQueryExecutions(self, _: dict[str, Any]) -> dict[str, Any]:
        if not self.may_read_history:
            raise Failed("AccessDeniedException", "not authorized to perform: athena:ListQueryExecutions")
        return {"QueryExecutionIds": [str(number) for number in range(len(self.history))]}

    def _BatchGetQueryExecution(self, asked: dict[str, Any]) -> dict[str, Any]:
        return {"QueryExecutions": [self.history[int(number)] for number in asked["QueryExecutionIds"]]}

    def _GetDatabase(self, asked: dict[str, Any]) -> dict[str, Any]:
        if (asked["Name"],) not in self.lake.admin(DATABASES)[0]:
            raise Failed("EntityNotFoundException", f"Database {asked['Name']} not found.")
        return {"Database": {"Name": asked["Name"]}}

    def _GetDatabases(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"DatabaseList": [{"Name": name} for (name,) in self.lake.admin(DATABASES)[0]]}

    def _GetTables(self, asked: dict[str, Any]) -> dict[str, Any]:
        schema, found = asked["DatabaseName"], []
        for name, kind, comment in self.lake.admin(TABLES.format(schema=schema))[0]:
            columns = [
                {"Name": column, "Type": type_, "Comment": said or ""}
                for column, type_, said in self.lake.admin(COLUMNS.format(schema=schema, table=name))[0]
            ]
            table = {"Name": name, "TableType": kind, "StorageDescriptor": {"Columns": columns}, "PartitionKeys": []}
            if comment:
                table["Parameters"] = {"comment": comment}
            if kind == "VIRTUAL_VIEW":
                text = base64.b64encode(json.dumps({"originalSql": TEXTS.get(name)}).encode()).decode()
                table["ViewOriginalText"] = f"/* Presto View: {text} */"
            if re.fullmatch(asked.get("Expression", ".*"), name):
                found.append(table)
        return {"TableList": found}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    double: AthenaDouble

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        action = self.headers["X-Amz-Target"].rpartition(".")[2]
        if not self.is_signed(body):
            return self.fail("UnrecognizedClientException", "The security token included in the request is invalid.")
        try:
            return self.send(200, self.double.answer(action, json.loads(body)))
        except Failed as error:
            return self.fail(error.kind, error.message)

    def is_signed(self, body: bytes) -> bool:
        """As botocore, AWS's own, would have signed it."""
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        found = re.fullmatch(
            r"AWS4-HMAC-SHA256 Credential=([^/]+)/\d+/([^/]+)/([^/]+)/aws4_request, SignedHeaders=(\S+), Signature=(\w+)",
            self.headers["Authorization"] or "",
        )
        if found is None or found[1] != self.double.key_id:
            return False
        headers = {name: self.headers[name] for name in found[4].split(";")}
        request = AWSRequest("POST", f"http://{self.headers['Host']}/", headers=headers, data=body)
        request.context["timestamp"] = self.headers["X-Amz-Date"]
        signer = SigV4Auth(Credentials(self.double.key_id, self.double.secret), found[3], found[2])
        text = signer.string_to_sign(request, signer.canonical_request(request))
        return bool(signer.signature(text, request) == found[5])

    def fail(self, kind: str, message: str) -> None:
        self.send(400, {"__type": f"com.amazonaws#{kind}", "message": message})

    def send(self, status: int, answer: dict[str, Any]) -> None:
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def running(key_id: str, secret: str) -> Iterator[AthenaDouble]:
    """A region that answers."""
    double = AthenaDouble(key_id, secret)
    with serving(double.server):
        yield double
