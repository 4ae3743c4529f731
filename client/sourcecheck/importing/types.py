"""The one table of which connection becomes which type of source, and which of its fields become which options."""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct, structs

from sourcecheck.files.exported import Placeholder
from sourcecheck.files.schema import as_number, options_of, secrets_of, wants_number
from sourcecheck.importing import dialects
from sourcecheck.importing.found import Facts, NoSource, present


class Target(Struct, frozen=True):
    """How a connection is written as a source of one type."""

    type: str
    names: Mapping[str, str]
    """From the words of `Facts`, and of its `more`, to the type's options."""
    port: int | None = None
    files: frozenset[str] = frozenset()
    """Those of `more` that name a file whose text the option wants."""
    required: tuple[str, ...] = ("host",)
    unless_given: Mapping[str, Any] = {}
    """Options that are not left to the type's default, which is less than what other clients do."""
    adapt: Callable[[Facts], dict[str, Any]] | None = None
    """Brings words of this kind alone into those of `Facts`, and gives the options that they make."""


SERVER = {"host": "host", "port": "port", "user": "user", "password": "password"}
POSTGRES = Target(
    "pg",
    SERVER
    | {"database": "dbname", "role": "role", "sslmode": "sslmode", "rootcert": "rootcert", "sslrootcert": "rootcert"}
    | {"sslcert": "sslcert", "sslkey": "sslkey"},
    5432,
    frozenset({"sslrootcert", "sslcert", "sslkey"}),
    ("host", "user", "database"),
)
COCKROACHDB = structs.replace(POSTGRES, type="cockroachdb", port=26257)
MYSQL_NAMES = SERVER | {"database": "db", "ssl_ca": "rootcert", "sslmode": "sslmode"}
MYSQL = Target("mysql", MYSQL_NAMES, 3306, frozenset({"ssl_ca"}), ("host", "user", "database"))
MARIADB = Target("mariadb", MYSQL_NAMES, 3306, frozenset({"ssl_ca"}), ("host", "user", "database"))
CLICKHOUSE = Target("clickhouse", SERVER | {"database": "database", "secure": "tls"}, 8123)
SQLITE = Target("sqlite", {"database": "path"}, required=("database",))
DUCKDB = Target("duckdb", {"database": "path"}, required=("database",))
MONGODB = Target("mongodb", SERVER | {"database": "database", "authSource": "auth_source", "tls": "tls"}, 27017)
TRINO = Target("trino", SERVER | {"database": "dbname", "tls": "tls"}, 8080, required=("host", "user", "database"))
REDSHIFT = Target("redshift", SERVER | {"database": "dbname", "role": "role"}, 5439, required=("host", "database"))
SNOWFLAKE = Target(
    "snowflake",
    {"account": "account", "user": "user", "password": "password", "warehouse": "warehouse", "role": "role"}
    | {"database": "default_db", "schema": "default_schema"},
    required=("account", "user", "warehouse"),
)
BIGQUERY = Target(
    "bigquery",
    {"project": "projectId", "location": "location", "keyfile": "jsonKeyFile", "key_path": "jsonKeyFile"},
    files=frozenset({"keyfile", "key_path"}),
    required=("project",),
)
DATABRICKS = Target(
    "databricks",
    {"host": "host", "port": "port", "http_path": "http_path", "password": "http_password", "token": "http_password"}
    | {"database": "database", "catalog": "database"},
    443,
)
ATHENA = Target(
    "athena",
    {"aws_access_key_id": "aws_access_key_id", "aws_secret_access_key": "aws_secret_access_key"}
    | {"region_name": "region", "s3_staging_dir": "s3_staging_dir", "database": "catalog"},
    required=("aws_access_key_id", "region_name", "s3_staging_dir"),
)
MSSQL = Target(
    "mssql",
    SERVER | {"database": "dbname", "encrypt": "require_encryption", "trust_cert": "trust_server_certificate"},
    1433,
    required=("host", "user", "database"),
    unless_given={"trust_server_certificate": False},
)
SYNAPSE = structs.replace(MSSQL, type="azure_synapse")
FABRIC = Target(
    "microsoft_fabric",
    {"host": "host", "database": "dbname"} | {name: name for name in ("tenant_id", "client_id", "client_secret")},
    required=("host", "database", "tenant_id", "client_id"),
)
ORACLE = Target(
    "oracle",
    SERVER | {"database": "database", "ssl_server_cert_dn": "ssl_server_dn"},
    required=("host", "user"),
    adapt=dialects.oracle,
)
DB2 = Target(
    "db2",
    SERVER | {"database": "dbname", "sslservercertificate": "ssl_certificate", "currentschema": "current_schema"},
    50000,
    frozenset({"sslservercertificate"}),
    ("host", "user", "database"),
    adapt=dialects.db2,
)
VERTICA = Target(
    "vertica",
    SERVER | {"database": "dbname", "tls_cafile": "rootcert"},
    5433,
    frozenset({"tls_cafile"}),
    ("host", "user", "database"),
    adapt=dialects.vertica,
)
NETEZZA = Target(
    "netezza",
    {"host": "host", "port": "port", "user": "username", "password": "password", "database": "database"},
    5480,
    required=("host", "user", "database"),
    adapt=dialects.netezza,
)
HANA = Target(
    "sap_hana",
    SERVER | {"sslTrustStore": "rootcert"},
    443,
    frozenset({"sslTrustStore"}),
    ("host", "user"),
    adapt=dialects.hana,
)
TERADATA = Target(
    "teradata",
    SERVER | {"database": "database", "sslca": "rootcert"},
    None,
    frozenset({"sslca"}),
    ("host", "user", "database"),
    adapt=dialects.teradata,
)

