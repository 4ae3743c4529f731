"""Oracle: what needs no server, as tables."""

from typing import Any

import msgspec
import pytest

from datasources.databases.base import Column, ForeignKey, LineageEdge, Origin, TableName
from datasources.databases.oracle.asker import OracleAsker, settings_of, version_of
from datasources.databases.oracle.catalog import Answers, catalog_of, edges_of, type_of
from datasources.databases.oracle.errors import DPY, ORA, Said, refusal_of
from datasources.databases.oracle.frames import Frames
from datasources.databases.oracle.model import OracleOptions, OracleSource, statements_of
from datasources.databases.oracle.session import OracleSession
from datasources.databases.warehouse.catalog import Catalog, Member
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode
from tests.datasources.databases.oracle.packets import packet
from tests.datasources.databases.oracle.test_documents import CODES


def source(**options: Any) -> OracleSource:
    """A source with these options."""
    return OracleSource(name="x", options=OracleOptions(**({"host": "db.example", "password": "secret"} | options)))


@pytest.mark.parametrize(
    ("script", "statements"),
    [
        (None, []),
        (" ;\n/\n", []),
        ("ALTER SESSION SET CONTAINER = SHOP", ["ALTER SESSION SET CONTAINER = SHOP"]),
        ("alter session set nls_date_format = 'YYYY;MM' nls_language=GERMAN;\nSET ROLE reader, \"Other\";",
         ["alter session set nls_date_format = 'YYYY;MM' nls_language=GERMAN", 'SET ROLE reader, "Other"']),
        ("ALTER SESSION SET CURRENT_SCHEMA = shop\n/\n", ["ALTER SESSION SET CURRENT_SCHEMA = shop"]),
    ],
)  # fmt: skip
def test_session_scripts(script: str | None, statements: list[str]) -> None:
    """Parameters of the session and roles, one statement after the other."""
    assert statements_of(script) == statements


@pytest.mark.parametrize(
    "script",
    [
        "DELETE FROM shop.orders",
        "BEGIN DBMS_LOCK.SLEEP(9); END;",
        "ALTER SYSTEM SET open_cursors = 1",
        "ALTER SESSION SET CONTAINER = SHOP; DROP TABLE x",
        "ALTER SESSION SET nls_language = 'A' sql_trace = TRUE",
        "ALTER SESSION SET events '10046 trace name context forever'",
        "ALTER SESSION SET tracefile_identifier = 'x'",
        "ALTER SESSION SET nls_language = 'A",
        "SET ROLE r IDENTIFIED BY password",
        "ALTER SESSION ENABLE PARALLEL DML",
    ],
)
def test_session_scripts_that_do_more(script: str) -> None:
    """They are refused with their number, and not repeated."""
    with pytest.raises(ValueError, match=r"statement \d") as caught:
        statements_of(script)
    assert script not in str(caught.value)


def test_ports() -> None:
    """The listener's usual ones, unless the source names another."""
    assert source().options.target == ("db.example", 1521)
    assert source(ssl=True).options.target == ("db.example", 2484)
    assert source(ssl=True, port=1522).options.target == ("db.example", 1522)


def test_what_the_driver_is_told() -> None:
    """A service, a SID or neither; an address in place of the name, and nothing of this machine."""
    told = settings_of(source(database="shop"), "192.0.2.1", 1521, None)
    assert (told["service_name"], told["host"], told["protocol"]) == ("shop", "192.0.2.1", "tcp")
    assert "sid" not in told
    told = settings_of(source(database="SHOP", database_type="sid", ssl=True), "192.0.2.1", 1521, object())
    assert (told["sid"], told["protocol"]) == ("SHOP", "tcps")
    assert not {"service_name", "sid"} & {*settings_of(source(), "192.0.2.1", 1521, None)}
    assert {told[name] for name in ("program", "machine", "terminal", "osuser")} == {"sourcecheck"}
    assert not {"dsn", "config_dir", "wallet_location", "externalauth", "https_proxy"} & {*told}


