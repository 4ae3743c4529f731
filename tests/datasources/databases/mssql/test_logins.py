"""Logins by real bytes: python-tds through the relay, against a double that speaks TDS and knows no SQL."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import msgspec
import pytest

from datasources.databases.flood import MEGABYTE
from datasources.databases.globs import Globs
from datasources.databases.mssql import AzureSynapse, MicrosoftFabric, Mssql, queries
from datasources.databases.mssql import asker as asker_module
from datasources.databases.mssql.asker import GREETING, MssqlAsker
from datasources.databases.mssql.model import FabricOptions, MicrosoftFabricSource, MssqlOptions, MssqlSource
from datasources.databases.mssql.session import MssqlSession
from datasources.databases.warehouse import entra
from datasources.model.errors import CheckError, SourceUnreachable
from datasources.model.vocabulary import ErrorCode
from datasources.network import way_out
from tests.doubles.https import Answer, Request, https_double
from tests.doubles.tds import NOT_SUPPORTED, OFF, ON, REQUIRED, Fault, TdsDouble, running
from tests.fixtures.deadline import keeps_the_promise, spending
from tests.fixtures.identity import telltale_machine, told_by
from tests.fixtures.servers.database import authority_and_certificate

PASSWORD = "Gr33n; t&a 🍵"
WHO: Any = [["reader", "shop", "16.0.4115.5", 3]]


@pytest.fixture(scope="module")
def identity() -> tuple[str, bytes, bytes]:
    """An authority, and the certificate and key of a server at `localhost` that it vouches for, all PEM."""
    return authority_and_certificate()


@pytest.fixture
async def server(identity: tuple[str, bytes, bytes], tmp_path: Path) -> AsyncIterator[TdsDouble]:
    """A SQL Server 2022 as far as a login goes."""
    (tmp_path / "server.pem").write_bytes(identity[1] + identity[2])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    async with running(TdsDouble(users={"reader": PASSWORD}, context=context)) as double:
        double.answers[GREETING.strip()] = WHO
        yield double


def source_of(double: TdsDouble, **options: Any) -> MssqlSource:
    """The reader."""
    facts = {"host": "localhost", "port": double.port, "user": "reader", "password": PASSWORD, "dbname": "shop"}
    return MssqlSource(
        name="x",
        connection_timeout=5,
        query_timeout=60,
        temp_schema="scratch",
        options=MssqlOptions(**(facts | options)),
    )


@asynccontextmanager
async def session_of(double: TdsDouble, read_only: bool = True, **options: Any) -> AsyncIterator[MssqlSession]:
    """A session that has been let in."""
    async with Mssql.open(source_of(double, **options), read_only=read_only) as session:
        yield session


async def refused(double: TdsDouble, **options: Any) -> SourceUnreachable:
    """Why no session was opened."""
    with pytest.raises(SourceUnreachable) as caught:
        async with session_of(double, **options):
            pass
    return caught.value


async def test_a_login(server: TdsDouble) -> None:
    """Names and passwords of any letters; what we say of ourselves; and who the server says that we are."""
    async with session_of(server) as session:
        who = await session.identity()
        assert await session.version() == "SQL Server 2022 (16.0.4115.5)"
    (login,) = server.logins
    assert (login.user, login.password, login.database, login.server) == ("reader", PASSWORD, "shop", "localhost")
    assert (login.application, login.host, login.reads_only) == ("sourcecheck", "sourcecheck", False)
    assert (who.user, who.database, who.tls, who.tls_version) == ("reader", "shop", True, "TLSv1.2")
    assert {*who.stages_ms} == {"resolve", "tcp", "tls", "login", "database"}
    assert server.asked[1] == "SET LOCK_TIMEOUT 60000"
    assert server.connections == 1


@pytest.mark.parametrize("kind", [Mssql, AzureSynapse])
async def test_what_the_server_learns_of_the_worker(server: TdsDouble, kind: type[Mssql]) -> None:
    """Who logs in, and neither where nor as whom it runs (security row 34)."""
    with telltale_machine():
        async with kind.open(source_of(server), read_only=True) as session:
            await session.version()
        assert "sourcecheck".encode("utf-16-le") in server.heard
        assert told_by(server.heard) == []
    assert {(login.process, login.card) for login in server.logins} == {(0, bytes(6))}


async def test_certificates(server: TdsDouble, identity: tuple[str, bytes, bytes]) -> None:
    """Trusted unseen by the published default, which answers tell; else verified, by chain and by name."""
    async with session_of(server) as session:
        assert (await session.identity()).tls_verified == "none"
    async with session_of(server, trust_server_certificate=False, rootcert=identity[0]) as session:
        assert (await session.identity()).tls_verified == "full"
    for options, word in (({}, "certificate"), ({"rootcert": identity[0], "host": "127.0.0.1"}, "127.0.0.1")):
        error = await refused(server, trust_server_certificate=False, **options)
        assert (error.code, error.details["stage"]) == (ErrorCode.TLS_ERROR, "tls")
        assert word in error.message
        assert "trust_server_certificate" in (error.advice or "")
    assert len(server.logins) == 2, "no password goes to a server that was not verified"


async def test_encryption(server: TdsDouble) -> None:
    """Required unless the source says otherwise; and without any, no password in clear unless that is allowed."""
    server.encryption = REQUIRED
    async with session_of(server, require_encryption=False) as session:
        assert (await session.identity()).tls
    server.logins.clear()
    for encryption in (NOT_SUPPORTED, OFF):
        server.encryption = encryption
        assert (await refused(server)).code is ErrorCode.TLS_ERROR
        error = await refused(server, require_encryption=False)
        assert (error.code, error.details.get("cleartext")) == (ErrorCode.AUTHENTICATION_FAILED, True)
    assert server.logins == []
    async with session_of(server, require_encryption=False, allow_cleartext_password=True) as session:
        who = await session.identity()
    assert (who.tls, who.tls_version, who.tls_verified) == (False, None, None)


@pytest.mark.parametrize(
    ("fault", "code", "number"),
    [
        (Fault(18456, "Login failed for user 'reader'."), ErrorCode.AUTHENTICATION_FAILED, 18456),
        (
            Fault(4060, 'Cannot open database "shop".', severity=11, then=Fault(18456, "Login failed.")),
            ErrorCode.DATABASE_NOT_FOUND,
            4060,
        ),
        (Fault(40615, "Client with IP address '1.2.3.4' is not allowed"), ErrorCode.PERMISSION_DENIED, 40615),
        (Fault(40613, "Database 'shop' is not currently available.", severity=17), ErrorCode.CONNECTION_ERROR, 40613),
        (
            Fault(10928, "Resource ID: 1. The request limit is reached.", severity=20),
            ErrorCode.TOO_MANY_CONNECTIONS,
            10928,
        ),
        (Fault(18456, "Login failed.", state=38), ErrorCode.DATABASE_NOT_FOUND, 18456),
        (Fault(12345, "Something ended us.", severity=21), ErrorCode.CONNECTION_ERROR, 12345),
    ],
    ids=lambda value: str(value.number) if isinstance(value, Fault) else "",
)
async def test_refusals(server: TdsDouble, fault: Fault, code: ErrorCode, number: int) -> None:
    """The first error says why: that the login failed comes after it. Nothing is tried twice."""
    server.refuses = fault
    error = await refused(server)
    assert (error.code, error.details["mssql_error"], error.message) == (code, number, fault.message)
    assert error.details["stage"] == "login"
    assert server.connections == 1


async def test_a_missing_password(server: TdsDouble) -> None:
    """It is asked for, and nothing is dialled: no login of the worker's own, and no Kerberos ticket, is lent."""
    error = await refused(server, password=None)
    assert (error.code, error.details["missing"]) == (ErrorCode.AUTHENTICATION_FAILED, ["password"])
    assert server.connections == 0


