"""Connections to Oracle, Db2, Vertica, Netezza, HANA, Teradata and Amazon's PostgreSQL: what each place's words become.

The words are those of the places' documents: SQLAlchemy's dialects, Airflow's providers, dbt's adapters, the drivers.
"""

import json
from typing import Any

import pytest
from jsonschema import Draft7Validator
from sourcecheck.files.schema import schema_text
from sourcecheck.files.sources import filled_sources
from sourcecheck.importing.addresses import from_addresses
from sourcecheck.importing.airflow import from_environment
from sourcecheck.importing.datafold import from_sources, secrets_to_ask
from sourcecheck.importing.dbt import from_mapping
from sourcecheck.importing.found import Found

VALIDATOR = Draft7Validator(json.loads(schema_text()))
LOGIN = {"host": "db.example", "user": "me", "password": "p"}
NETEZZA = {"host": "db.example", "username": "me", "password": "p", "database": "shop"}


def only(found: Found) -> tuple[str, dict[str, Any], list[str]]:
    """Type, options and notes of the one source that was found; it keeps the schema of files."""
    assert found.refused == []
    (source,) = found.sources
    if "${" not in str(source):
        assert [error.message for error in VALIDATOR.iter_errors({"sources": filled_sources([source])})] == []
    return source["type"], source["options"], found.notes.get(source["name"], [])


def address(text: str) -> Found:
    """What an address becomes."""
    return from_addresses([("x", text)])


def airflow(connection: dict[str, Any]) -> Found:
    """What a connection of Airflow becomes, with a host, a login and a password."""
    given = {"host": "db.example", "login": "me", "password": "p"} | connection
    return from_environment({"AIRFLOW_CONN_X": json.dumps(given)})


def dbt(target: dict[str, Any]) -> Found:
    """What a target of dbt becomes."""
    return from_mapping({"p": {"outputs": {"x": target}}})


@pytest.mark.parametrize(
    ("text", "kind", "options", "notes"),
    [
        ("oracle+oracledb://me:p@db.example:1522?service_name=shop", "oracle", LOGIN | {"port": 1522, "database": "shop", "database_type": "service"}, []),
        ("oracle://me:p@db.example/ORCL?mode=sysdba", "oracle", LOGIN | {"database": "ORCL", "database_type": "sid"}, ["left out: mode"]),
        ("oracle+oracledb://me:p@db.example:2484/?service_name=s&protocol=tcps&wallet_location=/w", "oracle",
         LOGIN | {"port": 2484, "database": "s", "database_type": "service", "ssl": True}, ["left out: wallet_location"]),
        ("oracle+oracledb://me:p@db.example:1521/?service_name=s&protocol=tcps", "oracle",
         LOGIN | {"port": 1521, "database": "s", "database_type": "service", "ssl": True}, []),
        ("db2+ibm_db://me:p@db.example:50000/shop", "db2", LOGIN | {"dbname": "shop"}, []),
        ("ibm_db_sa://me:p@db.example:50001/shop;SECURITY=SSL;SSLServerCertificate=/ca.arm;", "db2",
         LOGIN | {"port": 50001, "dbname": "shop", "ssl": True, "ssl_certificate": "${file:/ca.arm}"}, []),
        ("db2+ibm_db://me:p@db.example/shop?Security=SSL&CurrentSchema=A&SSLClientKeystoredb=/k.kdb", "db2",
         LOGIN | {"dbname": "shop", "ssl": True, "current_schema": "A"}, ["left out: SSLClientKeystoredb"]),
        ("vertica+vertica_python://me:p@db.example:5433/shop", "vertica", LOGIN | {"dbname": "shop"}, []),
        ("vertica+vertica_python://me:p@db.example/shop?tlsmode=verify-ca&tls_cafile=/ca.pem&tls_keyfile=/k", "vertica",
         LOGIN | {"dbname": "shop", "sslmode": "verify-ca", "rootcert": "${file:/ca.pem}"}, ["left out: tls_keyfile"]),
        ("vertica+vertica_python://me:p@db.example/shop?tlsmode=verify-ca", "vertica", LOGIN | {"dbname": "shop", "sslmode": "verify-full"}, []),
        ("netezza+nzpy://me:p@db.example:5480/shop", "netezza", NETEZZA, []),
        ("netezza+nzpy://me:p@db.example/shop?securityLevel=1", "netezza", NETEZZA | {"tls": False}, []),
        ("netezza+nzpy://me:p@db.example/shop?securityLevel=3", "netezza", NETEZZA | {"tls": True}, []),
        ("hana://me:p@db.example:443", "sap_hana", LOGIN, []),
        ("hana+hdbcli://me:p@db.example:30015", "sap_hana", LOGIN | {"port": 30015, "tls": False}, []),
        ("hana://me:p@db.example", "sap_hana", LOGIN | {"port": 30015, "tls": False}, []),
        ("hana://me:p@db.example:30041?encrypt=true&sslTrustStore=/ca.pem", "sap_hana", LOGIN | {"port": 30041, "rootcert": "${file:/ca.pem}"}, []),
        ("hana://me:p@db.example:30041?encrypt=true&sslValidateCertificate=false&sslTrustStore=/x.pse", "sap_hana",
         LOGIN | {"port": 30041, "ssl_verification": "none"}, ["left out: sslTrustStore (no PEM)"]),
        ("teradatasql://me:p@db.example/?database=shop&dbs_port=1030&logmech=LDAP", "teradata", LOGIN | {"database": "shop", "port": 1030}, ["left out: logmech"]),
        ("teradatasql://me:p@db.example/shop?sslmode=VERIFY-FULL&sslca=/ca.pem&sslcrc=REQUIRE&https_port=8443", "teradata",
         LOGIN | {"database": "shop", "port": 8443, "tls": True, "ssl_verification": "full", "rootcert": "${file:/ca.pem}"}, ["left out: sslcrc"]),
        ("teradatasql://me:p@db.example:1025/shop?sslmode=REQUIRE", "teradata", LOGIN | {"database": "shop", "tls": True, "ssl_verification": "none"}, []),
        ("teradatasql://me:p@db.example/shop?sslmode=PREFER", "teradata", LOGIN | {"database": "shop"},
         ["left out: sslmode (of allow and prefer, without TLS)"]),
        ("cockroachdb+psycopg2://me:p@db.example:26257/shop?sslmode=verify-full&sslrootcert=/ca.pem", "cockroachdb",
         LOGIN | {"dbname": "shop", "sslmode": "verify-full", "rootcert": "${file:/ca.pem}"}, []),
    ],
)  # fmt: skip
def test_addresses(text: str, kind: str, options: dict[str, Any], notes: list[str]) -> None:
    """A dialect's own words for services and for TLS; what has no option is named."""
    assert only(address(text)) == (kind, options, notes)


