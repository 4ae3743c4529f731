"""A workspace over one Spark: run by the Python that has pyspark, with Java.

SQL and its errors are Spark's. Its cluster is Spark's own Thrift server; its warehouse is Spark behind a double of the Statement
Execution API. Ours are tokens, the API's states and cancelling, the names of catalogs, the information schema (Spark has none: its
tables and columns in the documented form), the lineage tables, that nobody may make a table in `locked`, and clusters that
are stopped or are not there.
"""

import base64
import http.client
import json
import re
import socket
import sys
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from calls import call_in
from pyspark.sql import SparkSession

PORT, TOKEN, FOLDER = int(sys.argv[1]), sys.argv[2], sys.argv[3]
CATALOG = "spark_catalog"
UNITY, HIVE = "main", "hive_metastore"
"""What the workspace calls Spark's own catalog: with an information schema, and without."""
CLUSTER = "/sql/protocolv1/o/0/1126-071400-spark"
"""Others are stopped, or are not there."""
LOCKED = "[INSUFFICIENT_PERMISSIONS] Insufficient privileges: User does not have CREATE TABLE. SQLSTATE: 42501"
UNKNOWN = "[NO_SUCH_CATALOG_EXCEPTION] Catalog '{}' was not found. SQLSTATE: 42704"
CLIENT = ("application", TOKEN)
PAGE = 1000
SHOP = """
CREATE DATABASE shop; CREATE DATABASE scratch; CREATE DATABASE locked;
CREATE TABLE shop.customer (id INT NOT NULL, name STRING NOT NULL) USING parquet;
CREATE TABLE shop.orders (id INT, customer_id INT, total DECIMAL(10, 2) COMMENT 'In euros') USING parquet COMMENT 'What was bought';
CREATE VIEW shop.totals AS SELECT customer_id, sum(total) AS total FROM shop.orders GROUP BY customer_id;
CREATE VIEW shop.best AS SELECT c.name, t.total FROM shop.totals AS t JOIN shop.customer AS c ON c.id = t.customer_id
"""
with socket.create_server(("127.0.0.1", 0)) as free:
    THRIFT = free.getsockname()[1]
spark = (
    SparkSession.builder.master("local[2]")
    .config("spark.sql.warehouse.dir", f"{FOLDER}/warehouse")
    .config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.ui.enabled", "false").config("spark.driver.memory", "1g")
    .config("spark.hadoop.hive.server2.transport.mode", "http")
    .config("spark.hadoop.hive.server2.thrift.bind.host", "127.0.0.1")
    .config("spark.hadoop.hive.server2.enable.doAs", "false")
    .config("spark.hadoop.hive.server2.thrift.http.port", str(THRIFT))
    .config("spark.sql.shuffle.partitions", "1").config("spark.sql.legacy.createHiveTableByDefault", "false")
    .getOrCreate()
)  # fmt: skip
for part in SHOP.split(";"):
    spark.sql(part)
spark._jvm.org.apache.spark.sql.hive.thriftserver.HiveThriftServer2.startWithContext(spark._jsparkSession.sqlContext())
CATALOGS: dict[bytes, str] = {}
"""By session of the cluster."""
RUNNING: dict[str, str] = {}
RESULTS: dict[str, dict[str, Any]] = {}
LINEAGE: list[tuple[str, ...]] = []


KNOWN: dict[str, tuple[Any, list[tuple[Any, ...]]]] = {}
"""Columns and text of each table and view that has been looked at."""
LOCK = threading.Lock()


def described(database: str, table: Any) -> tuple[list[tuple[Any, ...]], str | None]:
    """Its columns, and the text of a view; Spark is asked once, for no test changes a table."""
    place = f"{database}.`{table.name}`"
    if place not in KNOWN:
        columns = [
            (column.name, column.dataType, "YES" if column.nullable else "NO", None, column.description, number)
            for number, column in enumerate(spark.catalog.listColumns(place))
        ]
        text = None
        if table.tableType == "VIEW":
            text = re.sub(r"(?s)^.*? AS (?=SELECT)", "", spark.sql(f"SHOW CREATE TABLE {place}").first()[0])
        KNOWN[place] = columns, text
    return KNOWN[place]


def inlined(rows: list[tuple[Any, ...]], form: str) -> str:
    """A table of these rows, as a part of a statement."""
    names = [field.split() for field in form.split(", ")]
    if not rows:
        return "(SELECT " + ", ".join(f"CAST(NULL AS {type_}) AS {name}" for name, type_ in names) + " WHERE false)"
    shown = ", ".join("(" + ", ".join(constant(value) for value in row) + ")" for row in rows)
    return f"(VALUES {shown} AS t({', '.join(name for name, _ in names)}))"


