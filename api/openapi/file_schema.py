"""The JSON Schema of a file of sources, as editors use it, made from the structs that the API reads.

`make schema` writes it into the client's package, whose command line prints it; a test keeps both equal.
"""

import sys
from typing import Any

import msgspec

from api.openapi.sources import PLACE, declared_fields
from api.wire.requests import ANSWERED_ONLY, schema_of
from datasources.databases import DATABASES
from datasources.databases.base import Database
from datasources.model.source import SshTunnel

DRAFT = "http://json-schema.org/draft-07/schema#"
"""What editors know best."""
PLACEHOLDER = {"type": "string", "pattern": r"^\$\{[^{}]+\}$"}
"""In place of a number or a switch: what the command line puts in for `${NAME}`."""
REPLACEABLE = frozenset({"integer", "number", "boolean"})


def file_schema() -> dict[str, Any]:
    """The schema of a whole file."""
    kinds = [kind for _, kind in sorted(DATABASES.items())]
    fields = declared_fields(kinds[0]) | {"options": {"type": "object"}}
    source = {
        "type": "object",
        "properties": {name: value for name, value in fields.items() if name not in ANSWERED_ONLY}
        | {"type": {"type": "string", "enum": sorted(word for kind in kinds for word in kind.words())}},
        "required": ["name", "type", "options"],
        "additionalProperties": False,
        "allOf": [_rule(kind) for kind in kinds],
    }
    options = {kind.word(): declared_fields(kind)["options"] | {"title": f"{kind.title} options"} for kind in kinds}
    found: dict[str, Any] = _for_a_file(
        {
            "$schema": DRAFT,
            "title": "Sources of sourcecheck",
            "type": "object",
            "properties": {"sources": {"type": "array", "items": source}},
            "patternProperties": {"^x-": {"description": "Ignored: a place for YAML anchors"}},
            "required": ["sources"],
            "additionalProperties": False,
            "definitions": options | {"SshTunnel": schema_of(SshTunnel)},
        }
    )
    return found


def _rule(kind: type[Database]) -> dict[str, Any]:
    """The options of a source of this type."""
    return {
        "if": {"properties": {"type": {"enum": sorted(kind.words())}}, "required": ["type"]},
        "then": {"properties": {"options": {"$ref": f"{PLACE}{kind.word()}"}}},
    }


def _for_a_file(schema: Any) -> Any:
    """The same schema, with its references, in which a number or a switch may be a placeholder as well."""
    if isinstance(schema, list):
        return [_for_a_file(item) for item in schema]
    if isinstance(schema, str):
        return schema.replace(PLACE, "#/definitions/")
    if not isinstance(schema, dict):
        return schema
    kind = schema.get("type")  # of a field, unless it is the field that is called so
    if isinstance(kind, str) and kind in REPLACEABLE:
        return {"anyOf": [schema, PLACEHOLDER]}
    return {name: _for_a_file(item) for name, item in schema.items()}


def encoded() -> bytes:
    """As the file holds it."""
    return msgspec.json.format(msgspec.json.encode(file_schema(), order="deterministic"), indent=1) + b"\n"


if __name__ == "__main__":
    sys.stdout.buffer.write(encoded())
