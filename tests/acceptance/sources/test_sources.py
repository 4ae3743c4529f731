"""Sources: registered, read, listed, changed, removed (contract 2.7), and their secrets (security rows 7 to 9)."""

from typing import Any

import httpx
import pytest

from tests.acceptance.kit import SOURCES, finished, locations, options, register, unique
from tests.fixtures.servers.database import PASSWORD, Server, authority_and_certificate
from tests.wire.answers import valid

BASIC: dict[str, Any] = {"host": "db.test", "user": "u", "password": "first-secret", "dbname": "d"}
PUBLISHED_FIELDS: dict[str, Any] = {
    "accessible": True,
    "catalog_exclude_list": "a.*\nb.*",
    "catalog_include_list": "*",
    "created_from": "api",
    "data_retention_days": 7,
    "disable_profiling": True,
    "disable_schema_indexing": True,
    "discourage_manual_profiling": False,
    "float_tolerance": 0.000001,
    "group_ids": [1, 2],
    "groups": {"1": True},
    "hidden": True,
    "is_paused": True,
    "lineage_schedule": "0 3 * * *",
    "max_allowed_connections": 4,
    "oauth_dwh_active": False,
    "profile_exclude_list": "x",
    "profile_include_list": "y",
    "profile_schedule": "0 4 * * *",
    "queue_name": "blue",
    "scheduled_queue_name": "green",
    "schema_indexing_schedule": "0 5 * * *",
    "schema_max_age_s": 3600,
    "source": "elsewhere",
    "view_only": False,
}
"""Every optional field of the published schema that says nothing about reaching the source."""


def test_the_life_of_a_source(admin: httpx.Client) -> None:
    """Created, read, listed, summarized, changed, removed; afterwards it is as if it had never been."""
    name = unique("Life")
    made = valid(admin.post(SOURCES, json={"name": name, "type": "pg", "options": BASIC}), "DataSource")
    source = f"{SOURCES}/{made['id']}"
    assert (made["name"], made["type"], made["options"]["port"], made["last_test"]) == (name, "pg", 5432, None)
    assert valid(admin.get(source), "DataSource") == made
    assert made in valid(admin.get(SOURCES), "DataSources")
    summary = valid(admin.get(f"{source}/summary"), "DataSourceSummary")
    assert summary == {"id": made["id"], "name": name, "type": "pg"}
    changed = valid(admin.patch(source, json={"temp_schema": "d.s", "hidden": True}), "DataSource")
    assert changed == made | {"temp_schema": "d.s", "hidden": True}
    assert valid(admin.get(source), "DataSource") == changed
    assert admin.delete(source).status_code in (200, 204)
    for answer in (
        admin.get(source),
        admin.get(f"{source}/summary"),
        admin.patch(source, json={}),
        admin.post(f"{source}/test"),
        admin.delete(source),
    ):
        valid(answer, "Sentence", 404)
    assert made["id"] not in [found["id"] for found in valid(admin.get(SOURCES), "DataSources")]


@pytest.mark.parametrize("field", [*PUBLISHED_FIELDS, "secret_id"])
def test_published_fields_are_kept(admin: httpx.Client, field: str) -> None:
    """Accepted, kept and answered, one by one, whether we use them or not."""
    value = PUBLISHED_FIELDS.get(field, 123)
    body = {"name": unique(field), "type": "pg", "options": BASIC, field: value}
    made = valid(admin.post(SOURCES, json=body), "DataSource")
    assert made[field] == value
    assert valid(admin.get(f"{SOURCES}/{made['id']}"), "DataSource")[field] == value


def test_nulls_of_published_fields_are_accepted(admin: httpx.Client) -> None:
    """Clients send null for what they do not set."""
    nulls = dict.fromkeys([*PUBLISHED_FIELDS, "temp_schema", "last_test", "id", "secret_id"])
    valid(admin.post(SOURCES, json={"name": unique("Nulls"), "type": "pg", "options": BASIC, **nulls}), "DataSource")


def test_postgresql_is_an_alias(admin: httpx.Client) -> None:
    """`postgresql` is accepted, and answered as the published word `pg`."""
    body = {"name": unique("Alias"), "type": "postgresql", "options": BASIC}
    made = valid(admin.post(SOURCES, json=body), "DataSource")
    assert made["type"] == "pg"
    assert valid(admin.patch(f"{SOURCES}/{made['id']}", json={"type": "postgresql"}), "DataSource")["type"] == "pg"


def test_every_published_option(admin: httpx.Client) -> None:
    """`role`, `sslmode` and `rootcert` come back as they were given."""
    authority = authority_and_certificate()[0]
    given = BASIC | {"port": 6543, "role": "r", "sslmode": "verify-ca", "rootcert": authority}
    made = valid(admin.post(SOURCES, json={"name": unique("All"), "type": "pg", "options": given}), "DataSource")
    assert {name: made["options"][name] for name in given if name != "password"} == {
        name: value for name, value in given.items() if name != "password"
    }


