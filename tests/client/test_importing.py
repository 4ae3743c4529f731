"""What people already have becomes sources: real files of each kind, and a sentence for everything that is refused.

`connections.*` are what Airflow 3.3.2 exported, `blocks.json` is the data of prefect-sqlalchemy 0.6.1's blocks.
"""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft7Validator
from sourcecheck import SourcecheckError
from sourcecheck.blocks import Block
from sourcecheck.cli.main import run
from sourcecheck.files.schema import schema_text
from sourcecheck.files.sources import filled_sources, read_sources
from sourcecheck.importing.addresses import from_addresses
from sourcecheck.importing.airflow import from_environment, from_export
from sourcecheck.importing.datafold import from_sources, secrets_to_ask
from sourcecheck.importing.dbt import from_profiles, rendered
from sourcecheck.importing.found import Found, NoSource, placeholder_for
from sourcecheck.importing.pg_service import from_service_file
from sourcecheck.importing.prefect import from_blocks

HERE = Path(__file__).parent / "connections"
SHOP = {
    "host": "db.example",
    "port": 5433,
    "user": "me",
    "password": "s@cret/1",
    "dbname": "shop",
    "sslmode": "require",
}
CRM = {"host": "crm.example", "user": "me", "password": "pa:ss", "db": "crm"}
ORACLE = {"host": "ora.example", "database": "x", "database_type": "sid"}
VALIDATOR = Draft7Validator(json.loads(schema_text()))


def by_name(found: Found) -> dict[str, dict[str, Any]]:
    """The sources; each keeps the schema of files."""
    sources = filled_sources([source for source in found.sources if "${" not in str(source)])
    assert [error.message for error in VALIDATOR.iter_errors({"sources": sources})] == []
    return {source["name"]: source for source in found.sources}


def reasons(found: Found) -> dict[str, str]:
    """What was refused, and why."""
    return {refused.name: refused.reason for refused in found.refused}


def test_dbt() -> None:
    """Every target; `env_var` stays a variable, other Jinja is refused, and a schema that dbt writes is where tests write."""
    found = from_profiles(HERE / "profiles.yml")
    sources = by_name(found)
    assert sources["jaffle_shop.dev"] == {
        "name": "jaffle_shop.dev",
        "type": "pg",
        "options": {"host": "localhost", "port": 5433, "user": "alice", "password": "s@cret/1", "dbname": "jaffle_shop", "sslmode": "require"},
        "temp_schema": "dbt_alice",
        "connection_timeout": 10,
    }  # fmt: skip
    assert sources["jaffle_shop.prod"]["options"] == {
        "host": "${DBT_HOST}",
        "port": "${DBT_PORT:-5432}",
        "user": "${DBT_USER:-dbt}",
        "password": "${DBT_ENV_SECRET_PASSWORD}",
        "dbname": "jaffle_shop",
        "rootcert": "${file:/etc/ssl/db.pem}",
    }
    assert sources["local.file"]["options"] == {"path": "local.duckdb"}
    assert sources["local.crm"]["options"] == {
        "host": "crm.example",
        "user": "alice",
        "password": "secret",
        "db": "crm",
    }
    assert sources["local.lake"] == {
        "name": "local.lake",
        "type": "databricks",
        "options": {
            "host": "lake.cloud.databricks.com",
            "http_path": "/sql/1.0/warehouses/abc",
            "http_password": "${DATABRICKS_TOKEN}",
            "database": "main",
        },
        "temp_schema": "dbt_alice",
    }
    assert sources["local.big"]["options"] == {"projectId": "shop-123", "jsonKeyFile": "${file:/secrets/key.json}"}
    assert sources["local.logs"]["options"] == {
        "aws_access_key_id": "AKIAEXAMPLE",
        "aws_secret_access_key": "secret",
        "region": "eu-west-1",
        "s3_staging_dir": "s3://bucket/staging/",
        "catalog": "awsdatacatalog",
    }
    assert sources["local.erp"] == {
        "name": "local.erp",
        "type": "mssql",
        "options": {
            "host": "sql.example",
            "user": "alice",
            "password": "secret",
            "dbname": "erp",
            "require_encryption": True,
            "trust_server_certificate": False,
        },
        "temp_schema": "dbt_alice",
    }
    assert sources["local.house"]["options"] == {
        "host": "abc.datawarehouse.fabric.microsoft.com",
        "dbname": "house",
        "tenant_id": "1-2-3",
        "client_id": "4-5-6",
        "client_secret": "${FABRIC_SECRET}",
    }
    assert reasons(found) == {
        "jaffle_shop.templated": "it holds a Jinja expression other than env_var",
        "local.erp_windows": "it names no user",
        "local.spark": "sourcecheck has no type for 'spark'",
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{env_var('A')}}", "${A}"),
        ('{{ env_var("A", "x y") }}', "${A:-x y}"),
        ("{{ env_var('A') | int }}", "${A}"),
        ("{{- env_var('A') -}}", "${A}"),
        ("db-{{ env_var('STAGE') }}.example", "db-${STAGE}.example"),
        ("plain", "plain"),
        ("pa{ss", "pa{ss"),
        (5432, 5432),
    ],
)
def test_jinja(text: Any, value: Any) -> None:
    """Only `env_var`, with its default and dbt's filters."""
    assert rendered(text) == value