async def test_a_gateway_sends_on(server: TdsDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    """To any address: refused, unless both ends are Azure's or the source asks for a secondary; then judged, and once."""
    async with running(TdsDouble(users={"reader": PASSWORD}, context=server.context)) as second:
        second.answers[GREETING.strip()] = WHO
        server.route = ("localhost", second.port)
        error = await refused(server)
        assert (error.code, second.connections) == (ErrorCode.DESTINATION_FORBIDDEN, 0)
        assert f"localhost, port {second.port}" in error.message

        async with session_of(server, always_on=True) as session:
            assert (await session.identity()).user == "reader"
        assert [login.reads_only for login in second.logins] == [True]
        with pytest.raises(SourceUnreachable):
            async with session_of(server, read_only=False, always_on=True):
                pass  # what writes asks for no secondary, and is sent to none
        assert len(second.logins) == 1

        monkeypatch.setattr(asker_module, "AZURE", ("localhost",))
        async with session_of(server):
            pass
        assert len(second.logins) == 2
        second.route = ("localhost", server.port)
        assert (await refused(server)).code is ErrorCode.DESTINATION_FORBIDDEN
        server.route = ("169.254.169.254", 80)
        assert (await refused(server, always_on=True)).code is ErrorCode.DESTINATION_FORBIDDEN


async def test_packets_of_two_gigabytes(server: TdsDouble) -> None:
    """A server that names a size for packets that TDS does not have gets no memory for it."""
    server.packet_size = "2000000000"
    error = await refused(server)
    assert error.code is ErrorCode.PROTOCOL_ERROR


async def test_another_service() -> None:
    """A port that answers something else is told as that."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    other = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with other:
        error = await refused(TdsDouble(port=other.sockets[0].getsockname()[1]))
    assert (error.code, error.details["stage"]) == (ErrorCode.PROTOCOL_ERROR, "login")
    assert "TDS" in error.message


async def test_a_test_query(server: TdsDouble) -> None:
    """In a transaction that is rolled back; of a long answer one row is read; what writes is not sent."""
    server.answers["SELECT name FROM customer"] = [["Ada"], *[["x" * 1000]] * 3000]
    async with session_of(server) as session:
        answer = await session.query("SELECT name FROM customer")
        assert (answer.value, answer.has_row) == ("Ada", True)
        with pytest.raises(CheckError):
            await session.query("SELECT 1 DROP TABLE customer")
        with pytest.raises(CheckError) as missing:
            await session.query("SELECT * FROM nowhere")
    assert (missing.value.code, missing.value.details["mssql_error"]) == (ErrorCode.QUERY_ERROR, 208)
    asked = server.asked[2:]
    assert asked[:3] == ["BEGIN TRANSACTION", "SELECT name FROM customer", "IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION"]
    assert not [statement for statement in asked if "DROP" in statement]


async def test_a_query_that_is_cut_off(server: TdsDouble) -> None:
    """It ends at the limit, whatever the server does."""
    server.silent_at = "SELECT 1"
    source = source_of(server).within(1)

    async def once() -> float:
        async with Mssql.open(source, read_only=True) as session:
            with spending() as spent, pytest.raises(CheckError) as caught:
                await session.query("SELECT 1")
        assert (caught.value.code, caught.value.details["stage"]) == (ErrorCode.TIMEOUT, "query")
        return spent.seconds

    await keeps_the_promise(1, once)


async def test_a_row_without_end(server: TdsDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than an answer may have is not kept."""
    monkeypatch.setattr(way_out, "UNREAD_BYTES", MEGABYTE)
    server.answers["SELECT big FROM t"] = [["x" * 10 * MEGABYTE]]
    async with session_of(server) as session:
        with pytest.raises(CheckError) as caught:
            await session.query("SELECT big FROM t")
    assert caught.value.code is ErrorCode.QUERY_ERROR


async def test_temp_schema(server: TdsDouble) -> None:
    """A table is made, written, read and dropped in a transaction that is rolled back; a no leaves it rolled back too."""
    made: list[str] = []

    class Answers(dict[str, Any]):
        def get(self, sql: str, default: Any = None) -> Any:
            made.append(sql)
            if sql.startswith("SELECT token"):
                return [[made[-2].split("'")[1]]]
            return None if sql.startswith(("CREATE", "INSERT", "DROP")) else super().get(sql, default)

    server.answers = Answers(server.answers)
    async with session_of(server, read_only=False) as session:
        await session.write_and_drop("scratch")
    kinds = [statement.split()[0] for statement in server.asked[2:]]
    assert kinds == ["BEGIN", "CREATE", "INSERT", "SELECT", "DROP", "IF"]
    assert "[scratch].[sourcecheck_tmp_" in server.asked[3]

    server.answers = {GREETING.strip(): WHO}
    denied = Fault(262, "CREATE TABLE permission denied in database 'shop'.")
    server.asked.clear()

    class Denied(dict[str, Any]):
        def get(self, sql: str, default: Any = None) -> Any:
            return denied if sql.startswith("CREATE") else super().get(sql, default)

    server.answers = Denied(server.answers)
    async with session_of(server, read_only=False) as session:
        with pytest.raises(CheckError) as caught:
            await session.write_and_drop("scratch")
    assert caught.value.code is ErrorCode.PERMISSION_DENIED
    assert caught.value.advice == (
        "GRANT CREATE TABLE TO [reader]; GRANT ALTER, SELECT, INSERT ON SCHEMA::[scratch] TO [reader]."
    )
    assert server.asked[-1].endswith("ROLLBACK TRANSACTION")


def given(server: TdsDouble, *, classic: bool = True) -> None:
    """A shop: two tables and a view, as the catalogue's rows have them."""
    comment, rows = ("What was bought", 7) if classic else (None, None)
    view = "CREATE VIEW dbo.totals AS SELECT customer_id, SUM(total) AS total FROM dbo.orders GROUP BY customer_id"
    server.answers |= {
        (queries.CLASSIC_MEMBERS if classic else queries.PLAIN_MEMBERS).strip(): [
            ["dbo", "customer", "U ", 1, None, rows, None],
            ["dbo", "hidden", "V ", None, None, None, None],
            ["dbo", "orders", "U ", 1, comment, rows, None],
            ["dbo", "totals", "V ", None, None, None, view],
        ],
        (queries.CLASSIC_COLUMNS if classic else queries.PLAIN_COLUMNS).strip(): [
            ["dbo", "customer", "id", "int", 4, 10, 0, 0, None, None],
            ["dbo", "customer", "name", "nvarchar", 100, 0, 0, 1, "('unknown')" if classic else None, None],
            ["dbo", "hidden", "id", "int", 4, 10, 0, 1, None, None],
            ["dbo", "orders", "customer_id", "int", 4, 10, 0, 0, None, None],
            ["dbo", "orders", "total", "decimal", 9, 10, 2, 1, None, "In euros" if classic else None],
            ["dbo", "totals", "customer_id", "int", 4, 10, 0, 0, None, None],
            ["dbo", "totals", "total", "decimal", 17, 38, 2, 1, None, None],
        ],
        queries.PRIMARY.strip(): [["dbo", "customer", "id"]],
        queries.FOREIGN.strip(): [["dbo", "orders", "FK_customer", "customer_id", "dbo", "customer", "id"]],
    }


async def test_the_catalogue(server: TdsDouble) -> None:
    """Four statements, whatever there is; the lists of the source are kept to."""
    given(server)
    async with session_of(server) as session:
        tables = [table async for batch in session.tables(Globs("shop.dbo.*", "shop.dbo.hid*")) for table in batch]
    assert len(server.asked) == 2 + 4
    customer, orders, totals = tables
    assert [(column.name, column.type, column.nullable) for column in customer.columns] == [
        ("id", "int", False),
        ("name", "nvarchar(50)", True),
    ]
    assert customer.columns[1].default == "('unknown')"
    assert (customer.primary_key, customer.rows, customer.kind) == (["id"], 7, "table")
    assert (orders.comment, orders.columns[1].comment, orders.columns[1].type) == (
        "What was bought",
        "In euros",
        "decimal(10,2)",
    )
    assert str(orders.foreign_keys[0].table) == "dbo.customer"
    assert (totals.kind, totals.rows) == ("view", None)
    assert (totals.definition or "").startswith("CREATE VIEW")


async def test_lineage(server: TdsDouble) -> None:
    """The server's record, then the texts of views for columns, then Query Store; a hidden text is told by the record."""
    given(server)
    server.answers |= {
        queries.DEPENDENCIES.strip(): [["dbo", "orders", "dbo", "totals"], ["dbo", "customer", "dbo", "hidden"]],
        queries.QUERY_STORE_STATE: [[2]],
        queries.QUERY_STORE.statement.strip(): [
            ["(@1 tinyint,@2 decimal(10,2))INSERT INTO orders SELECT id, @2 FROM customer WHERE id > @1", "dbo"],
            ["INSERT INTO orders VALUES (1, 2)", "dbo"],
            ["THIS IS NO SQL INTO (", "dbo"],
        ],
    }
    async with session_of(server) as session:
        lineage = await session.lineage(Globs())
    edges = {(str(edge.source), str(edge.target)): edge for edge in lineage.edges}
    assert {*edges} == {
        ("dbo.orders", "dbo.totals"),
        ("dbo.customer", "dbo.hidden"),
        ("dbo.customer", "dbo.orders"),
    }
    assert edges["dbo.orders", "dbo.totals"].columns == ["customer_id", "total"]
    assert edges["dbo.customer", "dbo.hidden"].origin == "dependency_record"
    assert edges["dbo.customer", "dbo.orders"].origin == "query_history"
    assert lineage.unread == []
    assert lineage.history is not None
    assert (lineage.history.statements, lineage.history.unread) == (1, 1)


async def test_what_is_not_granted(server: TdsDouble) -> None:
    """Each record that the user may not read is named with its grant; a view whose text is hidden counts as unread."""
    given(server)
    denied = Fault(229, "The SELECT permission was denied on the object 'sql_expression_dependencies'.")
    server.answers |= {
        queries.DEPENDENCIES.strip(): denied,
        queries.QUERY_STORE_STATE: Fault(262, "VIEW DATABASE STATE permission denied in database 'shop'."),
    }
    async with session_of(server) as session:
        lineage = await session.lineage(Globs())
        assert [str(view) for view in lineage.unread] == ["dbo.hidden"]
        assert lineage.history is not None
        assert "GRANT VIEW DATABASE STATE TO [reader]" in (lineage.history.missing or "")
        server.answers[queries.QUERY_STORE_STATE] = [[0]]
        lineage = await session.lineage(Globs())
        assert lineage.history is not None
        assert "ALTER DATABASE [shop] SET QUERY_STORE = ON" in (lineage.history.missing or "")


@pytest.mark.parametrize(
    ("edition", "log"),
    [(6, queries.DEDICATED_POOL), (11, queries.SERVERLESS_POOL)],
    ids=["dedicated", "serverless"],
)
async def test_synapse(server: TdsDouble, edition: int, log: queries.Log) -> None:
    """By the engine that answers: its own history, no comments, and no transaction around what it runs."""
    given(server, classic=False)
    server.answers |= {
        GREETING.strip(): [["reader", "shop", "10.0.1", edition]],
        queries.DEPENDENCIES.strip(): [],
        log.statement.strip(): [["INSERT INTO dbo.orders SELECT id, 1 FROM dbo.customer", "dbo"]],
        "SELECT 1": [[1]],
    }
    async with AzureSynapse.open(source_of(server), read_only=True) as session:
        assert (await session.version()).startswith("Azure Synapse")
        lineage = await session.lineage(Globs())
        assert (await session.query("SELECT 1")).value == "1"
    assert ("dbo.customer", "dbo.orders") in {(str(edge.source), str(edge.target)) for edge in lineage.edges}
    assert not [statement for statement in server.asked if "TRANSACTION" in statement or "LOCK_TIMEOUT" in statement]


async def test_fabric(
    server: TdsDouble, identity: tuple[str, bytes, bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Entra gives an application a token, which is sent inside the login, and never to a server that was not verified."""
    options = FabricOptions(host="localhost", dbname="shop", tenant_id="ten", client_id="app", client_secret="s3cret&")
    source = MicrosoftFabricSource(name="x", connection_timeout=5, options=options)
    monkeypatch.setattr(FabricOptions, "target", property(lambda self: (self.host, server.port)))
    server.tokens.add("a.token.é")
    given(server, classic=False)
    server.answers |= {
        GREETING.strip(): [["app", "shop", "12.0.2000.8", 11]],
        queries.DEPENDENCIES.strip(): [],
        queries.FABRIC.statement.strip(): Fault(229, "The SELECT permission was denied."),
    }

    def answer(request: Request) -> Answer:
        given = parse_qs(request.body.decode())
        if given["client_secret"] != ["s3cret&"]:
            return 401, {}, b'{"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret."}'
        assert (request.path, given["client_id"]) == ("/ten/oauth2/v2.0/token", ["app"])
        assert given["scope"] == ["https://database.windows.net/.default"]
        return 200, {}, '{"access_token": "a.token.é"}'.encode()

    (tmp_path / "authorities.pem").write_text(identity[0])
    with https_double(answer, identity) as double:
        monkeypatch.setattr(entra, "AUTHORITY", f"https://localhost:{double.port}")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authorities.pem"))
        with telltale_machine():
            async with MicrosoftFabric.open(source, read_only=True) as session:
                who = await session.identity()
                lineage = await session.lineage(Globs())
            assert told_by(server.heard + b"".join(request.whole for request in double.asked)) == []
        wrong = msgspec.structs.replace(source, options=msgspec.structs.replace(options, client_secret="wrong"))
        with pytest.raises(SourceUnreachable) as refusal:
            async with MicrosoftFabric.open(wrong, read_only=True):
                pass
        elsewhere = msgspec.structs.replace(options, host="127.0.0.1")
        with pytest.raises(SourceUnreachable) as unverified:
            async with MicrosoftFabric.open(msgspec.structs.replace(source, options=elsewhere), read_only=True):
                pass
    assert (who.user, who.tls_verified) == ("app", "full")
    assert [(login.token, login.user) for login in server.logins] == [("a.token.é", "")]
    assert (refusal.value.code, refusal.value.message[:13]) == (ErrorCode.AUTHENTICATION_FAILED, "AADSTS7000215")
    assert unverified.value.code is ErrorCode.TLS_ERROR
    assert lineage.history is not None
    assert "Contributor" in (lineage.history.missing or "")


async def test_a_session_script(server: TdsDouble) -> None:
    """Its statements are run on each connection, after our own."""
    async with session_of(server, session_script="SET ARITHABORT ON; SET DATEFIRST 1\n-- a remark\n"):
        pass
    assert server.asked[2:] == ["SET ARITHABORT ON", "SET DATEFIRST 1"]


async def test_the_environment_lends_nothing(server: TdsDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy, no file and no variable of the machine changes where the driver goes, or as whom (row 28)."""
    for name in ("HTTPS_PROXY", "ALL_PROXY", "SSL_CERT_FILE", "KRB5CCNAME", "FREETDSCONF", "TDSHOST", "TDSPORT"):
        monkeypatch.setenv(name, "http://127.0.0.1:9" if "PROXY" in name else "/nowhere")
    async with session_of(server) as session:
        assert (await session.identity()).user == "reader"


def test_the_encryption_that_we_ask_for() -> None:
    """The double's word for it is MS-TDS's."""
    assert (OFF, ON, NOT_SUPPORTED, REQUIRED) == (0, 1, 2, 3)
    assert MssqlAsker.connections == 1