@pytest.mark.parametrize(
    ("given", "kind", "options", "notes"),
    [
        ({"conn_type": "oracle", "schema": "shop"}, "oracle", LOGIN | {"database": "shop", "database_type": "service"}, []),
        ({"conn_type": "oracle", "schema": "A", "extra": {"sid": "ORCL"}}, "oracle", LOGIN | {"database": "ORCL", "database_type": "sid"}, ["left out: schema"]),
        ({"conn_type": "oracle", "port": 1522, "extra": {"service_name": "s", "thick_mode": True}}, "oracle",
         LOGIN | {"port": 1522, "database": "s", "database_type": "service"}, ["left out: thick_mode"]),
        ({"conn_type": "vertica", "schema": "shop", "extra": {"ssl": True}}, "vertica", LOGIN | {"dbname": "shop", "sslmode": "require"}, []),
        ({"conn_type": "vertica", "schema": "shop", "extra": {"ssl": "false", "backup_server_node": "b"}}, "vertica", LOGIN | {"dbname": "shop"},
         ["left out: backup_server_node"]),
        ({"conn_type": "teradata", "schema": "shop", "extra": {"tmode": "TERA", "sslmode": "verify-ca"}}, "teradata",
         LOGIN | {"database": "shop", "tls": True, "ssl_verification": "ca"}, []),
        ({"conn_type": "db2", "schema": "shop", "extra": {"SECURITY": "SSL", "SSLServerCertificate": "/ca.crt"}}, "db2",
         LOGIN | {"dbname": "shop", "ssl": True, "ssl_certificate": "${file:/ca.crt}"}, []),
    ],
)  # fmt: skip
def test_airflow(given: dict[str, Any], kind: str, options: dict[str, Any], notes: list[str]) -> None:
    """What Airflow calls schema is the database, or Oracle's service where nothing else names one."""
    assert only(airflow(given)) == (kind, options, notes)


