"""Every field at fault is told at once, each at its place."""

from typing import Any

import msgspec
import pytest
from cryptography.fernet import Fernet

from api.wire.changes import merged
from api.wire.errors import Invalid
from api.wire.faults import MOST_FAULTS
from api.wire.registration import decode, hidden_in, parse, read, strangers_in
from api.wire.requests import NewAlert, NewHostKey, WantedSchedule
from datasources.catalogue.sources import write_source
from datasources.catalogue.tables import DataSource
from datasources.secrecy.vault import Vault

GOOD: dict[str, Any] = {"name": "x", "type": "pg", "options": {"host": "h", "user": "u", "dbname": "d"}}
SOURCES: list[tuple[dict[str, Any], list[str]]] = [
    ({"name": "", "type": "pg", "options": {}}, ["name", "options.host", "options.user", "options.dbname"]),
    (
        GOOD | {"options": {"host": "a:5432", "user": "", "port": "many", "nope": 1}, "tags": "x"},
        ["options.nope", "options.user", "options.port", "options.dbname", "options.host", "tags"],
    ),
    (
        GOOD | {"ssh_tunnel": {"host": "a/b", "port": 0}, "down_after": 0, "name": "a\u202eb"},
        ["name", "ssh_tunnel.username", "ssh_tunnel.port", "ssh_tunnel.host", "down_after"],
    ),
    (
        GOOD | {"name": " ", "schema_indexing_schedule": "0 0 31 2 *", "lineage_schedule": "x", "my_token": 1},
        ["name", "schema_indexing_schedule", "lineage_schedule", "my_token"],
    ),
    (GOOD | {"options": GOOD["options"] | {"password": "***"}, "tags": 1}, ["options.password", "tags"]),
    (GOOD | {"options": 1, "ssh_tunnel": 1}, ["options", "ssh_tunnel"]),
    ({"name": "x", "type": "nothing", "options": {}}, ["type"]),
    (
        {"name": "x", "type": "mssql", "options": {"host": "h", "password": "p", "session_script": "DROP TABLE x"}},
        ["options.session_script"],
    ),
    (
        {"name": "x", "type": "oracle", "options": {"host": "h", "password": "p", "session_script": "DROP TABLE x"}},
        ["options.session_script"],
    ),
    (
        {"name": "x", "type": "snowflake", "options": {"account": "a", "sql_variables": "x"}},
        ["options.sql_variables"],
    ),
    (
        {"nmae": "x", "type": "nothing", "tags": 1, "down_after": 0, "ssh_tunnel": {"host": "h"}},
        ["nmae", "type", "name", "tags", "down_after", "ssh_tunnel.username"],
    ),
    ({"no_such_field": 1}, ["no_such_field", "type", "name"]),
    (GOOD | {"temp_shema": "x", "options": {"host": "h"}}, ["temp_shema", "options.user", "options.dbname"]),
]


def places(work: Any, *given: Any) -> list[str]:
    """The fields at fault."""
    with pytest.raises(Invalid) as refused:
        work(*given)
    assert all(error["msg"] for error in refused.value.errors)
    return [".".join(map(str, error["loc"][1:])) for error in refused.value.errors]


@pytest.mark.parametrize(("given", "wrong"), SOURCES, ids=range(len(SOURCES)))
def test_all_faults_of_a_source(given: dict[str, Any], wrong: list[str]) -> None:
    """Whatever kind they are of."""
    found = places(lambda: parse(given, [*strangers_in(given), *hidden_in(given)]))
    assert sorted(found) == sorted(wrong)


def test_all_faults_of_other_bodies() -> None:
    """In the order of the fields, unknown ones first."""
    assert places(read, b'{"kind": "fax", "url": "", "data_source_id": 0}', NewAlert) == [
        "kind",
        "url",
        "data_source_id",
    ]
    assert places(read, b'{"port": 0, "x": 1}', NewHostKey) == ["x", "host", "host_key", "port"]
    assert places(read, b'{"interval_seconds": 1, "cron": 5}', WantedSchedule) == ["interval_seconds", "cron"]


def test_a_value_that_is_none_of_a_few() -> None:
    """The sentence names those that are accepted."""
    with pytest.raises(Invalid) as refused:
        parse(GOOD | {"options": GOOD["options"] | {"sslmode": "on"}}, [])
    assert refused.value.errors[0]["loc"][-1] == "sslmode"
    assert refused.value.errors[0]["msg"].endswith("accepted here: prefer, require, verify-ca, verify-full")
    with pytest.raises(Invalid, match=r"accepted here \(did you mean require\?\): prefer, require"):
        parse(GOOD | {"options": GOOD["options"] | {"sslmode": "required"}}, [])


def test_all_faults_of_a_change() -> None:
    """A secret that has to be given again does not hide what else is wrong."""
    vault = Vault(Fernet.generate_key().decode())
    row = DataSource(id=1, organization_id=1)
    write_source(row, *parse(GOOD | {"options": GOOD["options"] | {"password": "secret"}}), vault)
    change = {"options": {"host": "elsewhere", "port": 0}, "down_after": 0, "name": "a\u202eb"}
    found = places(lambda: parse(*merged(row, change, vault)))
    assert sorted(found) == ["down_after", "name", "options.password", "options.port"]


def test_the_nearest_name_is_looked_for_no_more_often_than_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look takes a while, in which the API serves no one else: a body has room for 40,000 unknown names."""
    asked: list[str] = []

    def looked_for(word: str, *_: Any) -> str:
        asked.append(word)
        return ""

    monkeypatch.setattr("api.wire.errors.did_you_mean", looked_for)
    strangers = {f"nothing_{number}": 1 for number in range(10_000)}
    for work in (
        lambda: read(msgspec.json.encode(strangers), NewHostKey),
        lambda: parse(GOOD, strangers_in(strangers)),
        lambda: parse(GOOD | {"options": strangers}),
    ):
        asked.clear()
        assert len(places(work)) == len(asked) == MOST_FAULTS


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        (b'{"a": [1, {"b": 1e400}]}', ["body", "a", 1, "b"]),
        (b'{"a": -1e400}', ["body", "a"]),
        (b'{"a": 1e308}', ["body", "a"]),
        (b'{"a": 99999999999999999999}', ["body", "a"]),
        (b'{"a": ' + b"9" * 5000 + b"}", ["body"]),
    ],
    ids=range(5),
)
def test_numbers_that_are_too_large(body: bytes, loc: list[str | int]) -> None:
    """The field is named, but for a number so long that no program reads it."""
    with pytest.raises(Invalid) as caught:
        decode(body)
    (error,) = caught.value.errors
    assert error["loc"] == loc
    assert "$" not in str(error["msg"])
