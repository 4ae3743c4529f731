"""All that is wrong with what a client sent: msgspec stops at the first fault, and a person mends them one by one."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, Literal, get_args, get_origin

import msgspec
from msgspec import Struct

from api.wire.errors import Invalid, invalid, unknown
from datasources.model.inputs.hosts import host_name

Fault = dict[str, Any]
Place = tuple[str, ...]
Known = Mapping[str, Iterable[str]]
REQUIRED = "This field is required"
MOST_FAULTS = 100
"""Of one body: a client mends these and sends it again. Looking for the nearest name takes a while for each."""


def together(faults: Sequence[Fault]) -> Invalid:
    """One refusal for all of these, each place once."""
    places: dict[str, Fault] = {}
    for fault in faults:
        places.setdefault(repr(fault["loc"]), fault)
    chosen = list(places.values())[:MOST_FAULTS]
    refusal = Invalid(chosen[0]["loc"], chosen[0]["msg"], chosen[0]["type"])
    refusal.errors = chosen
    return refusal


def fault_of(check: Callable[..., object], *given: Any) -> list[Fault]:
    """What this check refuses; nothing when it passes."""
    try:
        check(*given)
    except Invalid as refusal:
        return refusal.errors
    return []


def faults(given: Any, kind: type[Struct], known: Known, place: Place = ()) -> list[Fault]:
    """Every field at fault of what should be a struct of this kind: unknown ones, then in the order of its fields.

    `known` names, for an object in it, the fields among which the nearest to an unknown one is looked for.
    """
    if not isinstance(given, dict):
        return _refusal(given, kind, known, place)
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    found: list[Fault] = []
    if kind.__struct_config__.forbid_unknown_fields:
        names = known.get(place[-1] if place else "", fields)
        strangers = [name for name in given if name not in fields and name != kind.__struct_config__.tag_field]
        found += [fault for name in strangers[:MOST_FAULTS] for fault in unknown(["body", *place, name], names).errors]
    for name, field in fields.items():
        if name in given:
            inner = _struct_in(field.type)
            found += (
                faults(given[name], inner, known, (*place, name))
                if inner and isinstance(given[name], dict)
                else _refusal(given[name], field.type, known, (*place, name))
            )
        elif field.required:
            found += Invalid(["body", *place, name], REQUIRED, "missing").errors
    if "host" in given and hasattr(kind, "__post_init__") and not any(f["loc"][-1] == "host" for f in found):
        found += _host(given["host"], place)
    return found or _refusal(given, kind, known, place)


def _refusal(given: Any, kind: Any, known: Known, place: Place) -> list[Fault]:
    """What msgspec says first of this value."""
    try:
        msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        return invalid(error, prefix=place, known=known, choices=choices_of(kind)).errors
    return []


def _host(host: Any, place: Place) -> list[Fault]:
    """Checked when a struct is whole, and so not at all where another field is at fault."""
    try:
        host_name(str(host))
    except ValueError as error:
        return invalid(msgspec.ValidationError(str(error)), prefix=place).errors
    return []


def choices_of(kind: Any) -> list[str]:
    """The values of a type that has a few; none for every other type."""
    if get_origin(kind) is Literal:
        return [value for value in get_args(kind) if isinstance(value, str)]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return [str(member.value) for member in kind]
    return [value for part in get_args(kind) for value in choices_of(part)]


def _struct_in(kind: Any) -> type[Struct] | None:
    """The struct that this type is, perhaps beside others such as None."""
    if isinstance(kind, type) and issubclass(kind, Struct):
        return kind
    return next((found for part in get_args(kind) if (found := _struct_in(part))), None)
