"""A stored secret is not sent elsewhere, not overwritten by a mask, and unreadable at rest (security rows 7, 9, 10).

Each field of the options: `test_a_secret_is_not_sent_elsewhere` in `tests/acceptance/sources/test_sources.py`.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from cryptography.fernet import Fernet
from sqlalchemy import LargeBinary, select

from datasources.catalogue.engine import session_scope
from datasources.catalogue.migrate import upgrade
from datasources.catalogue.tables import Base, DataSource, Job, Organization
from datasources.databases import DATABASES
from datasources.databases.base import Database, require_sorted_fields
from datasources.model.errors import SecretsError, SettingsError
from datasources.model.settings import Settings
from datasources.model.source import SshTunnel
from datasources.secrecy.vault import Vault
from deployments.cli.rotation import SEALED, rotate
from deployments.stack.home import Home
from deployments.stack.postgres import EmbeddedPostgres
from tests.acceptance.kit import SOURCES, locations, register, unique
from tests.fixtures.servers.database import PASSWORD, Server
from tests.fixtures.service import Service
from tests.wire.answers import valid

OPTIONS: dict[str, Any] = {"host": "db.test", "user": "u", "password": "the-secret", "dbname": "d"}
FINGERPRINT = "SHA256:" + "A" * 43
TUNNEL: dict[str, Any] = {
    "host": "gateway.test",
    "username": "u",
    "password": "the-gateway-secret",
    "private_key": "PEM",
    "passphrase": "the-passphrase",
    "host_key": FINGERPRINT,
}
MASKS = ["*", "***", "*" * 8, "*" * 40, "•" * 6, "●●●●", "<hidden>", "[redacted]"]


def behind(admin: httpx.Client) -> str:
    """A source with a tunnel and every secret there is."""
    return f"{SOURCES}/{register(admin, unique('Behind'), OPTIONS, ssh_tunnel=TUNNEL)}"


@pytest.mark.parametrize("kind", DATABASES.values(), ids=DATABASES)
def test_every_field_is_a_secret_a_destination_or_neither(kind: type[Database]) -> None:
    """A field that is in no group, or in two, stops the service from starting."""
    require_sorted_fields(kind.options)
    for group in ("destination_fields", "secret_fields", "harmless_fields"):
        names = getattr(kind.options, group)
        for changed in ((*names, "unknown"), names[1:] if names else ("unknown",)):
            forgetful = type("Forgetful", (kind.options,), {group: changed}, kw_only=True, frozen=True)
            with pytest.raises(TypeError, match="group of fields"):
                require_sorted_fields(forgetful)


def test_every_field_of_a_tunnel_is_a_secret_or_a_destination() -> None:
    """A gateway has nothing else."""
    assert {*SshTunnel.secret_fields, *SshTunnel.destination_fields} == {*SshTunnel.__struct_fields__}


@pytest.mark.parametrize(
    "change", [{"host": "evil.test"}, {"port": 2222}, {"username": "other"}, {"host_key": None}, {"host_key": "x" * 0}]
)
def test_the_gateways_secrets_are_not_sent_elsewhere(admin: httpx.Client, change: dict[str, Any]) -> None:
    """Another gateway, login or pinned key needs all of its secrets again, and the database's as well."""
    source = behind(admin)
    before = valid(admin.get(source), "DataSource")
    secrets = {name: TUNNEL[name] for name in ("password", "private_key", "passphrase")}
    for missing in secrets:
        tunnel = change | {name: value for name, value in secrets.items() if name != missing}
        for again in ({}, {missing: None}):
            refusal = admin.patch(source, json={"ssh_tunnel": tunnel | again, "options": {"password": "x"}})
            assert ["body", "ssh_tunnel", missing] in locations(refusal)
    for options in ({}, {"options": {}}, {"options": {"password": None}}, {"options": "text"}, {"options": []}):
        refusal = admin.patch(source, json={"ssh_tunnel": change | secrets, **options})
        assert locations(refusal)[0][:2] == ["body", "options"]
    assert valid(admin.get(source), "DataSource") == before


