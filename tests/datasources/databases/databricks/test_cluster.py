"""A cluster of Databricks as a small server of ours imitates it: what it refuses, what it sends too much of, what is no answer.

That statements run is shown on Spark's own Thrift server (tests/emulators/databricks).
"""

import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
import pytest
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.Thrift import TApplicationException, TMessageType, TType
from thrift.transport.TTransport import TMemoryBuffer

from api.jobs.submit import _require_driver
from api.wire.errors import Invalid
from datasources.databases.base import Driver
from datasources.databases.databricks import Databricks
from datasources.databases.databricks import messages as m
from datasources.databases.databricks.cluster import PAGE, WRAPPED
from datasources.databases.databricks.errors import failed_operation
from datasources.databases.databricks.model import DatabricksOptions, DatabricksSource
from datasources.databases.flood import ANSWER_BYTES, MEGABYTE
from datasources.databases.warehouse.errors import Refused
from datasources.databases.warehouse.guard import require_reading
from datasources.model.errors import CheckError, SourceUnreachable
from datasources.model.vocabulary import ErrorCode
from tests.doubles.serving import serving
from tests.fixtures.servers.database import PASSWORD, free_port

PATH = "/sql/protocolv1/o/0/1126-071400-small"
OK = m.Status(code=m.Code.success)
OPERATION = m.OperationHandle(id=m.Identifier(guid=b"o" * 16, secret=b"s" * 16), kind=0, has_rows=True)
SESSION = m.SessionHandle(id=m.Identifier(guid=b"g" * 16, secret=b"s" * 16))
Reply = tuple[int, dict[str, str], bytes]


