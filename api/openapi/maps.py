"""Objects whose keys are known words: the document names each of them, where their type only says what a value is."""

from collections.abc import Iterable
from typing import Any, cast

from litestar.openapi.spec import OpenAPI

from api.wire.health import WINDOWS
from datasources.model.steps import STEPS

KEYS: dict[tuple[str, str], Iterable[str]] = {
    ("Health", "windows"): WINDOWS,
    ("Health", "steps"): [step.name for step in STEPS],
}
"""Their keys, by the schema and the property of it."""


def name_keys(document: OpenAPI) -> None:
    """Write the keys down as properties."""
    schemas = cast(dict[str, Any], document.components.schemas)
    for (schema, place), keys in KEYS.items():
        found = schemas[schema].properties[place]
        schemas[schema].properties[place] = {
            "type": "object",
            "properties": dict.fromkeys(keys, found.additional_properties),
        }
