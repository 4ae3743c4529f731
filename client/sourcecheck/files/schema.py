"""The JSON Schema of a file of sources: for editors, and to know where a number belongs."""

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from sourcecheck.files.document import Way

NUMBERS = frozenset({"integer", "number", "boolean"})


def schema_text() -> str:
    """The file as it is in this package."""
    return files("sourcecheck").joinpath("sources.schema.json").read_text(encoding="utf-8")


@cache
def _schema() -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(schema_text())
    return found


def wants_number(way: Way, type_name: str) -> bool:
    """Whether a number or a switch belongs there; `way` begins at the source."""
    source = _schema()["properties"]["sources"]["items"]
    if way[:1] == ("options",):
        options: Any = next((rule["then"] for rule in source["allOf"] if _is_about(rule, type_name)), {})
        return _has_number(options.get("properties", {}).get("options", {}), way[1:])
    return _has_number(source, way)


def options_of(type_name: str) -> frozenset[str] | None:
    """The names of a type's options; None for a type that there is not."""
    definition = _schema()["definitions"].get(type_name)
    return frozenset(definition["properties"]) if definition and type_name != "SshTunnel" else None


def secrets_of(type_name: str) -> frozenset[str]:
    """The names of a type's options that are secrets."""
    properties = _schema()["definitions"][type_name]["properties"]
    return frozenset(name for name, form in properties.items() if form.get("writeOnly"))


def _is_about(rule: dict[str, Any], type_name: str) -> bool:
    return type_name in rule["if"]["properties"]["type"]["enum"]


def _has_number(schema: dict[str, Any], way: Way) -> bool:
    forms = list(_forms(schema))
    if not way:
        return any(form.get("type") in NUMBERS for form in forms)
    inner = [form["properties"][way[0]] for form in forms if way[0] in form.get("properties", {})]
    return any(_has_number(form, way[1:]) for form in inner)


def _forms(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The schema, what it refers to, and its alternatives."""
    if "$ref" in schema:
        schema = _schema()["definitions"][schema["$ref"].rpartition("/")[2]]
    yield schema
    for form in schema.get("anyOf", []):
        yield from _forms(form)


def as_number(text: str) -> Any:
    """The number or switch that a text means; the text where it means none."""
    try:
        return msgspec.json.decode(text.strip())
    except msgspec.DecodeError:
        return text
