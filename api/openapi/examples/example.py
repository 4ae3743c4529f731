"""What an example is made of."""

from collections.abc import Mapping
from enum import Enum
from typing import Any

from msgspec import UNSET, Struct, UnsetType, field

NOTHING: UnsetType = UNSET
"""No body, as a request or as an answer."""


class Example(Struct, frozen=True, kw_only=True):
    """One request of an operation, and its answer."""

    path: Mapping[str, int | str] = field(default_factory=dict)
    query: dict[str, Any] = field(default_factory=dict)
    body: Any = NOTHING
    status: int = 200
    answer: Any = NOTHING


class Null(Enum):
    """A null that Litestar writes into the document: it leaves out what is None, and shows the value of an `Enum`."""

    null = None


def shown(value: Any) -> Any:
    """The same plain data with nulls that stay."""
    if isinstance(value, dict):
        return {name: shown(item) for name, item in value.items()}
    if isinstance(value, list):
        return [shown(item) for item in value]
    return Null.null if value is None else value
