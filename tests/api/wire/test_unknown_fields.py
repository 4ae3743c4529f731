"""What is mistyped is refused with the nearest known name; what Datafold's API has is taken."""

from typing import Any

import pytest
from cryptography.fernet import Fernet

from api.app import create_app
from api.auth import is_open
from api.openapi import parameters_of
from api.wire.errors import Invalid
from api.wire.registration import parse, read, strangers_in
from api.wire.requests import (
    PUBLISHED_FIELDS,
    Confirmation,
    GivenSecret,
    KeyRequest,
    NewHostKey,
    TestRequest,
    WantedSchedule,
)

OPTIONS = {"host": "db.example", "user": "me", "dbname": "shop"}
SOURCE = {"name": "Shop", "type": "pg", "options": OPTIONS}
TUNNEL = {"host": "gateway.example", "username": "me"}


def refused(data: dict[str, Any]) -> Invalid:
    """What is said about a source."""
    with pytest.raises(Invalid) as caught:
        parse(data, strangers_in(data))
    return caught.value


@pytest.mark.parametrize(
    ("more", "place", "nearest"),
    [
        ({"temp_shema": "scratch"}, ["body", "temp_shema"], "temp_schema"),
        ({"Name": "x"}, ["body", "Name"], "name"),
        ({"down_aftr": 2}, ["body", "down_aftr"], "down_after"),
        ({"options": OPTIONS | {"pasword": "x"}}, ["body", "options", "pasword"], "password"),
        ({"options": OPTIONS | {"sslMode": "require"}}, ["body", "options", "sslMode"], "sslmode"),
        ({"ssh_tunnel": TUNNEL | {"user_name": "x"}}, ["body", "ssh_tunnel", "user_name"], "username"),
    ],
)
def test_a_mistyped_field_of_a_source(more: dict[str, Any], place: list[str], nearest: str) -> None:
    """The place, and the field that was probably meant."""
    (error,) = refused(SOURCE | more).errors
    assert error["loc"] == place
    assert error["msg"] == f"Unknown field `{place[-1]}` (did you mean {nearest}?)"
    assert error["type"] == "extra_forbidden"


def test_a_field_that_resembles_none() -> None:
    """No name is made up."""
    assert refused(SOURCE | {"xyz": 1}).sentence == "Unknown field `xyz`"


def test_published_fields_are_kept_as_they_are_given() -> None:
    """Those of Datafold's schema that no check needs."""
    given = SOURCE | dict.fromkeys(PUBLISHED_FIELDS, "x")
    assert strangers_in(given) == []
    _, kept = parse(given)
    assert {name: kept[name] for name in PUBLISHED_FIELDS} == dict.fromkeys(PUBLISHED_FIELDS, "x")


def test_what_a_source_has_already_may_be_sent_back() -> None:
    """An earlier version kept every field."""
    assert strangers_in({"of_an_earlier_version": 1}, ["of_an_earlier_version"]) == []


@pytest.mark.parametrize(
    ("word", "nearest"),
    [("postgres", "postgresql"), ("Snowflak", "snowflake"), ("mssqll", "mssql"), ("xyz", None), ("x" * 100_000, None)],
)
def test_a_mistyped_type(word: str, nearest: str | None) -> None:
    """The type that was probably meant, and all that there are."""
    (error,) = refused(SOURCE | {"type": word}).errors
    assert error["loc"] == ["body", "type"]
    meant = f" (did you mean {nearest}?)" if nearest else ""
    assert error["msg"].startswith(f"Unknown type{meant}; use one of athena, ")


@pytest.mark.parametrize("kind", [TestRequest, Confirmation, GivenSecret, NewHostKey, WantedSchedule, KeyRequest])
def test_every_other_body_refuses_unknown_fields(kind: type[Any]) -> None:
    """By the struct itself."""
    with pytest.raises(Invalid) as caught:
        read(b'{"no_such_field": 1}', kind)
    assert caught.value.errors[0]["loc"] == ["body", "no_such_field"]


def test_a_mistyped_field_of_a_test() -> None:
    """A limit that is not met would otherwise go unnoticed."""
    with pytest.raises(Invalid, match=r"Unknown field `timeout` \(did you mean timeout_seconds\?\)"):
        read(b'{"timeout": 5}', TestRequest)


def test_every_operation_that_needs_a_key_knows_its_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the OpenAPI document; open paths take whatever a load balancer adds."""
    monkeypatch.setenv("SOURCECHECK_SECRET_KEYS", Fernet.generate_key().decode())
    found = parameters_of(create_app().openapi_schema)
    assert found["/api/v1/data_sources/test/{job_id}", "get"] == {"wait"}
    assert found["/api/v1/data_sources", "post"] == frozenset()
    assert not [path for path, _ in found if is_open(path)]
