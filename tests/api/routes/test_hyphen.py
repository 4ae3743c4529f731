"""The hyphen API as its pages say, held by a client that knows only them; and the same sources by the other API."""

from typing import Any

import pytest
import pytest_asyncio

from tests.api.routes.hyphen_pages import CREATE, DEFAULTS, TUNNELLED, HyphenClient
from tests.api.routes.sources import OPTIONS, SOURCES, register
from tests.fixtures.api import Client

LEAST: dict[str, Any] = {"type": "postgresql", "host": "db.example.com", "port": 5432, "database_name": "shop"}
LOGIN = {"credentials": {"username": "me", "password": "canary"}}


@pytest_asyncio.fixture(loop_scope="module")
async def pages(lone_api: Client) -> HyphenClient:
    """The client of the pages."""
    return HyphenClient(lone_api)


async def test_every_field_comes_back(pages: HyphenClient) -> None:
    """As it was given, but for credentials; when it is made, read and listed."""
    made = await pages.create(**CREATE)
    given = {name: value for name, value in CREATE.items() if name != "credentials"}
    assert {name: made[name] for name in given} == given
    assert await pages.read(made["id"]) == made
    listed, _ = await pages.list(search="production postgresql")
    assert listed == [made]


async def test_what_is_left_out_has_its_default(pages: HyphenClient) -> None:
    """Of every optional field."""
    made = await pages.create(name="Least", **LEAST, **LOGIN)
    assert {name: made[name] for name in DEFAULTS} == DEFAULTS
    assert (made["workspace_id"], made["type"]) == (made["organization_id"], "postgresql")


async def test_a_gateway(pages: HyphenClient) -> None:
    """Its fields come back, its key does not; without `use_ssh_tunnel` there is none; it goes when it is switched off."""
    made = await pages.create(**TUNNELLED)
    names = ("use_ssh_tunnel", "ssh_host", "ssh_port", "ssh_username", "ssh_local_port")
    assert {name: made[name] for name in names} == {name: TUNNELLED[name] for name in names}
    body = TUNNELLED | {"name": "No gateway", "use_ssh_tunnel": False}
    assert (await pages.refused("POST", "", 422, json=body)).startswith("ssh_host: ")
    secrets = {"username": "db_user", "password": "canary"}
    off = await pages.change(made["id"], use_ssh_tunnel=False, credentials=secrets)
    assert (off["use_ssh_tunnel"], off["ssh_host"]) == (False, None)


async def test_only_what_is_given_changes(pages: HyphenClient, lone_api: Client) -> None:
    """Type and workspace never do; where a secret would be sent elsewhere, it has to come again."""
    made = await pages.create(**CREATE | {"name": "To be changed"})
    change = {"description": "Other", "tags": ["b"], "max_retries": 0, "metadata": {"a": 1}, "query_timeout": 10}
    changed = await pages.change(made["id"], **change)
    same = {name: value for name, value in made.items() if name not in {*change, "updated_at", "updated_by_user_id"}}
    assert changed.items() >= same.items()
    assert changed.items() >= change.items()
    assert changed["updated_by_user_id"] == made["created_by_user_id"]
    for name, value in (("type", "mysql"), ("workspace_id", 4)):
        assert name in await pages.refused("PATCH", f"/{made['id']}", 422, json={name: value})
    place = f"/{made['id']}"
    assert "credentials.password" in await pages.refused("PATCH", place, 422, json={"host": "elsewhere.example"})
    moved = await pages.change(made["id"], host="elsewhere.example", credentials={"password": "canary"})
    assert moved["host"] == "elsewhere.example"
    assert (await lone_api.get(f"{SOURCES}/{made['id']}")).json()["options"]["user"] == "db_user"