def constant(value: Any) -> str:
    if value is None:
        return "CAST(NULL AS STRING)"
    return str(value) if isinstance(value, int) else "'" + str(value).replace("\\", "\\\\").replace("'", "\\'") + "'"


def said(sql: str, catalog: str) -> str:
    """A statement as Spark understands it, of a session in this catalog."""
    if catalog == HIVE and "information_schema" in sql:
        raise ValueError("hive_metastore has no information schema")
    sql = sql.replace(f"`{catalog}`", f"`{CATALOG}`").replace("current_catalog()", f"'{catalog}'")
    return information(sql).replace("current_user()", "'reader'")


def makes_in_locked(sql: str) -> bool:
    return re.match(r"CREATE TABLE `\w+`\.`locked`", sql) is not None


def information(sql: str) -> str:
    """Spark's own catalog as tables of Unity Catalog's form, as far as the statement names them."""
    for name in set(re.findall(rf"`{CATALOG}`\.information_schema\.(\w+)", sql)):
        rows: list[tuple[Any, ...]] = []
        with LOCK:
            for database in ("shop", "scratch") if name in ("tables", "columns", "views") else ():
                for table in spark.catalog.listTables(database):
                    place = (database, table.name)
                    if name == "tables":
                        rows.append(
                            (*place, "VIEW" if table.tableType == "VIEW" else "MANAGED", table.description or None)
                        )
                        continue
                    try:
                        columns, text = described(database, table)
                    except Exception:  # another step of the test has dropped its table meanwhile
                        continue
                    if name == "columns":
                        rows += [(*place, *column) for column in columns]
                    elif text is not None:
                        rows.append((*place, text))
        part = inlined(rows, FORMS[name])
        sql = re.sub(rf"`{CATALOG}`\.information_schema\.{name}\b", lambda _, part=part: part, sql)
    if "system.access.column_lineage" in sql and LINEAGE:
        part = inlined(LINEAGE, FORMS["lineage"])
        sql = sql.replace("system.access.column_lineage", f"(SELECT *, current_date() AS event_date FROM {part})")
    return sql


FORMS = {
    "tables": "table_schema string, table_name string, table_type string, comment string",
    "views": "table_schema string, table_name string, view_definition string",
    "columns": "table_schema string, table_name string, column_name string, full_data_type string, is_nullable string, "
    "column_default string, comment string, ordinal_position int",
    "key_column_usage": "table_schema string, table_name string, constraint_schema string, constraint_name string, "
    "column_name string, ordinal_position int",
    "table_constraints": "constraint_schema string, constraint_name string, constraint_type string",
    "referential_constraints": "constraint_schema string, constraint_name string, unique_constraint_schema string, "
    "unique_constraint_name string",
    "lineage": "source_table_catalog string, source_table_schema string, source_table_name string, source_column_name string, "
    "target_table_catalog string, target_table_schema string, target_table_name string, target_column_name string",
}


def run(name: str, sql: str, catalog: str) -> None:
    """One statement, in a thread of its own."""
    RUNNING[name] = sql
    try:
        spark.sparkContext.setJobGroup(name, name, interruptOnCancel=True)
        if makes_in_locked(sql):
            raise ValueError(LOCKED)
        frame = spark.sql(said(sql, catalog))
        rows = (
            [[None if value is None else str(value) for value in row] for row in frame.limit(5000).collect()]
            if frame.columns
            else []
        )
        RESULTS[name] |= {"state": "SUCCEEDED", "columns": frame.columns, "rows": rows}
    except Exception as error:
        state = "CANCELED" if "cancel" in str(error).lower() else "FAILED"
        RESULTS[name] |= {"state": state, "message": str(error).partition("\n")[0]}
    finally:
        RUNNING.pop(name, None)
        RESULTS[name]["done"].set()


def cancel(name: str) -> None:
    """Spark cancels jobs that run; a statement whose job has not begun yet is cancelled as soon as it has."""
    while not RESULTS[name]["done"].wait(0.5):
        spark.sparkContext.cancelJobGroup(name)


def shown(name: str) -> dict[str, Any]:
    found = RESULTS[name]
    answer: dict[str, Any] = {"statement_id": name, "status": {"state": found["state"]}}
    if found["state"] in ("FAILED", "CANCELED"):
        answer["status"]["error"] = {"error_code": "BAD_REQUEST", "message": found["message"]}
    if found["state"] == "SUCCEEDED":
        columns = [column for column in found["columns"] if column]
        answer["manifest"] = {"schema": {"column_count": len(columns)}}
        answer["result"] = chunk(name, 0)
    return answer