@pytest.mark.parametrize(
    ("banner", "words"),
    [
        ("Oracle Database 19c Enterprise Edition Release 19.0.0.0.0 - Production",
         "Oracle Database 19c Enterprise Edition 19.21.0.0.0"),
        ("Oracle Database 23ai Free Release 23.0.0.0.0 - Develop, Learn, and Run for Free",
         "Oracle Database 23ai Free 19.21.0.0.0"),
        ("", "Oracle Database 19.21.0.0.0"),
    ],
)  # fmt: skip
def test_versions(banner: str, words: str) -> None:
    """Product and edition of the banner, and the driver's own number, which has the release update."""
    assert version_of(banner, "19.21.0.0.0") == words


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (("VARCHAR2", 120, 30, "C", None, None), "VARCHAR2(30 CHAR)"),
        (("VARCHAR2", 30, 30, "B", None, None), "VARCHAR2(30)"),
        (("NVARCHAR2", 60, 30, "C", None, None), "NVARCHAR2(30)"),
        (("NUMBER", 22, 0, None, None, None), "NUMBER"),
        (("NUMBER", 22, 0, None, "10", "2"), "NUMBER(10,2)"),
        (("NUMBER", 22, 0, None, "10", "0"), "NUMBER(10)"),
        (("NUMBER", 22, 0, None, None, "0"), "NUMBER(*)"),
        (("FLOAT", 22, 0, None, "126", None), "FLOAT(126)"),
        (("RAW", "16", 0, None, None, None), "RAW(16)"),
        (("TIMESTAMP(6) WITH TIME ZONE", 13, 0, None, None, 6), "TIMESTAMP(6) WITH TIME ZONE"),
        (("DATE", 7, 0, None, None, None), "DATE"),
    ],
)
def test_types(row: tuple[Any, ...], words: str) -> None:
    """As one writes them in a CREATE TABLE."""
    assert type_of(*row) == words


def column(table: str, name: str, nullable: str = "Y", default: str | None = None) -> list[Any]:
    """A row of ALL_TAB_COLUMNS."""
    return ["SHOP", table, name, "NUMBER", 22, 0, None, None, None, nullable, default]


def test_rows_to_tables() -> None:
    """Tables, views and materialized views with columns, comments, keys and estimates."""
    found = catalog_of(
        Answers(
            tables=[["SHOP", "ORDERS", "12"], ["SHOP", "TOTALS", "3"], ["SHOP", "CUSTOMERS", None]],
            views=[["SHOP", "OPEN_ORDERS", "SELECT id FROM orders"]],
            materialized=[["SHOP", "TOTALS", "SELECT SUM(id) id FROM orders"]],
            columns=[
                column("CUSTOMERS", "ID", "N"), column("OPEN_ORDERS", "ID"), column("ORDERS", "ID", "N", "1 \n"),
                column("ORDERS", "CUSTOMER_ID"), column("TOTALS", "ID"),
            ],
            comments=[["SHOP", "ORDERS", None, "what was bought"], ["SHOP", "ORDERS", "ID", "the number"]],
            constraints=[
                ["SHOP", "C_FK", "R", "ORDERS", "SHOP", "C_PK"], ["SHOP", "C_PK", "P", "CUSTOMERS", None, None],
                ["SHOP", "HIDDEN", "R", "ORDERS", "OTHER", "PK"], ["SHOP", "O_PK", "P", "ORDERS", None, None],
            ],
            key_columns=[
                ["SHOP", "C_FK", "CUSTOMER_ID"], ["SHOP", "C_PK", "ID"], ["SHOP", "HIDDEN", "ID"], ["SHOP", "O_PK", "ID"]
            ],
        )
    )  # fmt: skip
    tables = {table.name: table for table in map(found.table, found.members)}
    assert {name: table.kind for name, table in tables.items()} == {
        "CUSTOMERS": "table", "OPEN_ORDERS": "view", "ORDERS": "table", "TOTALS": "materialized view"
    }  # fmt: skip
    orders = tables["ORDERS"]
    assert orders.columns == [
        Column(name="ID", type="NUMBER", nullable=False, default="1", comment="the number"),
        Column(name="CUSTOMER_ID", type="NUMBER"),
    ]
    assert (orders.comment, orders.rows, orders.primary_key) == ("what was bought", 12, ["ID"])
    assert orders.foreign_keys == [
        ForeignKey(columns=["CUSTOMER_ID"], table=TableName("SHOP", "CUSTOMERS"), referenced=["ID"])
    ]
    assert (tables["TOTALS"].rows, tables["TOTALS"].definition) == (3, "SELECT SUM(id) id FROM orders")
    assert tables["CUSTOMERS"].rows is None
    read = found.view_lineage("oracle", folded=True)
    assert [(str(edge.source), str(edge.target), edge.columns) for edge in read.edges] == [
        ("SHOP.ORDERS", "SHOP.OPEN_ORDERS", ["ID"]), ("SHOP.ORDERS", "SHOP.TOTALS", ["ID"])
    ]  # fmt: skip