@pytest.mark.parametrize(
    "text", ["{{ target.name }}", "{% if x %}a{% endif %}", "{{ env_var(x) }}", "{{ env_var('A') + 'b' }}"]
)
def test_other_jinja(text: str) -> None:
    """Is refused, and never guessed."""
    with pytest.raises(NoSource):
        rendered(text)


@pytest.mark.parametrize("ending", ["json", "yaml", "env"])
def test_airflow_exports(ending: str) -> None:
    """Each format of `airflow connections export` gives the same sources."""
    found = from_export(HERE / f"connections.{ending}")
    sources = by_name(found)
    assert sources["shop_pg"] == {"name": "shop_pg", "type": "pg", "options": SHOP}
    assert sources["crm"] == {"name": "crm", "type": "mysql", "options": CRM}
    assert sources["files"]["options"] == {"path": "/data/Shop.db"}
    assert sources["lake"]["options"] == {
        "account": "ab12345.eu-west-1", "user": "me", "password": "secret", "warehouse": "WH", "role": "R",
        "default_db": "DB", "default_schema": "PUBLIC",
    }  # fmt: skip
    assert reasons(found) == {"hook": "sourcecheck has no type for 'http'"}


def test_airflow_variables() -> None:
    """URIs and JSON, as Airflow reads them."""
    found = from_environment(
        {
            "AIRFLOW_CONN_SHOP": "postgres://me:s%40cret%2F1@db.example:5433/shop?sslmode=require",
            "AIRFLOW_CONN_JSON": '{"conn_type": "mysql", "host": "crm.example", "login": "me", "password": "pa:ss", "schema": "crm"}',
            "AIRFLOW_CONN_EXTRA": "postgres://me:p@h/d?__extra__=%7B%22sslmode%22%3A%20%22require%22%7D",
            "AIRFLOW_CONN_BROKEN": "{",
            "AIRFLOW_CONN_EMPTY": "",
            "OTHER": "postgres://x",
        }
    )
    sources = by_name(found)
    assert (sources["shop"]["options"], sources["json"]["options"]) == (SHOP, CRM)
    assert sources["extra"]["options"]["sslmode"] == "require"
    assert reasons(found) == {"broken": "its JSON cannot be read", "empty": "it is neither a URI nor JSON"}


def test_pg_service() -> None:
    """A password may hold anything, `= 1` as well; what only its own machine reaches is refused."""
    found = from_service_file(HERE / "pg_service.conf")
    assert by_name(found)["shop"] == {
        "name": "shop",
        "type": "pg",
        "options": {
            "host": "db.example", "port": 5433, "user": "me", "password": "s@cret = 1", "dbname": "shop",
            "rootcert": "${file:/etc/ssl/db.pem}", "sslmode": "verify-full",
        },
        "connection_timeout": 5,
    }  # fmt: skip
    assert reasons(found) == {
        "socket": "a server behind a Unix socket can be reached only from its own machine",
        "several": "it names several hosts, and a source has one",
        "nobody": "it names no user",
    }