TARGETS: dict[str, Target] = {
    **dict.fromkeys(("postgres", "postgresql", "pg", "greenplum", "alloydb"), POSTGRES),
    **dict.fromkeys(("mysql", "mysql5"), MYSQL),
    "mariadb": MARIADB,
    "clickhouse": CLICKHOUSE,
    "sqlite": SQLITE,
    "duckdb": DUCKDB,
    "mongo": MONGODB,
    "mongodb": MONGODB,
    **dict.fromkeys(("trino", "presto"), TRINO),
    "cockroachdb": COCKROACHDB,
    "redshift": REDSHIFT,
    "snowflake": SNOWFLAKE,
    "bigquery": BIGQUERY,
    "databricks": DATABRICKS,
    "athena": ATHENA,
    **dict.fromkeys(("mssql", "sqlserver"), MSSQL),
    **dict.fromkeys(("synapse", "azuresynapse"), SYNAPSE),
    **dict.fromkeys(("fabric", "microsoftfabric"), FABRIC),
    "oracle": ORACLE,
    **dict.fromkeys(("db2", "ibmdb2", "ibmdbsa"), DB2),
    "vertica": VERTICA,
    "netezza": NETEZZA,
    "hana": HANA,
    **dict.fromkeys(("teradata", "teradatasql"), TERADATA),
}
"""By the word before a `+` and any driver; every other word is refused."""
LEFT_ALONE = frozenset(
    {
        "threads",
        "method",
        "priority",
        "keepalives_idle",
        "retries",
        "search_path",
        "application_name",
        "charset",
        "driver",
        "type",
        "retry_count",
        "retry_delay",
        "tmode",
        "session_label",
        "log_level",
    }
)
"""How a client works, and no way to a source: nothing is said about leaving it out."""


def to_source(name: str, facts: Facts) -> tuple[dict[str, Any], list[str]]:
    """A source of a file, and what had to be left out. Raises `NoSource` with the reason."""
    word = facts.kind.lower().partition("+")[0].replace("_", "")
    target = TARGETS.get(word)
    if target is None:
        raise NoSource(f"sourcecheck has no type for {facts.kind!r}")
    if target is POSTGRES and (at_amazon := dialects.amazon(facts)):
        target = structs.replace(target, type=at_amazon)
    known = options_of(target.type)
    if known is None:
        raise NoSource(f"this version of sourcecheck has no type {target.type!r}")
    adapted = target.adapt(facts) if target.adapt else {}
    given = present(
        {"host": facts.host, "port": facts.port, "user": facts.user, "password": facts.password}
        | {"database": facts.database}
        | facts.more
    )
    for needed in target.required:
        if needed not in given:
            raise NoSource(f"it names no {needed}")
    options = {option: value for option, value in target.unless_given.items() if option in known}
    options |= {
        option: _value(value, target, fact)
        for fact, option in target.names.items()
        if option in known and (value := given.get(fact)) is not None
    }
    options |= adapted
    options = {option: _numbered(value, target.type, option) for option, value in options.items()}
    if "port" in options and str(options["port"]) == str(target.port):
        del options["port"]
    source: dict[str, Any] = {"name": name, "type": target.type, "options": options}
    if facts.schema and target is not SNOWFLAKE:
        source["temp_schema"] = facts.schema
    seconds = as_number(str(facts.more.pop("connect_timeout", "")))
    if isinstance(seconds, int) and seconds > 0:
        source["connection_timeout"] = seconds
    left = sorted(set(facts.more) - target.names.keys() - LEFT_ALONE)
    return source, [f"left out: {', '.join(left)}"] if left else []


def _value(value: Any, target: Target, fact: str) -> Any:
    if fact in target.files and isinstance(value, str) and not isinstance(value, Placeholder):
        return Placeholder(f"${{file:{value}}}")
    return value


def _numbered(value: Any, type_name: str, option: str) -> Any:
    if isinstance(value, str) and not isinstance(value, Placeholder) and wants_number(("options", option), type_name):
        return as_number(value)
    return value if isinstance(value, str | bool | int | float) else str(value)


def secret_options(source: Mapping[str, Any]) -> list[str]:
    """The options of a source that hold a secret in clear."""
    names = secrets_of(str(source["type"]))
    return [
        name
        for name, value in source["options"].items()
        if name in names and value and not isinstance(value, Placeholder)
    ]
