"""Properties of what enters and what leaves, over made-up input: no secret leaves, and none follows a moved source."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from api.wire.changes import merged
from api.wire.errors import Invalid, invalid
from api.wire.registration import answered, decode, parse, strangers_in
from api.wire.requests import PUBLISHED_FIELDS, SourceFields, TestRequest
from datasources.catalogue.health.record_check import FULL, wire_steps
from datasources.catalogue.sources import write_source
from datasources.catalogue.tables import DataSource
from datasources.databases import AnySource
from datasources.databases.postgres.model import PgOptions
from datasources.model.errors import CheckError
from datasources.model.results import Published, StepResult
from datasources.model.source import SshTunnel
from datasources.model.vocabulary import Code, ErrorCode, Outcome
from datasources.secrecy.scrubber import Scrubber
from datasources.secrecy.vault import Vault
from tasks.judge import refusal as refusal_of
from tasks.sanitize import clean
from tests.wire.answers import problems

VAULT = Vault(Fernet.generate_key().decode())
PASSWORD, GATEWAY = "canary-of-the-database", "canary-of-the-gateway"
OPTIONS = {
    "host": "db.example",
    "port": 5433,
    "user": "me",
    "dbname": "shop",
    "password": PASSWORD,
    "sslmode": "require",
}
FILE = {"path": "shop.db"}
WHOLE: dict[str, dict[str, Any]] = {"pg": OPTIONS, "sqlite": FILE, "duckdb": FILE}
"""Options of a source, by its type."""
FIELDS = [*SourceFields.__struct_fields__, *PUBLISHED_FIELDS, "temp_schema", "last_test", "id", "via", "ssh_tunnel"]
TUNNEL = {"host": "gate.example", "port": 2222, "username": "guest", "password": GATEWAY}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
options_changes = st.fixed_dictionaries(
    {},
    optional={
        "host": st.sampled_from(["db.example", "evil.example", ""]),
        "port": st.sampled_from([5433, 5432, None]),
        "user": st.sampled_from(["me", "postgres"]),
        "dbname": st.sampled_from(["shop", "other"]),
        "sslmode": st.sampled_from(["require", "prefer"]),
        "role": st.none() | st.just("reader"),
        "password": st.sampled_from(["new", None]),
    },
)
tunnel_changes = st.fixed_dictionaries(
    {},
    optional={
        "host": st.sampled_from(["gate.example", "evil.example"]),
        "port": st.sampled_from([2222, 22]),
        "username": st.sampled_from(["guest", "root"]),
        "password": st.sampled_from(["new", None]),
    },
)
changes = st.fixed_dictionaries(
    {},
    optional={
        "options": options_changes,
        "ssh_tunnel": st.none() | tunnel_changes,
        "temp_schema": st.none() | st.just("scratch"),
        "name": st.just("Renamed"),
    },
)


def stored(tunnel: bool) -> DataSource:
    """A row as registration makes it."""
    data = {"name": "Shop", "type": "pg", "options": OPTIONS} | ({"ssh_tunnel": TUNNEL} if tunnel else {})
    row = DataSource(id=1, organization_id=1, name="", type="pg")
    write_source(row, *parse(data), VAULT)
    return row


def refusal(work: Callable[[], Any]) -> Invalid | None:
    """The 422 that it ends with, None when it passes; nothing else is raised."""
    try:
        work()
    except Invalid as refused:
        return refused
    return None


def named(refused: Invalid | None) -> bool:
    """Whether it passed, or the complaint says where."""
    return refused is None or (refused.status == 422 and refused.errors[0]["loc"][0] == "body")


def places(whole: dict[str, Any], group: str) -> dict[str, Any]:
    """Where the secrets of a group go."""
    fields = (PgOptions if group == "options" else SshTunnel).destination_fields
    return {name: value for name, value in (whole[group] or {}).items() if name in fields}


@given(st.booleans(), changes)
def test_a_secret_never_follows_a_moved_source(tunnel: bool, change: dict[str, Any]) -> None:
    """After a change that is accepted, a stored secret is only there if it goes where it went before."""
    row = stored(tunnel)
    before = {"options": row.options, "ssh_tunnel": row.ssh_tunnel}
    try:
        whole, found = merged(row, change, VAULT)
    except Invalid:
        return
    if found:
        return
    if whole["options"].get("password") == PASSWORD:
        assert places(whole, "options") == places(before, "options")
        assert places(whole, "ssh_tunnel") == places(before, "ssh_tunnel")
    if whole["ssh_tunnel"] and whole["ssh_tunnel"].get("password") == GATEWAY:
        assert places(whole, "ssh_tunnel") == places(before, "ssh_tunnel")


@given(st.booleans(), changes)
def test_no_secret_leaves(tunnel: bool, change: dict[str, Any]) -> None:
    """What is answered after any change, and every column in clear, holds no secret."""
    row = stored(tunnel)
    assert named(refusal(lambda: write_source(row, *parse(*merged(row, change, VAULT)), VAULT)))
    row.last_test = None
    shown = json.dumps([answered(row), row.options, row.ssh_tunnel, row.fields], default=str)
    assert [secret for secret in (PASSWORD, GATEWAY) if secret in shown] == []
    assert [secret for secret in (PASSWORD, GATEWAY) if secret.encode() in (row.secret or b"")] == []


@given(st.sampled_from(sorted(WHOLE)), st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=6))
def test_what_can_be_registered_is_answered_as_published(kind: str, fields: dict[str, Any]) -> None:
    """Whatever the optional fields hold: it is refused by name, or the source keeps the published schema."""
    row = DataSource(id=1, organization_id=1, name="", type=kind, last_test=None)
    body = json.dumps({"name": "Shop", "type": kind, "options": WHOLE[kind]} | fields).encode()
    refused = refusal(lambda: write_source(row, *parse(source := decode(body), strangers_in(source)), VAULT))
    assert named(refused)
    if refused is None:
        assert problems(json.loads(msgspec.json.encode(answered(row))), "DataSource") == []


@given(st.text(), st.sampled_from(Outcome), st.dictionaries(st.text(max_size=10), json_values, max_size=3))
def test_what_a_step_finds_is_answered_as_published(message: str, outcome: Outcome, details: dict[str, Any]) -> None:
    """Whatever a server says, or if it says nothing: alone or beside other steps, in a test or a check of a sweep."""
    no = refusal_of(CheckError(ErrorCode.QUERY_ERROR, message, details), "connection")
    yes = StepResult(code=Code.OK, message=message, outcome=outcome, details=details)
    result = clean(no if outcome is Outcome.failed else yes, Scrubber([]))
    assert problems(msgspec.to_builtins(result), "EndedResult") == []
    found = [Published(job_id=1, task=step, result=result) for step in FULL]
    for published in ([], found[:1], found[2:], found):
        last = {"tested_at": "2026-05-04T12:30:00.000000+00:00", "results": wire_steps(published)}
        assert problems(last, "LastTest") == []


@given(json_values)
def test_whatever_is_no_source_is_refused_by_name(value: Any) -> None:
    """422 with a place, and nothing else, for any JSON as a source or as a change of one."""
    body = json.dumps(value).encode()
    assert named(refusal(lambda: parse(decode(body))))
    assert named(refusal(lambda: parse(*merged(stored(True), decode(body), VAULT))))


@given(st.dictionaries(st.sampled_from(["options", "ssh_tunnel", "type", "name", "temp_schema", "tags"]), json_values))
def test_whatever_is_no_change_is_refused_by_name(change: dict[str, Any]) -> None:
    """The same for the fields that matter, with values of any kind."""
    assert named(refusal(lambda: parse(*merged(stored(True), decode(json.dumps(change).encode()), VAULT))))


@pytest.mark.parametrize("kind", [TestRequest, SourceFields, AnySource, list[int], dict[str, TestRequest]])
@given(value=json_values)
def test_a_complaint_names_its_place(kind: Any, value: Any) -> None:
    """Every error of msgspec becomes a list of names and numbers, a sentence and a kind, all of it JSON."""
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        (problem,) = invalid(error, prefix=("part",)).errors
        assert problem["loc"][:2] == ["body", "part"]
        assert all(isinstance(part, str | int) for part in problem["loc"])
        assert problem["msg"]
        assert json.loads(json.dumps(problem)) == problem


@pytest.mark.parametrize("number", ["9" * 400, "-" + "9" * 30, "9223372036854775808", "1e308"])
def test_numbers_beyond_64_bits_are_refused_by_name(number: str) -> None:
    """Also within a field of which nothing is known."""
    with pytest.raises(Invalid) as caught:
        decode(b'{"name": "x", "extra": {"list": [1.5, %s]}}' % number.encode())
    assert caught.value.args[0] == ["body", "extra", "list", 1]