def test_blocks_of_prefect() -> None:
    """Parts of an address, a whole one, and the older kind of block."""
    blocks = msgspec.json.decode((HERE / "blocks.json").read_bytes(), type=list[Block])
    found = from_blocks(blocks)
    sources = by_name(found)
    assert (sources["shop"]["options"], sources["crm"]["options"]) == (SHOP, CRM)
    assert sources["old"]["options"] == {"host": "db.example", "user": "me", "password": "p", "dbname": "shop"}
    assert sources["oracle"]["options"] == ORACLE | {"user": "me", "password": "p"}
    assert reasons(found) == {}
    assert "s@cret" not in repr(blocks)


def test_addresses_of_sqlalchemy() -> None:
    """With a name or without; no sentence repeats a password."""
    lines = (HERE / "addresses").read_text().splitlines()
    found = from_addresses(("Shop", line[5:]) if line.startswith("Shop=") else ("", line) for line in lines)
    sources = by_name(found)
    assert sources["Shop"] == {"name": "Shop", "type": "pg", "options": SHOP, "connection_timeout": 5}
    assert sources["crm.example/crm"]["options"] == {"host": "crm.example", "user": "me", "db": "crm"}
    assert [source["options"] for source in sources.values() if source["type"] == "sqlite"] == [
        {"path": "/data/Shop.db"}
    ]
    assert sorted(reasons(found).values()) == [
        "a server behind a Unix socket can be reached only from its own machine",
        "it is not an address: TYPE://USER:PASSWORD@HOST:PORT/DATABASE",
        "the address cannot be read",
    ]
    assert sources["ora.example/x"]["options"] == ORACLE | {"user": "me", "password": "secret"}
    assert "secret" not in str(reasons(found))


def test_the_sources_of_datafold() -> None:
    """As its API lists them: fields that say nothing are left out, secrets are asked for, its Aurora is PostgreSQL."""
    found = from_sources(json.loads((HERE / "datafold.json").read_text()))
    sources = by_name(found)
    assert sources["Warehouse"] == {
        "name": "Warehouse",
        "type": "pg",
        "options": {"host": "db.example", "user": "datafold", "port": 5432, "dbname": "shop", "role": "datafold_role", "sslmode": "prefer"},
        "temp_schema": "shop.scratch",
        "catalog_include_list": "public.*",
        "float_tolerance": 0.001,
        "disable_schema_indexing": False,
        "disable_profiling": False,
        "schema_indexing_schedule": "0 1 * * *",
        "tags": ["prod"],
    }  # fmt: skip
    assert secrets_to_ask(sources["Warehouse"]) == ["password"]
    assert sources["Aurora"]["type"] == "postgres_aurora"
    assert "Aurora" not in found.notes
    assert reasons(found)["Looker"] == "sourcecheck has no type for 'looker'"
    assert reasons(found)["None"] == "it has no name"


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        (("Shop", "password"), "${SHOP_PASSWORD}"),
        (("jaffle-shop.dev", "sslkey"), "${JAFFLE_SHOP_DEV_SSLKEY}"),
        (("1st", "x"), "${_1ST_X}"),
    ],
)
def test_a_variable_for_a_secret(parts: tuple[str, ...], name: str) -> None:
    """As a shell can name it."""
    assert placeholder_for(*parts) == name


def test_the_command_writes_a_file_without_secrets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Variables stand in place of them, readable for this user alone; with them, the file applies as it is."""
    file = tmp_path / "sources.yaml"
    assert run(["import", "dbt", str(HERE / "profiles.yml"), "--out", str(file)]) == 0
    shown = capsys.readouterr()
    assert "refused local.spark" in shown.err
    assert "s@cret" not in file.read_text() + shown.out + shown.err
    assert "password: ${JAFFLE_SHOP_DEV_PASSWORD}" in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    assert (
        run(
            [
                "import",
                "sqlalchemy",
                "Shop=postgresql://me:s%40cret@db.example/shop",
                "--out",
                str(file),
                "--with-secrets",
            ]
        )
        == 0
    )
    assert read_sources(str(file)).sources[0]["options"]["password"] == "s@cret"
    assert run(["import", "sqlalchemy", "not an address"]) == 2
    assert run(["import", "pg-service", str(tmp_path / "missing")]) == 2
    assert run(["import", "dbt", str(HERE), "--dry-run"]) == 2


def test_what_is_no_file_of_that_kind(tmp_path: Path) -> None:
    """Is told in one sentence."""
    (tmp_path / "list.json").write_text("[1]")
    for read in (from_profiles, from_export):
        with pytest.raises(SourcecheckError, match="these are no"):
            read(tmp_path / "list.json")