async def test_deleted_and_restored(pages: HyphenClient, lone_api: Client) -> None:
    """With everything that it had; not after `force`, nor when its name is taken, nor after the other API's DELETE."""
    made = await pages.create(**CREATE | {"name": "Deleted"})
    place = f"/{made['id']}"
    gone = await pages.delete(made["id"])
    assert gone["data_source_id"] == made["id"]
    assert gone["deleted_at"].endswith("Z")
    await pages.refused("GET", place, 404)
    assert (await lone_api.get(f"{SOURCES}/{made['id']}")).status_code == 404
    restored = await pages.restore(made["id"])
    changing = {"updated_at", "updated_by_user_id"}
    assert {n: v for n, v in restored.items() if n not in changing} == {
        n: v for n, v in made.items() if n not in changing
    }
    assert (await pages.change(made["id"], connection_timeout=3))["connection_timeout"] == 3
    await pages.delete(made["id"])
    await pages.create(**CREATE | {"name": "Deleted"})
    assert "name" in await pages.refused("POST", f"{place}/restore", 409)
    other = await pages.create(**CREATE | {"name": "For good"})
    await pages.delete(other["id"], force=True)
    await pages.refused("POST", f"/{other['id']}/restore", 404)
    late = await pages.create(**CREATE | {"name": "For good, later"})
    await pages.delete(late["id"])
    await pages.refused("DELETE", f"/{late['id']}", 404)
    await pages.delete(late["id"], force=True)
    for method, end in (("POST", "/restore"), ("DELETE", "?force=true")):
        await pages.refused(method, f"/{late['id']}{end}", 404)
    third = await register(lone_api, "By the other API")
    assert (await lone_api.delete(f"{SOURCES}/{third}")).status_code == 204
    await pages.refused("POST", f"/{third}/restore", 404)


async def test_the_list(pages: HyphenClient) -> None:
    """Newest first, twenty a page; a page says whether another one is before or behind it; filters and orders."""
    made = [await pages.create(name=f"Listed {n}", **LEAST, **LOGIN, workspace_id=77) for n in range(5)]
    names = [source["name"] for source in made]
    items, pagination = await pages.list(workspace_id=77)
    assert [item["name"] for item in items] == names[::-1]
    assert pagination == {
        "page": 1,
        "page_size": 20,
        "total_items": 5,
        "total_pages": 1,
        "has_next": False,
        "has_previous": False,
    }
    items, pagination = await pages.list(workspace_id=77, page=2, page_size=2, sort_by="name", sort_order="asc")
    assert [item["name"] for item in items] == names[2:4]
    assert (pagination["has_next"], pagination["has_previous"], pagination["total_pages"]) == (True, True, 3)
    _, pagination = await pages.list(workspace_id=77, page=3, page_size=2)
    assert (pagination["has_next"], pagination["has_previous"]) == (False, True)
    assert await pages.list(workspace_id=77, type="mysql") == (
        [],
        pagination
        | {
            "page": 1,
            "page_size": 20,
            "total_items": 0,
            "total_pages": 0,
            "has_previous": False,
        },
    )
    assert (await pages.list(type="csv"))[0] == []  # a type of the published product that is none here
    described = await pages.create(name="Other", description="Quarterly FIGURES", **LEAST, **LOGIN)
    items, _ = await pages.list(search="figures")
    assert [item["id"] for item in items] == [described["id"]]
    items, _ = await pages.list(search="figures", status_filter="active")
    assert items == []


async def test_health_before_any_test(pages: HyphenClient) -> None:
    """Nothing is known."""
    made = await pages.create(name="Unknown health", **LEAST, **LOGIN)
    found = await pages.health(made["id"], limit=5)
    assert (found["current_status"], found["health_history"], found["failure_count_24h"]) == ("inactive", [], 0)
    assert {found[name] for name in ("last_health_check", "uptime_percentage", "avg_response_time_ms")} == {None}


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"name": None}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"type": "oracle-of-delphi"}, "type"),
        ({"host": None}, "host"),
        ({"port": None}, "port"),
        ({"port": 65536}, "port"),
        ({"database_name": None}, "database_name"),
        ({"host": "a,b"}, "host"),
        ({"file_path": "/etc/passwd"}, "file_path"),
        ({"credentials": {"password": "x"}}, "credentials.username"),
        ({"credentials": {"usernam": "x"}}, "credentials.usernam"),
        ({"credentials": {"username": "x", "api_key": "k"}}, "credentials.api_key"),
        ({"credentials": {"username": "x", "password": "***"}}, "credentials.password"),
        ({"use_ssh_tunnel": True}, "ssh_host"),
        ({"ssh_host": "gw.example"}, "ssh_host"),
        ({"use_ssh_tunnel": True, "ssh_host": "a b", "ssh_username": "u"}, "ssh_host"),
        ({"databse_name": "x"}, "databse_name: Unknown field `databse_name` (did you mean database_name?)"),
        ({"metadata": {"api_token": "x"}}, "metadata.api_token"),
        ({"tags": "a"}, "tags"),
        ({"connection_pool_size": 0}, "connection_pool_size"),
        ({"options": {"sslmode": "sometimes"}}, "options.sslmode"),
        ({"options": {"ssl_mode": "require"}}, "options.ssl_mode"),
        ({"options": {"dbname": "other"}}, "options"),
        ({"type": "aws_s3", "host": None, "port": None, "database_name": "bucket"}, "options.region"),
        ({"type": "sqlite", "host": None, "port": None, "database_name": None, "credentials": None}, "file_path"),
    ],
)
async def test_what_is_refused(pages: HyphenClient, changes: dict[str, Any], place: str) -> None:
    """With the field as the client knows it."""
    body = {"name": "Refused", **LEAST, **LOGIN} | changes
    given = {name: value for name, value in body.items() if value is not None}
    assert place in await pages.refused("POST", "", 422, json=given)


