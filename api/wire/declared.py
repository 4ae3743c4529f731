"""Sources as a file declares them: what each is afterwards, and how that differs from what it is now.

The file is the whole truth about the sources that it names: what it leaves out has its default. Secrets alone are the
exception (contract 2.10): one that is left out stays as it is. No value of a secret is in a difference.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct

from api.wire.changes import replaced
from api.wire.errors import Invalid
from api.wire.registration import hidden_in, parse, strangers_in
from api.wire.requests import SourceFields
from datasources.catalogue.health.timetables import own_plan
from datasources.catalogue.sources import source_of
from datasources.catalogue.tables import DataSource
from datasources.health.plan import Plan
from datasources.model.inputs.secret_references import FIELD
from datasources.model.source import Source
from datasources.secrecy.vault import Vault

SCHEDULE = "schedule"
DEFAULTS: dict[str, Any] = msgspec.to_builtins(SourceFields())
Action = Literal["create", "update", "unchanged", "remove"]


class FieldChange(Struct, frozen=True, kw_only=True):
    """One field that a plan changes. Of a secret it says only that it changes."""

    field: str
    """Its name; `options.host` and `ssh_tunnel.host` for what lies deeper."""
    before: Any = None
    """Null where the source has no such field yet."""
    after: Any = None
    """Null where it has none afterwards."""
    secret: bool = False


class SourceChange(Struct, frozen=True, kw_only=True):
    """What becomes of one source."""

    name: str
    type: str
    action: Action
    id: int | None = None
    """Null for a source that a plan would create."""
    fields: list[FieldChange] = []


class Applied(Struct, frozen=True, kw_only=True):
    """A plan, and whether it was carried out."""

    changes: list[SourceChange]
    """The sources of the file in its order, then those that are removed."""
    applied: bool
    """False after a dry run."""


class Declared(Struct, frozen=True, kw_only=True):
    """One source of a file, typed, with the row of the catalogue that has its name."""

    source: Source
    fields: dict[str, Any]
    row: DataSource | None


def several(errors: Sequence[dict[str, Any]]) -> Invalid:
    """One refusal for all of these."""
    refusal = Invalid(["body", "sources"], f"{len(errors)} sources are refused")
    refusal.errors = list(errors)
    return refusal


def below(error: Invalid, number: int, *more: str) -> Invalid:
    """The same refusal, about the source of this number in the file."""
    moved = Invalid(["body"], error.sentence)
    moved.errors = [{**e, "loc": ["body", "sources", number, *more, *e["loc"][1:]]} for e in error.errors]
    return moved


def declare(item: dict[str, Any], rows: Mapping[str, DataSource], vault: Vault) -> Declared:
    """A source of a file, without its schedule; `rows` are those that there are, by name. Raises `Invalid`."""
    given = {name: value for name, value in item.items() if name != SCHEDULE}
    found = [*strangers_in(given), *hidden_in(given)]
    name = given.get("name")
    row = rows.get(name) if isinstance(name, str) else None
    source, fields = parse(given, found) if row is None else replaced(row, given, vault, found)
    return Declared(source=source, fields=fields, row=row)


def changes_of(declared: Declared, plan: Plan | None, vault: Vault) -> list[FieldChange]:
    """How the source differs from what it is now; all that it has, where it is new."""
    row = declared.row
    after = _facts(declared.source, declared.fields, plan)
    if row is None:
        options = defaults_of(type(declared.source.options))
        known = DEFAULTS | {f"options.{name}": value for name, value in options.items()}
        shown = {name: value for name, value in after.items() if value != known.get(name)}
        return _differences({}, shown, {}, _secrets(declared.source))
    before = source_of(row, vault)
    known = row.fields | msgspec.to_builtins(msgspec.convert(row.fields, SourceFields))
    return _differences(_facts(before, known, own_plan(row)), after, _secrets(before), _secrets(declared.source))


def defaults_of(kind: type[Struct]) -> dict[str, Any]:
    """What the fields of a struct are when nothing is said about them."""
    return {field.name: field.default for field in msgspec.structs.fields(kind) if not field.required}


def _facts(source: Source, fields: Mapping[str, Any], plan: Plan | None) -> dict[str, Any]:
    """Everything about a source that may be shown, by the name of its field; None means that it has no such field."""
    found = {"temp_schema": source.temp_schema, **fields, SCHEDULE: plan.plain() if plan else None}
    found |= found.pop(FIELD, None) or {}
    for group, part in (("options", source.options), ("ssh_tunnel", source.ssh_tunnel)):
        found |= {f"{group}.{name}": value for name, value in (part.public() if part else {}).items()}
    return {name: value for name, value in found.items() if value is not None}


def _secrets(source: Source) -> dict[str, str]:
    groups = (("options", source.options), ("ssh_tunnel", source.ssh_tunnel))
    found = {f"{group}.{name}": value for group, part in groups if part for name, value in part.secrets().items()}
    return {place: value for place, value in found.items() if place not in source.secret_references}


def _differences(
    before: Mapping[str, Any], after: Mapping[str, Any], secrets_before: Mapping[str, str], secrets: Mapping[str, str]
) -> list[FieldChange]:
    open_fields = [
        FieldChange(field=name, before=before.get(name), after=after.get(name))
        for name in dict.fromkeys([*before, *after])
        if before.get(name) != after.get(name)
    ]
    hidden = [
        FieldChange(field=name, secret=True)
        for name in dict.fromkeys([*secrets_before, *secrets])
        if secrets_before.get(name) != secrets.get(name)
    ]
    return [*open_fields, *hidden]