def chunk(name: str, number: int) -> dict[str, Any]:
    rows = RESULTS[name]["rows"]
    more = {"next_chunk_index": number + 1} if len(rows) > (number + 1) * PAGE else {}
    return {"chunk_index": number, "data_array": rows[number * PAGE : (number + 1) * PAGE]} | more


class Handler(BaseHTTPRequestHandler):
    """The API."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.answered(None)

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answered(data)

    def answered(self, data: bytes | None) -> None:
        path = self.path
        if path == "/oidc/v1/token":
            login = base64.b64decode((self.headers["Authorization"] or "").removeprefix("Basic ")).decode()
            if login != ":".join(CLIENT):
                return self.send(401, {"error": "invalid_client", "error_description": "Client authentication failed"})
            return self.send(200, {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 3600})
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            return self.send(403, {"error_code": "403", "message": "Invalid access token."})
        if path == "/running":
            jobs = list(spark.sparkContext.statusTracker().getActiveJobsIds())
            return self.send(200, {"running": list(RUNNING.values()), "jobs": len(jobs)})
        if path.startswith("/sql/protocolv1/"):
            return self.cluster(path, data or b"")
        if path == "/lineage":
            LINEAGE[:] = [tuple(row) for row in json.loads(data or b"[]")]
            return self.send(200, {})
        if path == "/api/2.0/sql/statements":
            asked = json.loads(data or b"{}")
            catalog = asked.get("catalog", UNITY)
            if catalog not in (UNITY, HIVE):
                status = {"state": "FAILED", "error": {"error_code": "BAD_REQUEST", "message": UNKNOWN.format(catalog)}}
                return self.send(200, {"statement_id": "x", "status": status})
            name = str(uuid.uuid4())
            RESULTS[name] = {"state": "RUNNING", "done": threading.Event()}
            threading.Thread(target=run, args=(name, asked["statement"], catalog), daemon=True).start()
            RESULTS[name]["done"].wait(float(asked.get("wait_timeout", "10s").rstrip("s")))
            return self.send(200, shown(name))
        name, *rest = path.removeprefix("/api/2.0/sql/statements/").split("/")
        if rest == ["cancel"]:
            threading.Thread(target=cancel, args=(name,), daemon=True).start()
            return self.send(200, {})
        if rest:
            return self.send(200, chunk(name, int(rest[-1])))
        RESULTS[name]["done"].wait(0.5)
        return self.send(200, shown(name))

    def cluster(self, path: str, data: bytes) -> None:
        """A call of a cluster's Thrift server."""
        if path.endswith("-stopped"):
            why = "TEMPORARILY_UNAVAILABLE: Cluster 1126-071400-stopped is temporarily unavailable."
            return self.give(503, b"", "text/html", {"X-Thriftserver-Error-Message": why, "Retry-After": "30"})
        if path != CLUSTER:
            why = "RESOURCE_DOES_NOT_EXIST: No cluster found matching: " + path.rpartition("/")[2]
            return self.give(404, b"", "text/html", {"X-Thriftserver-Error-Message": why})
        call = call_in(data)
        if call.function == "ExecuteStatement":
            catalog = CATALOGS.get(call.session, UNITY)
            if named := re.fullmatch(r"SET CATALOG `(.*)`", call.statement):
                if named[1] not in (UNITY, HIVE, CATALOG):
                    return self.thrift(call.refusal("42704", UNKNOWN.format(named[1])))
                CATALOGS[call.session] = catalog = named[1]
            if makes_in_locked(call.statement):
                return self.thrift(call.refusal("42501", LOCKED))
            data = call.with_statement(said(call.statement, catalog))
        way = http.client.HTTPConnection("127.0.0.1", THRIFT)
        login = base64.b64encode(b"reader:x").decode()
        way.request(
            "POST", "/cliservice", data, {"Content-Type": "application/x-thrift", "Authorization": f"Basic {login}"}
        )
        answer = way.getresponse()
        return self.give(answer.status, answer.read(), "application/x-thrift", {})

    def thrift(self, data: bytes) -> None:
        self.give(200, data, "application/x-thrift", {})

    def send(self, status: int, answer: dict[str, Any]) -> None:
        self.give(status, json.dumps(answer).encode(), "application/json", {})

    def give(self, status: int, data: bytes, kind: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Nothing."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