def test_dependencies() -> None:
    """Through synonyms, private and public; not of a materialized view on its own table, and not in circles."""
    rows = [
        ["SHOP", "V", "VIEW", "SHOP", "ORDERS", "TABLE"],
        ["SHOP", "V", "VIEW", "PUBLIC", "CUSTOMERS", "SYNONYM"],
        ["PUBLIC", "CUSTOMERS", "SYNONYM", "SHOP", "S", "SYNONYM"],
        ["SHOP", "S", "SYNONYM", "CRM", "CUSTOMERS", "TABLE"],
        ["SHOP", "M", "MATERIALIZED VIEW", "SHOP", "V", "VIEW"],
        ["SHOP", "M", "MATERIALIZED VIEW", "SHOP", "M", "TABLE"],
        ["SHOP", "W", "VIEW", "SHOP", "A", "SYNONYM"],
        ["SHOP", "A", "SYNONYM", "SHOP", "B", "SYNONYM"],
        ["SHOP", "B", "SYNONYM", "SHOP", "A", "SYNONYM"],
    ]
    assert [(str(edge.source), str(edge.target)) for edge in edges_of(rows)] == [
        ("CRM.CUSTOMERS", "SHOP.V"), ("SHOP.ORDERS", "SHOP.V"), ("SHOP.V", "SHOP.M")
    ]  # fmt: skip


def test_what_a_text_calls_by_a_synonym() -> None:
    """The records name the table behind it; a view that they do not tell has what its text names."""

    def edge(target: str) -> LineageEdge:
        return LineageEdge(
            source=TableName("SHOP", "ORDERS"), target=TableName("SHOP", target), origin=Origin.dependency_record
        )

    texts = {"V": "SELECT s.id FROM synonym s", "W": "SELECT id FROM orders", "UNTOLD": "SELECT id FROM a"}
    members = [Member(schema="SHOP", name=name, kind="view", definition=text) for name, text in texts.items()]
    columns = {("SHOP", name): [Column(name="ID", type="NUMBER")] for name in (*texts, "ORDERS", "A")}
    found = Catalog(members=members, columns=columns).view_lineage(
        "oracle", folded=True, recorded=[edge("V"), edge("W")]
    )
    assert [(str(edge.source), str(edge.target), edge.columns, edge.origin) for edge in found.edges] == [
        ("SHOP.A", "SHOP.UNTOLD", ["ID"], Origin.view_text),
        ("SHOP.ORDERS", "SHOP.V", [], Origin.dependency_record),
        ("SHOP.ORDERS", "SHOP.W", ["ID"], Origin.dependency_record),
    ]
    assert found.columns_unread == [TableName("SHOP", "V")]


def test_every_number_of_the_table_is_tried() -> None:
    """By the suite of documents."""
    tried = {word for words in CODES.values() for word in words.split()}
    assert {f"ORA-{number:05}" for number in ORA} | {f"DPY-{number}" for number in DPY} <= tried


@pytest.mark.parametrize(
    ("said", "at_login", "code", "message"),
    [
        (["ORA-01017: invalid credential\nHelp: https://docs.oracle.com/"], True,
         ErrorCode.AUTHENTICATION_FAILED, "ORA-01017: invalid credential"),
        (["DPY-6005: cannot connect (CONNECTION_ID=x).", "DPY-6001: Service \"s\" … host \"10.0.0.1\""], True,
         ErrorCode.DATABASE_NOT_FOUND, "The listener knows no service of this name (ORA-12514)"),
        (["DPY-6005: cannot connect (CONNECTION_ID=x).",
          "DPY-6000: Listener refused connection. (Similar to ORA-12516)"], True,
         ErrorCode.TOO_MANY_CONNECTIONS, "DPY-6000: Listener refused connection. (Similar to ORA-12516)"),
        (["ORA-00604: error at recursive SQL level 1\nORA-20001: not from here\nORA-06512: at line 3"], True,
         ErrorCode.PERMISSION_DENIED, "ORA-20001: not from here"),
        (["ORA-00604: error at recursive SQL level 1\nORA-01031: insufficient privileges"], False,
         ErrorCode.PERMISSION_DENIED, "ORA-01031: insufficient privileges"),
        (["ORA-00942: table or view does not exist"], True,
         ErrorCode.CONNECTION_ERROR, "ORA-00942: table or view does not exist"),
        ([], True, ErrorCode.CONNECTION_ERROR, "The server gave no reason"),
    ],
)  # fmt: skip
def test_what_errors_say(said: list[str], at_login: bool, code: ErrorCode, message: str) -> None:
    """The number that says most counts: the listener's, the one behind a trigger's; and no address is repeated."""
    found = refusal_of(*(Said(text.partition(":")[0], text) for text in said), at_login=at_login)
    assert (found.code, found.message) == (code, message)


