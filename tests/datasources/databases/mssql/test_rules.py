"""Rules of SQL Server and its relatives that need no server, as tables."""

import asyncio
import struct

import pytest

from datasources.databases.base import Column
from datasources.databases.history.edges import FoldedNames, Written, edges_by
from datasources.databases.mssql.guard import require_reading
from datasources.databases.mssql.products import Product
from datasources.databases.mssql.session import PARAMETERS, MssqlSession, literal, member_of, type_of
from datasources.databases.mssql.tds import (
    NOT_SUPPORTED,
    ON,
    PRELOGIN,
    REPLY,
    Foreign,
    encryption_of,
    packet,
    read_message,
    with_encryption,
)
from datasources.databases.warehouse.catalog import Catalog, Member
from datasources.databases.warehouse.records import foreign_of
from datasources.model.column_kinds import ColumnKind, kind_of
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode

READS = [
    "SELECT 1",
    "select top (5) * from dbo.orders order by id offset 0 rows fetch next 5 rows only;",
    "WITH a AS (SELECT 1 AS n) SELECT n FROM a -- DROP TABLE x",
    "/* a remark; DROP TABLE x */ SELECT N'it''s; EXEC sp_who' AS [drop table], \"exec\" FROM [insert]",
    "SELECT CASE WHEN 1 = 1 THEN 1 ELSE 2 END",
    "SELECT 1e5FROM",
    "SELECT [a]]b; DELETE FROM x] FROM t;  \n",
]
WRITES = [
    "",
    ";",
    "DROP TABLE x",
    "EXEC sp_who",
    "sp_who",
    "SELECT 1 DROP TABLE x",
    r"SELECT * FROM fn_trace_gettable('\\elsewhere\share\x', 1)",
    r"SELECT * FROM sys.[dm_os_file_exists]('\\elsewhere\share\x')",
    'SELECT * FROM "sys"."FN_GET_AUDIT_FILE"(NULL, NULL, NULL)',
    "SELECT 1DROP TABLE x",
    "SELECT 1e5DROP TABLE x",
    "SELECT 1eDROP TABLE x",
    "SELECT .5e-3DROP TABLE x",
    "SELECT 0x1FTRUNCATE TABLE x",
    "SELECT 'a'DELETE FROM x",
    "SELECT [a]UPDATE x SET y = 1",
    "SELECT 1; SELECT 2",
    "SELECT 1;;SELECT 2",
    "SELECT 1 INTO made",
    "SELECT * INTO #made FROM x",
    "WITH a AS (SELECT 1 AS n) INSERT INTO x SELECT n FROM a",
    "SELECT 1 EXECUTE AS USER = 'dbo'",
    "SELECT 1 COMMIT",
    "SELECT 1 ROLLBACK TRAN",
    "SELECT 1 WAITFOR DELAY '01:00'",
    "SELECT 1 SHUTDOWN",
    "SELECT 1 KILL 52",
    "SELECT 1 DBCC FREEPROCCACHE",
    "SELECT 1 BACKUP DATABASE x TO DISK = 'y'",
    "SELECT 1 SEND ON CONVERSATION @h",
    "SELECT 1 END CONVERSATION @h",
    "SELECT NEXT VALUE FOR s",
    "SELECT next\n/* a remark */ value for s",
    "SELECT * FROM OPENROWSET('SQLNCLI', 'x', 'DROP TABLE y')",
    "SELECT * FROM OPENQUERY(other, 'DROP TABLE y')",
    "/* a /* nested */ remark */ SELECT 1",
    "SELECT 1 /* a /* b */ DROP TABLE x /* c */ */",
    "SELECT 1 -- '\rDROP TABLE x --'",
    "SELECT 1 -- '\nDROP TABLE x --'",
    "DECLARE @a int",
    "IF 1 = 1 SELECT 1",
    "BEGIN SELECT 1 END",
    "USE master",
    "SET NOCOUNT ON",
    "SELECT 1 RENAME OBJECT a TO b",
    "COPY INTO x FROM 'y'",
]


@pytest.mark.parametrize("sql", READS)
def test_what_reads(sql: str) -> None:
    """Words in texts, names and remarks count for nothing."""
    require_reading(sql)


@pytest.mark.parametrize("sql", WRITES)
def test_what_does_not(sql: str) -> None:
    """No semicolon is needed between two statements, and not even a space."""
    with pytest.raises(CheckError) as caught:
        require_reading(sql)
    assert caught.value.code is ErrorCode.QUERY_NOT_READ_ONLY