async def test_what_else_a_type_has(pages: HyphenClient, lone_api: Client) -> None:
    """`options`, by their own names; they stay when something else changes."""
    made = await pages.create(name="With options", **LEAST, **LOGIN, options={"sslmode": "require", "role": "r"})
    await pages.change(made["id"], description="x")
    options = (await lone_api.get(f"{SOURCES}/{made['id']}")).json()["options"]
    assert (options["sslmode"], options["role"], options["dbname"]) == ("require", "r", "shop")
    assert made["host"] == LEAST["host"]


STRING = "postgresql://me:canary@db.example.com:6000/shop?sslmode=require"


async def test_a_connection_string(pages: HyphenClient, lone_api: Client) -> None:
    """Is taken apart, and not given back."""
    made = await pages.create(name="By a string", type="postgresql", connection_string=STRING)
    assert (made["host"], made["port"], made["database_name"]) == ("db.example.com", 6000, "shop")
    assert made["connection_string"] is None
    options = (await lone_api.get(f"{SOURCES}/{made['id']}")).json()["options"]
    assert (options["user"], options["sslmode"], options["password"]) == ("me", "require", None)


@pytest.mark.parametrize(
    ("string", "more"),
    [
        (STRING + "&options=-csearch_path%3Dx", {}),
        (STRING + "&hostaddr=169.254.169.254", {}),
        (STRING + "&service=x", {}),
        (STRING + "&connect_timeout=3", {}),
        (STRING.replace("db.example.com", "a,b"), {}),
        (STRING.replace("postgresql", "mysql"), {}),
        ("host=db.example.com dbname=shop", {}),
        (STRING, {"host": "other.example.com"}),
        (STRING, {"credentials": {"password": "another"}}),
        ("postgresql://[db", {}),
    ],
)
async def test_a_connection_string_that_says_too_much(pages: HyphenClient, string: str, more: dict[str, Any]) -> None:
    """Is refused, and no value of it is repeated."""
    body = {"name": "Too much", "type": "postgresql", "connection_string": string, **more}
    sentence = await pages.refused("POST", "", 422, json=body)
    assert "canary" not in sentence


async def test_both_apis_see_the_same_sources(pages: HyphenClient, lone_api: Client) -> None:
    """What one registers the other reads and changes, each in its own words."""
    made = await pages.create(**CREATE | {"name": "Of the hyphen"})
    seen = (await lone_api.get(f"{SOURCES}/{made['id']}")).json()
    assert (seen["type"], seen["options"]["dbname"], seen["temp_schema"]) == ("pg", "production_db", None)
    assert (await lone_api.patch(f"{SOURCES}/{made['id']}", json=seen | {"description": "changed"})).status_code == 200
    assert (await pages.read(made["id"])).items() >= {"description": "changed", "max_retries": 5}.items()
    other = await register(lone_api, "Of the underscore", temp_schema="scratch")
    found = await pages.read(other)
    assert (found["type"], found["host"], found["database_name"]) == ("postgresql", OPTIONS["host"], OPTIONS["dbname"])


async def test_without_a_key(lone_api: Client) -> None:
    """401 in the envelope."""
    headers = {"Authorization": "Bearer nothing"}
    for method in ("GET", "POST"):
        answer = await lone_api.request(method, "/api/v1/data-sources", headers=headers)
        assert (answer.status_code, answer.json()["error_code"]) == (401, "UNAUTHORIZED")


async def test_a_parameter_that_is_missing_is_named(pages: HyphenClient) -> None:
    """As the place where it belongs."""
    made = await pages.create(name="Asked too little", **LEAST, **LOGIN)
    sentence = await pages.refused("GET", f"/{made['id']}/table?schema_name=public", 422)
    assert sentence == "table_name: This parameter is required"