def test_leaving_the_tunnel_out_needs_the_secret(admin: httpx.Client) -> None:
    """Without its gateway, the same host name may mean another host."""
    source = behind(admin)
    assert locations(admin.patch(source, json={"ssh_tunnel": None})) == [["body", "options", "password"]]
    given = {"ssh_tunnel": None, "options": {"password": "again"}}
    assert valid(admin.patch(source, json=given), "DataSource")["ssh_tunnel"] is None


def test_an_empty_secret_is_no_secret(admin: httpx.Client) -> None:
    """Moving with an empty password is allowed: what was stored is gone, and not sent along."""
    source = f"{SOURCES}/{register(admin, unique('Emptied'), OPTIONS)}"
    valid(admin.patch(source, json={"options": {"host": "evil.test", "password": ""}}), "DataSource")
    valid(admin.patch(source, json={"options": {"host": "another.test"}}), "DataSource")


def test_two_changes_at_once(service: Service, admin: httpx.Client) -> None:
    """One moves the source, with a new secret; the other, begun before, may not bring back the old one."""
    source = register(admin, unique("Raced"), OPTIONS)
    moves = {"options": {"host": "moved.test", "password": "the-new-secret"}}
    answers: list[int] = []

    def change(body: dict[str, Any]) -> None:
        with service.client() as client:
            answers.append(client.patch(f"{SOURCES}/{source}", json=body).status_code)

    postgres = EmbeddedPostgres(Home(service.home))
    with postgres.conninfo("catalogue").connect() as catalogue, postgres.conninfo("catalogue").connect() as watcher:
        with catalogue.transaction():
            catalogue.execute("SELECT 1 FROM data_sources WHERE id = %s FOR UPDATE", [source])
            threads = [threading.Thread(target=change, args=[body]) for body in (moves, {"description": "x"})]
            for waiting, thread in enumerate(threads, start=1):
                thread.start()
                wait_for_lock(watcher, waiting)
        for thread in threads:
            thread.join()
        assert answers == [200, 200]
        row = catalogue.execute(
            "SELECT options ->> 'host', secret FROM data_sources WHERE id = %s", [source]
        ).fetchone()
    assert row is not None
    vault = Vault((service.home / "secrets" / "secret_keys").read_text().strip())
    assert (row[0], vault.open(row[1])["options"]) == ("moved.test", {"password": "the-new-secret"})