@pytest.mark.parametrize(
    ("version", "edition", "words"),
    [
        ("16.0.4115.5", 3, "SQL Server 2022 (16.0.4115.5)"),
        ("15.0.2000.5", 4, "SQL Server 2019 (15.0.2000.5)"),
        ("10.50.6000.34", 2, "SQL Server 2008 R2 (10.50.6000.34)"),
        ("99.1", 3, "SQL Server 99.1"),
        ("12.0.2000.8", 5, "Azure SQL Database 12.0.2000.8"),
        ("12.0.2000.8", 8, "Azure SQL Managed Instance 12.0.2000.8"),
        ("10.0.15225.0", 6, "Azure Synapse Analytics 10.0.15225.0"),
        ("12.0.2000.8", 11, "Azure Synapse serverless SQL pool or Microsoft Fabric 12.0.2000.8"),
        ("12.0.2000.8", 12, "SQL database in Microsoft Fabric 12.0.2000.8"),
        ("1\x1b[31m" + "9" * 100, 3, "SQL Server 131m" + "9" * 36),
    ],
)
def test_versions(version: str, edition: int, words: str) -> None:
    """The product, by its edition; of SQL Server also the year."""
    assert Product(version, edition).words == words


@pytest.mark.parametrize(
    ("word", "length", "precision", "scale", "written", "kind"),
    [
        ("nvarchar", 100, 0, 0, "nvarchar(50)", ColumnKind.text),
        ("nvarchar", -1, 0, 0, "nvarchar(max)", ColumnKind.text),
        ("varchar", 8000, 0, 0, "varchar(8000)", ColumnKind.text),
        ("varbinary", -1, 0, 0, "varbinary(max)", ColumnKind.binary),
        ("decimal", 9, 10, 2, "decimal(10,2)", ColumnKind.decimal),
        ("money", 8, 19, 4, "money", ColumnKind.decimal),
        ("bit", 1, 1, 0, "bit", ColumnKind.boolean),
        ("bigint", 8, 19, 0, "bigint", ColumnKind.integer),
        ("float", 8, 53, 0, "float", ColumnKind.float),
        ("date", 3, 10, 0, "date", ColumnKind.date),
        ("time", 5, 16, 7, "time(7)", ColumnKind.time),
        ("datetime", 8, 23, 3, "datetime", ColumnKind.timestamp),
        ("datetime2", 8, 27, 7, "datetime2(7)", ColumnKind.timestamp),
        ("datetimeoffset", 10, 34, 3, "datetimeoffset(3)", ColumnKind.timestamp),
        ("smalldatetime", 4, 16, 0, "smalldatetime", ColumnKind.timestamp),
        ("uniqueidentifier", 16, 0, 0, "uniqueidentifier", ColumnKind.uuid),
        ("xml", -1, 0, 0, "xml", ColumnKind.json),
        ("sql_variant", 8016, 0, 0, "sql_variant", ColumnKind.other),
        ("rowversion", 8, 0, 0, "rowversion", ColumnKind.binary),
        ("geography", -1, 0, 0, "geography", ColumnKind.other),
    ],
)
def test_types(word: str, length: int, precision: int, scale: int, written: str, kind: ColumnKind) -> None:
    """As a statement writes them; lengths of wide texts are counted in bytes by the catalogue."""
    assert type_of(word, length, precision, scale) == written
    assert kind_of(written) is kind


def test_members() -> None:
    """A view with a clustered index keeps what it has found; a table has no text."""
    assert member_of(["s", "v", "V ", 1, None, 5, "CREATE VIEW"]).kind == "materialized view"
    assert member_of(["s", "v", "V ", 1, None, 5, "CREATE VIEW"]).rows is None
    assert member_of(["s", "t", "U ", 1, "", 5, "x"]).definition is None
    assert member_of(["s", "t", "U ", None, "", None, None]).comment is None


def test_references_of_several_columns() -> None:
    """Two references to one table are two, and each keeps the order of its columns."""
    rows = [
        ["s", "t", "f1", "a", "s", "p", "x"],
        ["s", "t", "f1", "b", "s", "p", "y"],
        ["s", "t", "f2", "c", "s", "p", "x"],
    ]
    (keys,) = foreign_of(rows).values()
    assert [(key.columns, key.referenced) for key in keys] == [(["a", "b"], ["x", "y"]), (["c"], ["x"])]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("(@1 tinyint)INSERT INTO a SELECT @1", "INSERT INTO a SELECT @1"),
        ("(@a decimal(10,2), @b nvarchar(4000))UPDATE a SET b = (1)", "UPDATE a SET b = (1)"),
        ("(SELECT 1)", "(SELECT 1)"),
        ("INSERT INTO a (b) VALUES (@1)", "INSERT INTO a (b) VALUES (@1)"),
    ],
)
def test_parameters_before_a_statement(text: str, left: str) -> None:
    """The server keeps them with a statement that has any."""
    assert PARAMETERS.sub("", text, count=1) == left