@pytest.mark.parametrize(
    ("given", "kind", "options", "notes"),
    [
        ({"type": "oracle", "user": "me", "pass": "p", "protocol": "tcps", "host": "db.example", "port": 1522, "service": "s", "database": "DB"}, "oracle",
         LOGIN | {"port": 1522, "database": "s", "database_type": "service", "ssl": True}, []),
        ({"type": "teradata", "server": "db.example", "username": "me", "password": "p", "schema": "shop", "tmode": "ANSI"}, "teradata", LOGIN | {"database": "shop"}, []),
        ({"type": "vertica", "host": "db.example", "username": "me", "password": "p", "database": "shop", "ssl": True}, "vertica",
         LOGIN | {"dbname": "shop", "sslmode": "verify-full"}, []),
        ({"type": "netezza", "host": "db.example", "user": "me", "password": "p", "database": "shop", "port": 5480}, "netezza", NETEZZA, []),
        ({"type": "ibmdb2", "host": "db.example", "user": "me", "password": "p", "database": "shop", "protocol": "TCPIP",
          "extra_connect_opts": "Security=SSL;Authentication=GSSPLUGIN"}, "db2", LOGIN | {"dbname": "shop", "ssl": True}, ["left out: Authentication"]),
    ],
)  # fmt: skip
def test_dbt(given: dict[str, Any], kind: str, options: dict[str, Any], notes: list[str]) -> None:
    """Each adapter's own words."""
    assert only(dbt(given)) == (kind, options, notes)


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (address("oracle+oracledb://me:p@alias"), "it names neither a service nor a SID, so its host may be an alias"),
        (address("oracle://me:p@db.example/x?service_name=y"), "it names a service and a SID"),
        (airflow({"conn_type": "oracle", "extra": {"dsn": "x/y"}}), "its dsn is read by its own client: name a host, a port and a service"),
        (airflow({"conn_type": "oracle", "host": "tcps://db.example", "schema": "s"}), "its host holds more than the name of a host"),
        (airflow({"conn_type": "oracle", "host": "(DESCRIPTION=(ADDRESS=", "schema": "s"}), "its host holds more than the name of a host"),
        (airflow({"conn_type": "jdbc", "host": "jdbc:oracle:thin:@x"}), "sourcecheck has no type for 'jdbc'"),
        (dbt({"type": "oracle", "user": "me", "tns_name": "x"}), "its tns_name is read by its own client: name a host, a port and a service"),
        (dbt({"type": "oracle", "user": "me", "host": "h", "service": "s", "protocol": "{{ env_var('P') }}"}), "its protocol is a variable, and the option here takes other words"),
        (dbt({"type": "saphana", "host": "h"}), "sourcecheck has no type for 'saphana'"),
        (address("hana://me:p@db.example:30013/TENANT"), "it names a tenant by its database: name the tenant's own port, and no database"),
        (address("hana://userkey=KEY"), "its host holds more than the name of a host"),
        (address("db2+ibm_db://me:p@db.example/x?Security=other"), "its security is not one of ssl"),
        (address("vertica://me:p@db.example/x?tlsmode=odd"), "its tlsmode is not one of disable, allow, prefer, require, verify-ca, verify-full"),
        (address("netezza+nzpy://me:p@db.example/x?securityLevel=9"), "its securityLevel is not one of 0, 1, 2, 3"),
        (address("teradatasql://me:p@db.example"), "it names no database"),
    ],
)  # fmt: skip
def test_what_is_refused(found: Found, reason: str) -> None:
    """Aliases, descriptors, tenants by name, and words for TLS that are not known: nothing is guessed."""
    assert [refused.reason for refused in found.refused] == [reason]


@pytest.mark.parametrize(
    ("host", "kind"),
    [
        ("shop.cluster-c1abc.eu-west-1.rds.amazonaws.com", "postgres_aurora"),
        ("shop.cluster-ro-c1abc.eu-west-1.rds.amazonaws.com", "postgres_aurora"),
        ("own.cluster-custom-c1abc.us-east-1.rds.amazonaws.com", "postgres_aurora"),
        ("shop.cluster-c1abc.cn-north-1.rds.amazonaws.com.cn", "postgres_aurora"),
        ("shop.c1abc.eu-west-1.rds.amazonaws.com", "postgres_aws_rds"),
        ("shop.proxy-c1abc.eu-west-1.rds.amazonaws.com", "pg"),
        ("rds.amazonaws.com.example", "pg"),
    ],
)
def test_postgresql_at_amazon(host: str, kind: str) -> None:
    """The host's name tells; a proxy's does not."""
    assert only(address(f"postgresql://me:p@{host}/shop"))[0] == kind


@pytest.mark.parametrize(
    ("kind", "options", "asked"),
    [
        ("oracle", LOGIN | {"database": "s", "database_type": "service", "ssl": False}, []),
        ("oracle", LOGIN | {"ssl": True, "ewallet_type": "x509"}, ["ewallet_password", "ewallet_pem_file", "ewallet_pkcs12_file"]),
        ("db2", LOGIN | {"dbname": "s", "pool_size": 1, "connection_timeout": 30, "current_schema": "A"}, []),
        ("vertica", LOGIN | {"dbname": "s", "role": "r", "sslmode": "require"}, []),
        ("netezza", NETEZZA | {"tls": False}, []),
        ("sap_hana", LOGIN | {"port": 443}, []),
        ("teradata", LOGIN | {"database": "s"}, []),
        ("postgres_aurora", LOGIN | {"dbname": "s", "aws_region": "eu-west-1"}, []),
        ("postgres_aws_rds", LOGIN | {"dbname": "s", "aws_access_key_id": "A"}, ["aws_secret_access_key"]),
    ],
)  # fmt: skip
def test_datafold(kind: str, options: dict[str, Any], asked: list[str]) -> None:
    """Published options stay as they are; a secret that belongs to another option is asked for beside that one only."""
    found = from_sources([{"name": "x", "type": kind, "options": options}])
    assert only(found) == (kind, options, [])
    assert secrets_to_ask(found.sources[0]) == asked