def wait_for_lock(watcher: psycopg.Connection[Any], count: int) -> None:
    """Return when so many sessions wait for a row of a source."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%data_sources%'"
    until = time.monotonic() + 30
    while (watcher.execute(query).fetchone() or (0,))[0] < count:
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize(
    ("group", "name"),
    [("options", "password"), ("ssh_tunnel", "password"), ("ssh_tunnel", "private_key"), ("ssh_tunnel", "passphrase")],
)
def test_a_mask_is_refused_everywhere(admin: httpx.Client, mask: str, group: str, name: str) -> None:
    """In each secret of a source, new or changed."""
    whole = {"options": OPTIONS, "ssh_tunnel": TUNNEL}
    body = {"name": unique("Mask"), "type": "pg", **whole, group: whole[group] | {name: mask}}
    assert locations(admin.post(SOURCES, json=body)) == [["body", group, name]]


def test_what_is_answered_may_be_sent_back(admin: httpx.Client) -> None:
    """A client that edits what it got changes no secret."""
    source = behind(admin)
    before = valid(admin.get(source), "DataSource")
    assert valid(admin.patch(source, json=before | {"description": "new"}), "DataSource")["description"] == "new"
    assert locations(admin.patch(source, json=before | {"options": before["options"] | {"host": "x"}})) == [
        ["body", "options", "password"]
    ]


@pytest.mark.parametrize("field", ["password", "db_password", "api_key", "access_token", "clientSecret"])
def test_secrets_do_not_hide_in_other_fields(admin: httpx.Client, field: str) -> None:
    """What is kept as it was given is kept in clear: a secret is refused there, however deep."""
    body = {"name": unique("Hidden"), "type": "pg", "options": OPTIONS}
    assert locations(admin.post(SOURCES, json=body | {field: "s"})) == [["body", field]]
    deep = {"groups": {"1": [{field: "s"}]}}
    assert locations(admin.post(SOURCES, json=body | deep)) == [["body", "groups", "1", 0, field]]


DESCRIPTIONS = {"schema_versions", "kept_tables", "kept_edges"}
"""What is kept of schemas and lineage: compressed, in clear, and scrubbed of secrets before."""


@pytest.fixture
def catalogue(embedded: Server) -> Iterator[Settings]:
    """A catalogue of its own, whose secrets are read with an old key."""
    with embedded.connect() as session:
        session.execute("CREATE DATABASE at_rest")
        url = f"postgresql://postgres:{PASSWORD}@127.0.0.1:{embedded.port}/at_rest"
        settings = Settings(database_url=url, secret_keys=Fernet.generate_key().decode())
        upgrade(settings)
        yield settings
        session.execute("DROP DATABASE at_rest WITH (FORCE)")


def test_every_sealed_column_is_rotated() -> None:
    """Bytes in the catalogue are sealed secrets, but for hashes of what is too random to be guessed, and descriptions."""
    columns = {
        column
        for table in Base.metadata.tables.values()
        if table.name not in DESCRIPTIONS
        for column in table.columns
        if isinstance(column.type, LargeBinary)
    }
    sealed = {column for column in columns if not column.key.endswith("hash")}
    assert sealed == {column.property.columns[0] for _, column in SEALED}


async def test_rotation(catalogue: Settings) -> None:
    """Afterwards the new key alone reads everything, and the old one nothing; a missing key is told."""
    old = Vault.from_settings(catalogue)
    async with session_scope(catalogue) as session:
        organization = Organization(name="o")
        session.add(organization)
        await session.flush()
        source = DataSource(
            organization_id=organization.id, name="s", type="pg", options={}, secret=old.seal({"a": "b"})
        )
        session.add(source)
        await session.flush()
        job = {"organization_id": organization.id, "source_id": source.id, "source_revision": 1, "trigger": "test"}
        sealed = {column.key: old.seal(f"in {column.key}") for table, column in SEALED if table is Job}
        session.add(Job(**job, steps=[], deadline=source.created_at, **sealed))
    key = Fernet.generate_key().decode()
    both = Settings(database_url=catalogue.database_url, secret_keys=f"{key},{catalogue.secret_keys}")
    assert await rotate(both) == 1 + len(sealed)
    new = Vault(key)
    async with session_scope(catalogue) as session:
        token = await session.scalar(select(DataSource.secret))
        found = (await session.execute(select(*(column for table, column in SEALED if table is Job)))).one()
    assert new.open(token) == {"a": "b"}
    assert [new.open(value) for value in found] == [f"in {name}" for name in sealed]
    with pytest.raises(SecretsError):
        old.open(token)
    stranger = Settings(database_url=catalogue.database_url, secret_keys=Fernet.generate_key().decode())
    with pytest.raises(SecretsError):
        await rotate(stranger)


def test_a_changed_secret_is_noticed() -> None:
    """The encryption is authenticated."""
    vault = Vault(Fernet.generate_key().decode())
    token = bytearray(vault.seal({"password": "x"}))
    token[20] ^= 1
    with pytest.raises(SecretsError):
        vault.open(bytes(token))


@pytest.mark.parametrize("keys", [None, "", " , ", "short", "x" * 44])
def test_no_key_no_vault(keys: str | None) -> None:
    """The setting is named."""
    with pytest.raises(SettingsError, match="SOURCECHECK_SECRET_KEYS"):
        Vault(keys)


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_nothing_starts_without_a_key(command: str, tmp_path: Path) -> None:
    """Outside of the local stack, which makes one of its own."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("SOURCECHECK_", "PREFECT_"))}
    environ |= {
        "SOURCECHECK_HOME": str(tmp_path),
        "SOURCECHECK_DATABASE_URL": "postgresql://u:p@127.0.0.1:1/d",
        "SOURCECHECK_PREFECT_API_URL": "http://127.0.0.1:1/api",
    }
    done = subprocess.run(
        [sys.executable, "-m", "deployments.cli", command],
        check=False,
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 2
    assert "SOURCECHECK_SECRET_KEYS" in done.stderr
