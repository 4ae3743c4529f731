"""From the fields of a form to what the API's own bodies hold: the same structs, the same sentences when it fails."""

from collections.abc import Collection, Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from api.wire.errors import Invalid, Problem
from api.wire.registration import read
from api.wire.requests import (
    Confirmation,
    GivenSecret,
    NewAlert,
    NewHostKey,
    NewMember,
    SecretAnswer,
    TestRequest,
    WantedDownloads,
    WantedSchedule,
)

T = TypeVar("T", bound=Struct)
Form = Mapping[str, Any]


def test_from(form: Form) -> TestRequest:
    """The test that is asked for; an empty query is none. Raises `Invalid`."""
    return _read(
        {"test_query": text(form, "test_query"), "timeout_seconds": number(form, "timeout_seconds")}, TestRequest
    )


def schedule_from(form: Form) -> WantedSchedule:
    """The schedule, of the kind that is chosen. Raises `Invalid`."""
    if form.get("kind") == "cron":
        wanted: dict[str, Any] = {"cron": text(form, "cron"), "timezone": text(form, "timezone")}
        if wanted["cron"] is None:
            raise Invalid(["body", "cron"], "Give a cron expression, such as 0 6 * * 1-5", "missing")
    else:
        wanted = {"interval_seconds": number(form, "interval_seconds")}
        if wanted["interval_seconds"] is None:
            raise Invalid(["body", "interval_seconds"], "Give a number of seconds", "missing")
    return _read(wanted | {"active": bool(form.get("active"))}, WantedSchedule)


def downloads_from(form: Form) -> WantedDownloads:
    """When schema and lineage are downloaded; an empty field asks for no schedule. Raises `Invalid`."""
    given = {name: text(form, name) for name in ("schema_indexing_schedule", "lineage_schedule")}
    interval = number(form, "schema_refresh_interval")
    refreshed = bool(form.get("schema_auto_refresh"))
    return _read(given | {"schema_auto_refresh": refreshed, "schema_refresh_interval": interval}, WantedDownloads)


def confirmation_from(form: Form) -> Confirmation:
    """What confirms a host key or a query. Raises `Invalid`."""
    return _read({"fingerprint": text(form, "fingerprint")}, Confirmation)


def secret_from(form: Form, names: list[str]) -> SecretAnswer:
    """The secrets of these names, and whether to keep them. Raises `Invalid`."""
    given = {name: str(form.get(name) or "") or None for name in names}
    return _read(given | {"save": bool(form.get("save"))}, GivenSecret)


def host_key_from(form: Form) -> NewHostKey:
    """A gateway's key. Raises `Invalid`."""
    given = {"host": text(form, "host"), "port": number(form, "port"), "host_key": text(form, "host_key")}
    return _read(given, NewHostKey)


def alert_from(form: Form) -> NewAlert:
    """Who is to be told, of which source, or of all. Raises `Invalid`."""
    given = {name: text(form, name) for name in ("kind", "url", "name")}
    return _read(given | {"data_source_id": number(form, "data_source_id")}, NewAlert)


def member_from(form: Form) -> NewMember:
    """Who is to be taken in. Raises `Invalid`."""
    return _read({name: text(form, name) for name in ("name", "email", "role", "on_question")}, NewMember)


def text(form: Form, name: str) -> str | None:
    """A field without the blanks around it; None when it is empty. Lines end with LF: browsers send CR LF."""
    return trimmed(str(form.get(name) or "")) or None


def trimmed(value: str) -> str:
    """A text as `text` reads it from a form."""
    return value.replace("\r\n", "\n").strip()


def number(form: Form, name: str) -> int | str | None:
    """A whole number where it is one: what is none is left to the struct, which says so."""
    value = text(form, name)
    return int(value) if value and value.isascii() and value.isdigit() and len(value) < 16 else value


def at_field(problem: Problem, field: str, statuses: Collection[int] = (409, 422)) -> Invalid:
    """A refusal that names no field, at the field to blame for it. Raises those that are no fault of a form."""
    if problem.status not in statuses:
        raise problem
    return problem if isinstance(problem, Invalid) else Invalid(["body", field], problem.sentence)


def problems(invalid: Invalid | None) -> dict[str, str]:
    """The sentence of each field at fault, by its way from the body: `options.host`.

    It stands beside the field, which has a title there: a sentence that begins with the field's name begins with This.
    """
    errors = invalid.errors if invalid else []
    return {".".join(str(part) for part in error["loc"][1:]): _beside_its_field(error) for error in errors}


def _beside_its_field(error: dict[str, Any]) -> str:
    name, sentence = f"`{error['loc'][-1]}` ", str(error["msg"])
    return f"This {sentence.removeprefix(name)}" if sentence.startswith(name) else sentence


def _read(given: dict[str, Any], kind: type[T]) -> T:
    return read(msgspec.json.encode({name: value for name, value in given.items() if value is not None}), kind)