def test_the_servers_own_sentence() -> None:
    """The driver puts one of its own before it."""
    found = refusal_of(
        Said("ORA-03113", "DPY-4011: the database closed it\nORA-03113: end-of-file on channel\nHelp: …")
    )
    assert (found.code, found.message) == (ErrorCode.CONNECTION_ERROR, "ORA-03113: end-of-file on channel")


def test_frames() -> None:
    """Whole packets, however they come; lengths are wider once the listener has accepted."""
    sent = [packet(11), packet(2, b"accepted"), packet(6, b"x" * 70000, 4)]
    for size in (1, 7, 100000):
        frames, found = Frames(), []
        for whole in sent:
            for start in range(0, len(whole), size):
                found += frames.whole(whole[start : start + size])
        assert found == sent


@pytest.mark.parametrize(
    "data", [bytes(8), packet(6)[:1] + b"\7" + packet(6)[2:], packet(8), b"SSH-2.0-OpenSSH", packet(2) + packet(6)]
)
def test_what_is_no_frame(data: bytes) -> None:
    """A length that no packet has, a kind that there is not, and what comes unasked behind an acceptance."""
    with pytest.raises(ValueError, match=r"packet|asked"):
        Frames().whole(data)


def test_statements_of_temp_schema() -> None:
    """A name in lower case is Oracle's own in upper case; the table does not stay in the recycle bin."""
    session = OracleSession(OracleAsker(source()), 3)
    made = session.scratch("scratch", "sourcecheck_tmp_0_0", "t")
    assert made["create"] == 'CREATE TABLE "SCRATCH"."sourcecheck_tmp_0_0" (token VARCHAR2(64))'
    assert made["drop"] == 'DROP TABLE "SCRATCH"."sourcecheck_tmp_0_0" PURGE'
    assert '"Mixed Case"' in session.scratch("Mixed Case", "t", "t")["create"]
    assert "owner = 'O''BRIEN'" in session.names_in("o'brien")


@pytest.mark.parametrize(
    ("sql", "passes"),
    [
        ("SELECT 1 FROM dual", True),
        ("select 1 from dual;", True),
        ("/* a */ -- b\n WITH a AS (SELECT 1 FROM dual) SELECT * FROM a", True),
        ("(SELECT 1 FROM dual) UNION (SELECT 2 FROM dual)", True),
        ("EXPLAIN PLAN FOR SELECT 1 FROM dual", False),
        ("/* SELECT */ EXPLAIN PLAN FOR SELECT 1 FROM dual", False),
        ("SELECT 1 FROM dual; SELECT 2 FROM dual", False),
        ("WITH FUNCTION f RETURN NUMBER IS BEGIN DELETE FROM t; RETURN 1; END; SELECT f FROM dual", False),
        ("SELECT * FROM t FOR UPDATE; COMMIT", False),
        ("BEGIN NULL; END;", False),
        ("SHOW PARAMETERS", False),
    ],
)
def test_test_queries(sql: str, passes: bool) -> None:
    """One query; the read-only transaction stops what writes nevertheless."""
    session = OracleSession(OracleAsker(source()), 3)
    if passes:
        session.require_reading(sql)
        return
    with pytest.raises(CheckError) as caught:
        session.require_reading(sql)
    assert caught.value.code is ErrorCode.QUERY_NOT_READ_ONLY


def test_secrets_stay_out_of_a_repr() -> None:
    """A wallet is a secret as a whole."""
    made = msgspec.convert({"host": "h", "ewallet_pem_file": "the-pem", "ewallet_password": "the-pass"}, OracleOptions)
    assert "the-p" not in repr(made)