def test_the_id_is_ours(admin: httpx.Client) -> None:
    """An id, an organization or a last test that a client sends changes nothing."""
    forged = {"id": 1, "organization_id": 99, "last_test": {"tested_at": "x", "results": []}}
    body = {"name": unique("Forged"), "type": "pg", "options": BASIC, **forged}
    made = valid(admin.post(SOURCES, json=body), "DataSource")
    again = valid(admin.patch(f"{SOURCES}/{made['id']}", json=forged), "DataSource")
    assert (again["id"], again["last_test"]) == (made["id"], None)
    assert made["id"] != 1
    assert again.get("organization_id") != 99


def test_secrets_are_never_answered(admin: httpx.Client, embedded: Server) -> None:
    """Null or absent, in both dialects, after creating, changing and reading."""
    source = register(admin, unique("Secret"), options(embedded))
    answers = [
        admin.get(SOURCES),
        admin.get(f"{SOURCES}/{source}"),
        admin.get(f"{SOURCES}/{source}/summary"),
        admin.patch(f"{SOURCES}/{source}", json={"options": {"password": PASSWORD}}),
        admin.get(f"/api/v1/data-sources/{source}"),
        admin.get("/api/v1/data-sources?page_size=100"),
    ]
    assert {answer.status_code for answer in answers} == {200}
    assert [answer.url for answer in answers if PASSWORD in answer.text] == []


@pytest.mark.parametrize("mask", ["***", "*****", "********", "••••••••"])
def test_a_mask_is_no_secret(admin: httpx.Client, mask: str) -> None:
    """A mask written back is refused, when a source is made as when it is changed, and the field is named."""
    body = {"name": unique("Mask"), "type": "pg", "options": BASIC | {"password": mask}}
    assert locations(admin.post(SOURCES, json=body)) == [["body", "options", "password"]]
    source = register(admin, unique("Mask"), BASIC)
    change = admin.patch(f"{SOURCES}/{source}", json={"options": {"password": mask}})
    assert locations(change) == [["body", "options", "password"]]


def test_absence_means_unchanged(admin: httpx.Client) -> None:
    """What a PATCH leaves out stays, also inside `options`; a client may send back what it got."""
    source = f"{SOURCES}/{register(admin, unique('Keep'), BASIC, temp_schema='s', float_tolerance=0.5)}"
    before = valid(admin.get(source), "DataSource")
    assert valid(admin.patch(source, json={}), "DataSource") == before
    assert valid(admin.patch(source, json={"options": {}}), "DataSource") == before
    assert valid(admin.patch(source, json=before), "DataSource") == before
    renamed = unique("Kept")
    assert valid(admin.patch(source, json={"name": renamed}), "DataSource") == before | {"name": renamed}
    assert valid(admin.patch(source, json={"temp_schema": None}), "DataSource")["temp_schema"] is None


def test_a_changed_source_still_has_its_secret(admin: httpx.Client, embedded: Server) -> None:
    """A test passes after a change that says nothing of the password."""
    source = register(admin, unique("Described"), options(embedded))
    valid(admin.patch(f"{SOURCES}/{source}", json={"description": "kept", "options": {}}), "DataSource")
    assert finished(admin, source)["status"] == "done"


@pytest.mark.parametrize(
    "change",
    [
        {"host": "evil.test"},
        {"port": 1},
        {"user": "other"},
        {"sslmode": "require"},
        {"rootcert": authority_and_certificate()[0]},
    ],
)
def test_a_secret_is_not_sent_elsewhere(admin: httpx.Client, change: dict[str, Any]) -> None:
    """Another host, port, user or TLS setting needs the secret again; a refused change changes nothing."""
    source = f"{SOURCES}/{register(admin, unique('Moved'), BASIC)}"
    before = valid(admin.get(source), "DataSource")
    for body in ({"options": change}, {"options": change | {"password": None}}, {"options": BASIC | change}):
        if body["options"].get("password"):
            moved = valid(admin.patch(source, json=body), "DataSource")
            assert moved["options"][next(iter(change))] == next(iter(change.values()))
        else:
            assert locations(admin.patch(source, json=body)) == [["body", "options", "password"]]
            assert valid(admin.get(source), "DataSource") == before


