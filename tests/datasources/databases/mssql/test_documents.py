"""SQL Server, Synapse and Fabric by Microsoft's documents: all that needs no server."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, ClassVar

import pytest
from pytds.tds_base import _create_exception_by_message

from datasources.databases.mssql import AzureSynapse, MicrosoftFabric, Mssql, queries
from datasources.databases.mssql import asker as asker_module
from datasources.databases.mssql.errors import NUMBERS, STATES, refusal_of
from datasources.databases.mssql.model import (
    AzureSynapseSource,
    FabricOptions,
    MicrosoftFabricSource,
    MssqlOptions,
    MssqlSource,
)
from datasources.databases.warehouse.errors import translated
from datasources.model.source import Source
from datasources.model.vocabulary import ErrorCode
from tests.datasources.databases.documents import DocumentsContract

AUTHENTICATION, PERMISSION = ErrorCode.AUTHENTICATION_FAILED, ErrorCode.PERMISSION_DENIED
AWAY, FULL, LATE = ErrorCode.CONNECTION_ERROR, ErrorCode.TOO_MANY_CONNECTIONS, ErrorCode.TIMEOUT
DATABASE, QUERY = ErrorCode.DATABASE_NOT_FOUND, ErrorCode.QUERY_ERROR
CODES: list[tuple[Any, ErrorCode]] = [
    *((number, AUTHENTICATION) for number in (18452, 18456, 18470, 18486, 18487, 18488, 40531, 40532)),
    *((number, PERMISSION) for number in (229, 230, 262, 297, 300, 916, 15151, 15247, 40615, 40914, 47073)),
    *((number, DATABASE) for number in (911, 942, 4060, 4064)),
    *((number, FULL) for number in (10928, 10929, 10936, 17809, 18461, 40501, 49918, 49919, 49920)),
    *((number, AWAY) for number in (921, 922, 927, 976, 978, 983, 4221, 17142, 18401, 18451)),
    *((number, AWAY) for number in (40143, 40166, 40197, 40540, 40613, 42108, 42109)),
    *((number, LATE) for number in (1222, 8645)),
    *((number, QUERY) for number in (102, 207, 208, 1205, 2714, 8134)),
    (2760, ErrorCode.SCHEMA_NOT_FOUND),
    (3906, ErrorCode.QUERY_NOT_READ_ONLY),
    ((8134, 1, 20), AWAY),
    ((18456, 8, 14), AUTHENTICATION),
    ((18456, 58, 14), AUTHENTICATION),
    ((18456, 38, 14), DATABASE),
    ((18456, 40, 14), DATABASE),
]


class Shared(DocumentsContract):
    """What the three have in common."""

    codes = CODES
    statements = queries.ALL
    dialect = "tsql"

    def raised(self, said: Any) -> AbstractContextManager[object]:
        """`said`: a number, or a number with state and severity."""

        @contextmanager
        def block() -> Iterator[None]:
            number, state, severity = said if isinstance(said, tuple) else (said, 1, 14)
            message = {"msgno": number, "state": state, "severity": severity, "message": "No", "server": "s"}
            error = _create_exception_by_message(message | {"proc_name": "", "line_number": 1})  # type: ignore[typeddict-item,arg-type]
            with translated("query"):
                yield
                raise refusal_of(error)

        return block()

    def test_each_number_is_tried(self) -> None:
        """The table has no row that no case is about."""
        tried = {said[0] if isinstance(said, tuple) else said for said, _ in self.codes}
        assert {*NUMBERS} <= tried
        assert {meaning.code for meaning in STATES.values()} == {AUTHENTICATION, DATABASE}


class TestMssql(Shared):
    """SQL Server and Azure SQL."""

    kind = Mssql
    made: ClassVar[type[Source]] = MssqlSource
    good = {
        "host": "sql.example.com",
        "port": 1433,
        "user": "DATAFOLD",
        "password": "s3cret; WAITFOR",
        "dbname": "shop",
        "always_on": True,
        "require_encryption": True,
        "trust_server_certificate": True,
        "session_script": "SET ARITHABORT ON;\nset transaction isolation level read uncommitted\nSET LANGUAGE us_english",
    }
    wrong = [
        {"host": "sql.example.com;Encrypt=no"},
        {"host": "sql\\instance"},
        {"port": 0},
        {"user": ""},
        {"user": "a\nb"},
        {"password": "x" * 129},
        {"session_script": "DROP TABLE x"},
        {"session_script": "SET ARITHABORT ON DROP TABLE x"},
        {"session_script": "SET LANGUAGE 'x' EXEC y"},
        {"session_script": "EXECUTE AS USER = 'dbo'"},
        {"session_script": "USE master"},
        {"session_script": "SET CONTEXT_INFO 0x01"},
        {"session_script": "SET IDENTITY_INSERT a ON"},
    ]

    def source(self, port: int) -> Source:
        options = MssqlOptions(host="127.0.0.1", port=port, user="u", password="p")
        return self.made(name="x", options=options)


class TestAzureSynapse(TestMssql):
    """The same options, published under another word."""

    kind = AzureSynapse
    made = AzureSynapseSource


class TestMicrosoftFabric(Shared):
    """An application of Entra, and no port."""

    kind = MicrosoftFabric
    good = {
        "host": "abc.datawarehouse.fabric.microsoft.com",
        "dbname": "shop",
        "tenant_id": "11111111-2222-3333-4444-555555555555",
        "client_id": "66666666-7777-8888-9999-000000000000",
        "client_secret": "s3cr~et",
        "session_script": None,
    }
    wrong = [
        {"tenant_id": "x/../y"},
        {"client_id": ""},
        {"dbname": ""},
        {"host": "a b"},
        {"session_script": "SELECT 1"},
        {"port": 1433},
        {"trust_server_certificate": True},
    ]

    port: ClassVar[int] = 0
    """Of the double: Fabric's own is fixed."""

    @pytest.fixture(autouse=True)
    def _has_a_token(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def token_of(*_: Any) -> str:
            return "token"

        monkeypatch.setattr(asker_module, "token_of", token_of)
        monkeypatch.setattr(FabricOptions, "target", property(lambda options: (options.host, type(self).port)))

    def source(self, port: int) -> Source:
        type(self).port = port
        options = FabricOptions(host="127.0.0.1", dbname="d", tenant_id="t", client_id="c", client_secret="s")
        return MicrosoftFabricSource(name="x", options=options)