def texts(*values: str | None) -> m.Column:
    """A column, with a bit for each null."""
    nulls = sum(1 << row for row, value in enumerate(values) if value is None)
    kind = next(field[3][0] for field in m.Column.thrift_spec if field and field[2] == "texts")
    return m.Column(
        texts=kind(values=[value or "" for value in values], nulls=nulls.to_bytes(len(values) // 8 + 1, "little"))
    )


def answer(function: str, message: m.Message) -> bytes:
    """A reply of the service."""
    protocol = TBinaryProtocol(TMemoryBuffer())
    protocol.writeMessageBegin(function, TMessageType.REPLY, 1)
    protocol.writeFieldBegin("success", TType.STRUCT, 0)
    message.write(protocol)
    protocol.writeFieldStop()
    made: bytes = protocol.trans.getvalue()
    return made


def fetched(*columns: m.Column, **more: Any) -> bytes:
    results = m.RowSet(columns=list(columns), **more)
    return answer("FetchResults", m.Fetched(status=OK, has_more=False, results=results))


class Server(ThreadingHTTPServer):
    """A cluster that runs any statement, and answers the same to each but to those of a login."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.replies: dict[str, Callable[[], Reply]] = {}
        """What it answers in place of that, by function."""
        self.statement = b""
        self.rows = fetched(texts("one"))
        self.asked: list[tuple[str, str]] = []
        """Paths and functions."""

    def reply(self, function: str) -> Reply:
        if function in self.replies:
            return self.replies[function]()
        message = {
            "OpenSession": m.SessionOpened(status=OK, protocol=m.PROTOCOL, session=SESSION),
            "ExecuteStatement": m.StatementBegun(status=OK, operation=OPERATION),
            "GetOperationStatus": m.OperationStatus(status=OK, state=m.State.finished),
        }.get(function, m.Answered(status=OK))
        if function != "FetchResults":
            return 200, {}, answer(function, message)
        if b"current_user" in self.statement:
            return 200, {}, fetched(texts("reader"), texts("main"))
        return 200, {}, fetched(texts("15.4")) if b"current_version" in self.statement else self.rows


class Handler(BaseHTTPRequestHandler):
    """Thrift's binary protocol says the function's name at its eighth byte."""

    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        function = body[8 : 8 + int.from_bytes(body[4:8], "big")].decode() if self.path == PATH else ""
        self.server.asked.append((self.path, function))
        self.server.statement = body if function == "ExecuteStatement" else self.server.statement
        assert self.headers["Authorization"] == f"Bearer {PASSWORD}"
        status, headers, data = self.server.reply(function)
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    """It answers on the loopback."""
    made = Server()
    with serving(made):
        yield made


def source_at(port: int, seconds: float = 5, **options: Any) -> DatabricksSource:
    facts = {
        "host": "127.0.0.1",
        "port": port,
        "http_path": PATH,
        "http_password": PASSWORD,
        "tls": False,
        "allow_cleartext_password": True,
    }
    return DatabricksSource(name="x", connection_timeout=seconds, options=DatabricksOptions(**(facts | options)))


async def refusal(server: Server, patience: float = 0, **options: Any) -> SourceUnreachable:
    with pytest.raises(SourceUnreachable) as caught:
        async with Databricks.connect(source_at(server.server_address[1], **options), patience=patience):
            pass
    assert PASSWORD not in f"{caught.value} {caught.value.details}"
    return caught.value


def says(
    status: int, text: str = "", name: str = "X-Thriftserver-Error-Message", body: bytes = b""
) -> Callable[[], Reply]:
    return lambda: (status, {name: text} if text else {}, body)


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (says(401, "Credential was not sent or was of an unsupported type for this API.", "X-Databricks-Reason-Phrase"), ErrorCode.AUTHENTICATION_FAILED),
        (says(401), ErrorCode.AUTHENTICATION_FAILED),
        (says(403, "Invalid access token.", "X-Databricks-Reason-Phrase"), ErrorCode.AUTHENTICATION_FAILED),
        (says(403, body=b'{"error_code": 403, "message": "Invalid access token."}'), ErrorCode.AUTHENTICATION_FAILED),
        (says(403, "PERMISSION_DENIED: x does not have Attach permissions on the cluster"), ErrorCode.PERMISSION_DENIED),
        (says(403, "is not authorized", "X-Databricks-Error-Or-Redirect-Message"), ErrorCode.PERMISSION_DENIED),
        (says(404, "RESOURCE_DOES_NOT_EXIST: No cluster found matching: x"), ErrorCode.DATABASE_NOT_FOUND),
        (says(404), ErrorCode.DATABASE_NOT_FOUND),
        (says(400, "RESOURCE_DOES_NOT_EXIST: No cluster found matching: x"), ErrorCode.DATABASE_NOT_FOUND),
        (says(429, "REQUEST_LIMIT_EXCEEDED: too many"), ErrorCode.TOO_MANY_CONNECTIONS),
        (says(400, "MALFORMED_REQUEST: no"), ErrorCode.PROTOCOL_ERROR),
        (says(302), ErrorCode.PROTOCOL_ERROR),
        (says(500), ErrorCode.PROTOCOL_ERROR),
        (says(200, body=b"<html>a proxy</html>"), ErrorCode.PROTOCOL_ERROR),
    ],
    ids=range(14),
)  # fmt: skip
async def test_refused_requests(server: Server, reply: Callable[[], Reply], code: ErrorCode) -> None:
    """By the error's name in a header, by words about tokens, or else by the HTTP status."""
    server.replies["OpenSession"] = reply
    error = await refusal(server)
    assert (error.code, error.details["stage"]) == (code, "login")
    if code is ErrorCode.DATABASE_NOT_FOUND:
        assert "cluster" in error.message


@pytest.mark.parametrize("text", ["TEMPORARILY_UNAVAILABLE: Cluster x is temporarily unavailable.", ""])
async def test_a_cluster_that_is_stopped(server: Server, text: str) -> None:
    """It says so, and not that time is over; it is not asked again before it wants to be."""
    server.replies["OpenSession"] = lambda: (503, {"Retry-After": "30", "X-Thriftserver-Error-Message": text}, b"")
    error = await refusal(server, patience=5)
    assert (error.code, error.transient, error.details["retry_after"]) == (ErrorCode.CONNECTION_ERROR, True, 30)
    assert error.message.startswith("The cluster is not running yet")
    assert "starts it" in (error.advice or "")
    assert len(server.asked) == 1


@pytest.mark.parametrize("path", [PATH, "/sql/1.0/warehouses/1"])
async def test_too_many_requests(server: Server, path: str) -> None:
    """A workspace that limits requests is not asked before it says, by neither way."""
    body = b'{"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "too many"}'
    server.replies["OpenSession"] = server.replies[""] = lambda: (429, {"Retry-After": "30"}, body)
    error = await refusal(server, patience=5, http_path=path)
    assert (error.code, error.details["retry_after"], len(server.asked)) == (ErrorCode.TOO_MANY_CONNECTIONS, 30, 1)


async def test_a_cluster_that_has_started_meanwhile(server: Server) -> None:
    """Patience waits for it, as long as it says."""
    left = [503]

    def reply() -> Reply:
        if left:
            return left.pop(), {"Retry-After": "1", "X-Thriftserver-Error-Message": "TEMPORARILY_UNAVAILABLE: x"}, b""
        del server.replies["OpenSession"]
        return server.reply("OpenSession")

    server.replies["OpenSession"] = reply
    began = time.monotonic()
    async with Databricks.connect(source_at(server.server_address[1]), patience=5) as session:
        assert await session.version() == "Databricks Runtime 15.4"
    assert time.monotonic() - began >= 1


async def test_only_the_cluster_is_asked(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """No telemetry, no settings of the workspace, nothing of the environment; the session is closed (security row 28)."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("DATABRICKS_TOKEN", PASSWORD)
    monkeypatch.setenv("DATABRICKS_HOST", f"http://127.0.0.1:{free_port()}")
    async with Databricks.connect(source_at(server.server_address[1])) as session:
        assert (await session.query("SELECT 1")).value == "one"
    statement = ["ExecuteStatement", "GetOperationStatus", "FetchResults"]
    assert server.asked == [(PATH, function) for function in ["OpenSession", *statement * 3, "CloseSession"]]
    error = await refusal(server, http_password=None)
    assert error.details["secret_missing"] is True


async def test_a_flood(server: Server) -> None:
    """An answer has an end, also one of many pages that are small (security row 16)."""
    async with Databricks.connect(source_at(server.server_address[1])) as session:
        server.rows = fetched(texts("x" * (ANSWER_BYTES + MEGABYTE)))
        with pytest.raises(CheckError, match="more than 8 MB"):
            await session.query("SELECT 1")
        server.rows = fetched(texts(*["x" * 1000] * PAGE))
        with pytest.raises(CheckError, match="more than 8 MB"):
            await session.sweep("scratch")


@pytest.mark.parametrize(
    "rows",
    [
        fetched(texts("a", "b"), texts("a")),
        fetched(m.Column()),
        fetched(texts("a"), arrow=[m.Foreign(data=b"x")]),
        fetched(rows=[m.Foreign()]),
        fetched(links=[m.Foreign(data=b"https://example.com/rows")]),
        fetched(*[texts()] * (m.LONGEST_LIST + 1)),
        answer("FetchResults", m.Fetched(status=OK)),
        answer("OpenSession", m.Fetched(status=OK)),
        fetched(texts("a"))[:-20],
        fetched(texts("a" * 50)).replace(b"\0\0\0\x32", b"\x7f\xff\xff\xff"),
        fetched(texts("a" * 50)).replace(b"\0\0\0\x32", b"\xff\xff\xff\xff"),
        fetched(texts("a" * 50)).replace(b"a", b"\xff"),
        answer("FetchResults", m.Fetched(status=OK))[:-2] + b"\x0c\0\x09" * 100_000,
        b"",
        b"\0" * 1000,
    ],
    ids=range(15),
)  # fmt: skip
async def test_answers_that_are_none(server: Server, rows: bytes) -> None:
    """Columns of different lengths, other forms and links to other hosts, lengths that are not there, structs without an end."""
    async with Databricks.connect(source_at(server.server_address[1])) as session:
        server.rows = rows
        with pytest.raises(CheckError) as caught:
            await session.query("SELECT 1")
    assert caught.value.code is ErrorCode.PROTOCOL_ERROR


async def test_a_statement_without_a_handle(server: Server) -> None:
    """The answer breaks the protocol."""
    server.replies["ExecuteStatement"] = lambda: (200, {}, answer("ExecuteStatement", m.StatementBegun(status=OK)))
    assert (await refusal(server)).code is ErrorCode.PROTOCOL_ERROR


@pytest.mark.parametrize(
    ("query", "wrapped"),
    [
        ("SELECT 1", True), ("\n-- why\n/* x */ with t AS (SELECT 1) SELECT * FROM t;", True), ("(SELECT 1) UNION (SELECT 2)", True),
        ("VALUES (1)", True), ("SHOW SCHEMAS", False), ("DESCRIBE shop.orders", False), ("selected", False), ("-- select 1", False),
        ("/**/" * 5000 + "show tables", False),
    ],
    ids=range(9),
)  # fmt: skip
def test_queries_of_one_row(query: str, wrapped: bool) -> None:
    """What can be asked for one row is, whatever comments stand before it."""
    assert bool(WRAPPED.match(query)) is wrapped


def test_values() -> None:
    """Nulls are a bit each, from the lowest on."""
    values = ["a", None, "c", *"defghi", None]
    body = fetched(texts(*values))
    assert m.read("FetchResults", body).rows() == [[value] for value in values]


def test_a_refused_call() -> None:
    """The service's own error has its words."""
    protocol = TBinaryProtocol(TMemoryBuffer())
    protocol.writeMessageBegin("OpenSession", TMessageType.EXCEPTION, 1)
    TApplicationException(TApplicationException.INTERNAL_ERROR, "MALFORMED_REQUEST: no").write(protocol)
    with pytest.raises(Refused) as caught:
        m.read("OpenSession", protocol.trans.getvalue())
    assert (caught.value.code, caught.value.message) == (ErrorCode.PROTOCOL_ERROR, "MALFORMED_REQUEST: no")


@pytest.mark.parametrize(
    ("message", "sqlstate", "code", "shown"),
    [
        (
            "org.apache.hive.service.cli.HiveSQLException: Error running query: [TABLE_OR_VIEW_NOT_FOUND] "
            "org.apache.spark.sql.AnalysisException: [TABLE_OR_VIEW_NOT_FOUND] The table cannot be found.\n\tat x",
            "42P01", ErrorCode.QUERY_ERROR, "[TABLE_OR_VIEW_NOT_FOUND] The table cannot be found.",
        ),
        ("[SCHEMA_NOT_FOUND] The schema cannot be found.", "42704", ErrorCode.SCHEMA_NOT_FOUND, None),
        ("Error running query: java.lang.SecurityException: no", "42501", ErrorCode.PERMISSION_DENIED, "no"),
        ("", None, ErrorCode.QUERY_ERROR, "The statement ended as FAILED"),
        pytest.param("[" + "A" * 1_000_000, None, ErrorCode.QUERY_ERROR, "[" + "A" * 999, id="long class"),
    ],
)  # fmt: skip
def test_failed_statements(message: str, sqlstate: str | None, code: ErrorCode, shown: str | None) -> None:
    """By the class in brackets and the SQLSTATE; Java's own words are left out."""
    refused = failed_operation(message, sqlstate)
    assert (refused.code, refused.message) == (code, shown or message)
    assert failed_operation(message, None, ended=True).code is ErrorCode.TIMEOUT


@pytest.mark.parametrize(
    "statement",
    [
        "PUT '/etc/passwd' INTO '/Volumes/main/shop/v/x'", "GET '/Volumes/main/shop/v/x' TO '/etc/passwd'",
        "REMOVE '/Volumes/main/shop/v/x'", "COPY INTO shop.orders FROM 's3://x'", "SET CATALOG `other`",
    ],
)  # fmt: skip
def test_statements_that_move_files(statement: str) -> None:
    """The connector of Databricks carries them out itself; here they are refused as test queries (security row 4)."""
    with pytest.raises(CheckError) as caught:
        require_reading(statement)
    assert caught.value.code is ErrorCode.QUERY_NOT_READ_ONLY


def test_paths() -> None:
    """A cluster's path and a warehouse's are told apart, and nothing else passes."""
    for path in (PATH, PATH.strip("/"), "sql/protocolv1/o/1234567890123456/my-cluster_1/"):
        options = DatabricksOptions(host="h", http_path=path)
        assert (options.warehouse, options.cluster) == (None, path.strip("/"))
    for path in ("/sql/protocolv1/o/0/..", "/sql/protocolv1/o/0/a/b", "/sql/protocolv1/o/x/a", "/api/2.0/preview"):
        with pytest.raises(ValueError, match="http_path"):
            DatabricksOptions(host="h", http_path=path)


async def test_clusters_alone_need_a_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is not installed, a test of a cluster is refused before it is queued, and one of a warehouse goes on."""
    monkeypatch.setattr(Databricks, "driver", Driver("no_such_driver", "databricks"))
    _require_driver("databricks", {"http_path": "/sql/1.0/warehouses/1"})
    _require_driver("databricks", {})
    with pytest.raises(Invalid) as caught:
        _require_driver("databricks", {"http_path": PATH})
    assert "pip install 'sourcecheck[databricks]'" in caught.value.errors[0]["msg"]
    source = source_at(free_port())
    with pytest.raises(SourceUnreachable) as missing:
        async with Databricks.connect(source):
            pass
    assert missing.value.code is ErrorCode.DRIVER_MISSING
    options = msgspec.structs.replace(source.options, http_path="/sql/1.0/warehouses/1")
    with pytest.raises(SourceUnreachable) as gone:
        async with Databricks.connect(msgspec.structs.replace(source, options=options)):
            pass
    assert gone.value.code is ErrorCode.CONNECTION_ERROR
