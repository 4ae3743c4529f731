"""The JSON Schema of a file of sources, as editors use it, made from the structs that the API reads.

`make schema` writes it into the client's package, whose command line prints it; a test keeps both equal.
"""

import sys
from typing import Any

import msgspec

from api.wire.requests import ANSWERED_ONLY, WantedSchedule, schema_of, source_schema
from datasources.databases import ALIASES, DATABASES
from datasources.databases.base import Database

DRAFT = "http://json-schema.org/draft-07/schema#"
"""What editors know best."""
PLACEHOLDER = {"type": "string", "pattern": r"^\$\{[^{}]+\}$"}
"""In place of a number or a switch: what the command line puts in for `${NAME}`."""
REPLACEABLE = frozenset({"integer", "number", "boolean"})


def file_schema() -> dict[str, Any]:
    """The schema of a whole file."""
    source = source_schema()
    properties = {name: value for name, value in source["properties"].items() if name not in ANSWERED_ONLY}
    properties["schedule"] = {"anyOf": [schema_of(WantedSchedule), {"type": "null"}]}
    source |= {"properties": properties, "allOf": [_rule(word, kind) for word, kind in sorted(DATABASES.items())]}
    found: dict[str, Any] = _with_placeholders(
        {
            "$schema": DRAFT,
            "title": "Sources of sourcecheck",
            "type": "object",
            "properties": {"sources": {"type": "array", "items": source}},
            "patternProperties": {"^x-": {"description": "Left out of account: a place for YAML anchors"}},
            "required": ["sources"],
            "additionalProperties": False,
            "definitions": {word: _options(kind) for word, kind in sorted(DATABASES.items())},
        }
    )
    return found


def _rule(word: str, kind: type[Database]) -> dict[str, Any]:
    """The options of a source of this type."""
    words = sorted({word, *(alias for alias, meant in ALIASES.items() if meant == word)})
    return {
        "if": {"properties": {"type": {"enum": words}}, "required": ["type"]},
        "then": {"properties": {"options": {"$ref": f"#/definitions/{word}"}}},
    }


def _options(kind: type[Database]) -> dict[str, Any]:
    schema = schema_of(kind.options)
    names = {old: schema["properties"][new] for old, new in kind.options.also_called.items()}
    return schema | {"title": f"{kind.title} options", "properties": schema["properties"] | names}


def _with_placeholders(schema: Any) -> Any:
    """The same schema, in which a number or a switch may be a placeholder as well."""
    if isinstance(schema, list):
        return [_with_placeholders(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kind = schema.get("type")  # of a field, unless it is the field that is called so
    if isinstance(kind, str) and kind in REPLACEABLE:
        return {"anyOf": [schema, PLACEHOLDER]}
    return {name: _with_placeholders(item) for name, item in schema.items()}


def encoded() -> bytes:
    """As the file holds it."""
    return msgspec.json.format(msgspec.json.encode(file_schema(), order="deterministic"), indent=1) + b"\n"


if __name__ == "__main__":
    sys.stdout.buffer.write(encoded())
