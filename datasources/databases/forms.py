"""The options of a database as a form: what `/types` publishes."""

from typing import Any

import msgspec

from datasources.databases.base import Database


def configuration_schema(kind: type[Database]) -> dict[str, Any]:
    """`properties` and `required` of a database's options, in the published flat form."""
    schema = msgspec.json.schema(kind.options, ref_template="#/$defs/{name}")
    options = schema["$defs"][kind.options.__name__]
    return {
        "properties": {
            name: _property(name, field, secret=name in kind.options.secret_fields)
            for name, field in options["properties"].items()
        },
        "required": options.get("required", []),
    }


def _property(name: str, field: dict[str, Any], *, secret: bool) -> dict[str, Any]:
    """One field, with a single type even where it may be left out; what is secret is not shown while it is typed."""
    chosen = next((form for form in field.get("anyOf", []) if form.get("type") != "null"), field)
    found = {"title": field.get("title") or chosen.get("title") or name, "type": chosen.get("type", "string")}
    found |= {key: chosen[key] for key in ("enum", "minimum", "maximum") if key in chosen}
    if field.get("default") is not None:
        found["default"] = field["default"]
    if wanted := chosen.get("format") or ("password" if secret else None):
        found["format"] = wanted
    return found
