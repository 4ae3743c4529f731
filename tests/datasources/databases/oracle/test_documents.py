"""Oracle Database, by its documents: options, codes, statements, and the deadline on a server that misbehaves."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from datasources.databases.oracle import Oracle, asker, catalog, session
from datasources.databases.oracle.errors import Said, refusal_of
from datasources.databases.oracle.model import OracleOptions, OracleSource
from datasources.databases.warehouse.errors import translated
from datasources.model.vocabulary import ErrorCode
from tests.datasources.databases.documents import DocumentsContract

OTHER = ErrorCode.QUERY_ERROR
CODES: dict[ErrorCode, str] = {
    ErrorCode.AUTHENTICATION_FAILED: "ORA-01005 ORA-01017 ORA-28000 ORA-28001 ORA-28003 ORA-28009 ORA-28030 ORA-28040 "
    "ORA-28043 DPY-3015 DPY-4001",
    ErrorCode.PERMISSION_DENIED: "ORA-01031 ORA-01045 ORA-01536 ORA-01950 ORA-00990 ORA-01924 ORA-01988 ORA-16000 "
    "ORA-41900",
    ErrorCode.DATABASE_NOT_FOUND: "ORA-12504 ORA-12505 ORA-12514 ORA-12521 ORA-12154 ORA-65011 DPY-6001 DPY-6003",
    ErrorCode.SCHEMA_NOT_FOUND: "ORA-01435 ORA-01918",
    ErrorCode.TOO_MANY_CONNECTIONS: "ORA-00018 ORA-00020 ORA-02391 ORA-12516 ORA-12518 ORA-12519 ORA-12520",
    ErrorCode.CONNECTION_ERROR: "ORA-01033 ORA-01034 ORA-01035 ORA-01089 ORA-01090 ORA-01092 ORA-01109 ORA-01219 "
    "ORA-00022 ORA-00028 ORA-00602 ORA-00603 ORA-00609 ORA-01012 ORA-01041 ORA-01043 ORA-02396 ORA-03113 ORA-03114 "
    "ORA-03122 ORA-03135 ORA-12153 ORA-12203 ORA-12500 ORA-12526 ORA-12527 ORA-12528 ORA-12537 ORA-12541 ORA-12547 "
    "ORA-12560 ORA-12564 ORA-12570 ORA-12571 ORA-12583 ORA-12757 ORA-27101 ORA-27146 ORA-28547 DPY-1001 DPY-4011 "
    "DPY-4033 DPY-6000 DPY-6005",
    ErrorCode.TIMEOUT: "ORA-01013 ORA-12170 ORA-12535 ORA-12606 ORA-12609 ORA-30006 DPY-4024",
    ErrorCode.TLS_ERROR: "ORA-12650 ORA-12660 ORA-28750 ORA-28759 ORA-28791 ORA-28860 ORA-28862 ORA-28864 ORA-29002 "
    "ORA-29003 ORA-29019 ORA-29024 ORA-29106 DPY-3001 DPY-6002 DPY-6006",
    ErrorCode.PROTOCOL_ERROR: "DPY-3010 DPY-4019 DPY-4021 DPY-4035 DPY-5000 DPY-5006",
    ErrorCode.QUERY_NOT_READ_ONLY: "ORA-01456",
    OTHER: "ORA-00900 ORA-00904 ORA-00923 ORA-00936 ORA-00942 ORA-00955 ORA-00972 ORA-01722 ORA-20001 DPY-2041 DPY-4008 DPY-4009 "
    "DPY-4010",
}


class TestOracle(DocumentsContract):
    """Oracle Database."""

    kind = Oracle
    good = {
        "host": "db.example",
        "port": None,
        "user": "READER",
        "password": "a password",
        "database": "shop.example.com",
        "database_type": "service",
        "ssl": True,
        "ssl_server_dn": "C=US, O=example, CN=db.example.com",
        "ewallet_type": "x509",
        "ewallet_pem_file": "-----BEGIN CERTIFICATE-----",
        "ewallet_pkcs12_file": "MII=",
        "ewallet_password": "another password",
        "session_script": "ALTER SESSION SET CONTAINER = SHOP",
    }
    wrong = [
        {"host": "db.example:1521"},
        {"host": "(DESCRIPTION=(ADDRESS=(HOST=a)))"},
        {"port": 0},
        {"database": "shop)(ADDRESS=(PROTOCOL=tcp)(HOST=inner)(PORT=1))"},
        {"database": "shop\n"},
        {"database_type": "alias"},
        {"ewallet_type": "sso"},
        {"ssl_server_dn": "db.example.com"},
        {"session_script": "BEGIN NULL; END;"},
        {"session_script": "ALTER SESSION SET EVENTS '10046 trace name context forever'"},
        {"wallet_location": "/etc/wallet"},
        {"tns_admin": "/etc"},
    ]
    codes = [(word, code) for code, words in CODES.items() for word in words.split()]
    statements = [
        asker.WHO, asker.BANNER, catalog.TABLES, catalog.VIEWS, catalog.MATERIALIZED, catalog.COLUMNS, catalog.COMMENTS,
        catalog.CONSTRAINTS, catalog.KEY_COLUMNS, catalog.DEPENDENCIES, session.STATEMENTS,
        session.NAMES.format(schema="'O''BRIEN'"), session.SCHEMAS.format(schema="'SHOP'"),
    ]  # fmt: skip
    dialect = "oracle"

    def source(self, port: int) -> OracleSource:
        """At the loopback, with a password."""
        options = OracleOptions(host="127.0.0.1", port=port, user="READER", password="a password", database="SHOP")
        return OracleSource(name="x", options=options)

    def raised(self, said: Any) -> AbstractContextManager[object]:
        """By its number alone."""

        @contextmanager
        def block() -> Iterator[None]:
            with translated("query"):
                yield
                raise refusal_of(Said(said, f"{said}: words"))

        return block()