def test_a_tunnel_added_later_needs_the_secret(admin: httpx.Client) -> None:
    """A gateway sees where the secret goes, so putting one in between needs the secret again."""
    source = f"{SOURCES}/{register(admin, unique('Tunnel'), BASIC)}"
    tunnel = {"host": "gateway.test", "username": "u", "password": "gateway-secret"}
    assert locations(admin.patch(source, json={"ssh_tunnel": tunnel})) == [["body", "options", "password"]]
    change = {"ssh_tunnel": tunnel, "options": {"password": "first-secret"}}
    answer = admin.patch(source, json=change)
    made = valid(answer, "DataSource")["ssh_tunnel"]
    assert (made["host"], made.get("password")) == ("gateway.test", None)
    assert "gateway-secret" not in answer.text


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"host": ""}, "host"),
        ({"host": "/var/run/postgresql"}, "host"),
        ({"host": "a,b"}, "host"),
        ({"host": "user@db.test"}, "host"),
        ({"host": "db.test sslmode=disable"}, "host"),
        ({"host": 5}, "host"),
        ({"port": 0}, "port"),
        ({"port": 65536}, "port"),
        ({"port": True}, "port"),
        ({"port": 54.5}, "port"),
        ({"sslmode": "disable"}, "sslmode"),
        ({"dbname": ""}, "dbname"),
        ({"dbname": None}, "dbname"),
        ({"user": ["u"]}, "user"),
        ({"password": 5}, "password"),
        *(({name: "x"}, name) for name in ("service", "passfile", "options", "hostaddr", "dsn")),
    ],
)
def test_options_are_an_allow_list(admin: httpx.Client, changes: dict[str, Any], field: str) -> None:
    """Nothing but typed, published options: no other way to hand the driver a host or a file (security row 3)."""
    body = {"name": unique("Allow"), "type": "pg", "options": BASIC | changes}
    assert locations(admin.post(SOURCES, json=body)) == [["body", "options", field]]


@pytest.mark.parametrize(
    ("changes", "loc"),
    [
        ({"name": None}, ["body", "name"]),
        ({"name": ""}, ["body", "name"]),
        ({"name": 5}, ["body", "name"]),
        ({"name": "".join(map(chr, range(1000, 4000)))}, ["body", "name"]),
        ({"temp_schema": "s" * 1000}, ["body", "temp_schema"]),
        ({"type": None}, ["body", "type"]),
        ({"type": "oracle-of-delphi"}, ["body", "type"]),
        ({"type": ["pg"]}, ["body", "type"]),
        ({"options": "host=x"}, ["body", "options"]),
        ({"options": []}, ["body", "options"]),
        ({"temp_schema": 5}, ["body", "temp_schema"]),
        ({"float_tolerance": "much"}, ["body", "float_tolerance"]),
        ({"is_paused": "no"}, ["body", "is_paused"]),
        ({"catalog_include_list": ["a"]}, ["body", "catalog_include_list"]),
        ({"ssh_tunnel": "gateway"}, ["body", "ssh_tunnel"]),
    ],
)
def test_wrong_fields_are_named(admin: httpx.Client, changes: dict[str, Any], loc: list[str]) -> None:
    """422 with the way to the field."""
    body = {"name": unique("Wrong"), "type": "pg", "options": BASIC} | changes
    assert locations(admin.post(SOURCES, json=body)) == [loc]


@pytest.mark.parametrize("field", ["name", "type"])
def test_required_fields(admin: httpx.Client, field: str) -> None:
    """`name` and `type` have to be there when a source is made."""
    body = {"name": unique("Required"), "type": "pg", "options": BASIC}
    del body[field]
    assert locations(admin.post(SOURCES, json=body)) == [["body", field]]


@pytest.mark.parametrize("field", ["host", "user", "dbname"])
def test_required_options(admin: httpx.Client, field: str) -> None:
    """`host`, `user` and `dbname` have to be there for `pg`."""
    given = {name: value for name, value in BASIC.items() if name != field}
    body = {"name": unique("Required"), "type": "pg", "options": given}
    assert locations(admin.post(SOURCES, json=body)) == [["body", "options", field]]


def test_types(admin: httpx.Client) -> None:
    """The types that published clients know; every type on request; each described like the published ones."""
    known = valid(admin.get(f"{SOURCES}/types"), "PublishedTypes")
    every = valid(admin.get(f"{SOURCES}/types?all=true"), "Types")
    assert {kind["type"] for kind in known} <= {kind["type"] for kind in every}
    (postgres,) = [kind for kind in known if kind["type"] == "pg"]
    schema = postgres["configuration_schema"]
    published = {"host", "port", "user", "password", "dbname", "role", "rootcert", "sslmode"}
    assert set(schema["properties"]) == {*published, "allow_cleartext_password", "sslcert", "sslkey"}
    assert schema["properties"]["port"]["default"] == 5432
    assert schema["properties"]["port"]["type"] == "integer"
    assert sorted(schema["required"]) == ["dbname", "host", "user"]
    assert schema["secret"] == ["password", "sslkey"]


def test_organization_meta(admin: httpx.Client) -> None:
    """Who the key belongs to."""
    meta = valid(admin.get("/api/v1/organization/meta"), "OrganizationMeta")
    assert meta["org_name"] == "default"