@pytest.mark.parametrize(
    ("sql", "made"),
    [
        ("SELECT c.id INTO orders FROM dbo.customer AS c", True),
        ("WITH a AS (SELECT id FROM customer) SELECT id INTO [dbo].[orders] FROM a", True),
        ("CREATE TABLE dbo.orders WITH (DISTRIBUTION = HASH(id)) AS SELECT id FROM dbo.customer", True),
        (
            "MERGE dbo.orders AS t USING dbo.customer AS s ON t.id = s.id WHEN MATCHED THEN UPDATE SET t.id = s.id;",
            True,
        ),
        ("UPDATE o SET o.total = 0 FROM dbo.orders AS o JOIN dbo.customer AS c ON c.id = o.id", True),
        ("SELECT id INTO #orders FROM dbo.customer", False),
        ("SELECT id INTO other.dbo.orders FROM dbo.customer", False),
        ("SELECT id FROM dbo.customer", False),
    ],
)
def test_what_statements_of_before_have_made(sql: str, made: bool) -> None:
    """Of tables that are there, in this database: also by SELECT … INTO, and CREATE TABLE … AS."""
    known = [("dbo", "customer"), ("dbo", "orders")]
    edges, _, unread = edges_by([Written(sql, "dbo")], FoldedNames(known, "shop"), "tsql")
    assert [(str(edge.source), str(edge.target)) for edge in edges] == [("dbo.customer", "dbo.orders")] * made
    assert unread == 0


def test_constants() -> None:
    """A quote in a name ends no constant."""
    assert literal("a'; DROP TABLE x --") == "N'a''; DROP TABLE x --'"


WORDS = struct.pack(">BHHBHHB", 0, 11, 6, 1, 17, 1, 0xFF) + bytes(6) + b"\x00"


def test_what_a_pre_login_says_of_encryption() -> None:
    """The value is found by its offset, and nothing else changes."""
    assert encryption_of(WORDS) == 0
    changed = with_encryption(WORDS, ON)
    assert encryption_of(changed) == ON
    assert with_encryption(changed, 0) == WORDS
    assert encryption_of(with_encryption(WORDS, NOT_SUPPORTED)) == NOT_SUPPORTED


@pytest.mark.parametrize("prelogin", [b"", b"\xff", b"\x01\x00", struct.pack(">BHHB", 1, 900, 1, 0xFF), b"\x00" * 40])
def test_what_is_no_pre_login(prelogin: bytes) -> None:
    """A list without the option, or with an offset outside."""
    with pytest.raises(Foreign):
        encryption_of(prelogin)


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        bytes([REPLY, 1, 0, 7, 0, 0, 0, 0]),
        bytes([REPLY, 1, 0xFF, 0xFF, 0, 0, 0, 0]),
    ],
    ids=["another service", "too short", "too long"],
)
async def test_what_is_no_packet(sent: bytes) -> None:
    """Of another kind, or of a length that cannot be."""
    reader = asyncio.StreamReader()
    reader.feed_data(sent)
    reader.feed_eof()
    with pytest.raises(Foreign):
        await read_message(reader, REPLY)


async def test_messages_of_several_packets() -> None:
    """They are one message; the last packet says so. One without end is none."""
    reader = asyncio.StreamReader()
    first = bytearray(packet(PRELOGIN, b"abc"))
    first[1] = 0
    reader.feed_data(bytes(first) + packet(PRELOGIN, b"def"))
    assert await read_message(reader, PRELOGIN) == b"abcdef"
    part = bytearray(packet(PRELOGIN, b"x" * 32000))
    part[1] = 0
    reader.feed_data(bytes(part) * 6)
    with pytest.raises(Foreign):
        await read_message(reader, PRELOGIN)


def test_views_of_tables_in_other_databases() -> None:
    """They are in no edge, and no table here is taken for them."""
    assert MssqlSession.names_others
    members = [Member(schema="dbo", name="v", kind="view", definition="CREATE VIEW v AS SELECT a.id FROM x.dbo.t AS a")]
    columns = {("dbo", name): [Column(name="id", type="int")] for name in ("t", "v")}
    found = Catalog(members=members, columns=columns).view_lineage(MssqlSession.dialect, folded=True, database="shop")
    assert (found.edges, found.unread) == ([], [])
