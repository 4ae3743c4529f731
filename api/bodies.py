"""Request bodies that are read by hand (optional ones, and ones of which nothing may be lost), as documentation."""

from dataclasses import dataclass
from typing import Any

from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema

from datasources.databases import ALIASES, DATABASES


def _body(schema: Schema, *, required: bool) -> RequestBody:
    return RequestBody(content={"application/json": OpenAPIMediaType(schema=schema)}, required=required)


def _source(required: list[str]) -> Schema:
    properties: dict[str, Any] = {
        "name": Schema(type=OpenAPIType.STRING, min_length=1),
        "type": Schema(type=OpenAPIType.STRING, enum=sorted([*DATABASES, *ALIASES])),
        "options": Schema(type=OpenAPIType.OBJECT, description="See /api/v1/data_sources/types"),
        "ssh_tunnel": Schema(type=[OpenAPIType.OBJECT, OpenAPIType.NULL]),
        "temp_schema": Schema(type=[OpenAPIType.STRING, OpenAPIType.NULL]),
    }
    return Schema(type=OpenAPIType.OBJECT, required=required, properties=properties)


@dataclass
class TakesSource(Operation):
    """Takes a whole source."""

    __test__ = False

    def __post_init__(self) -> None:
        self.request_body = _body(_source(["name", "type", "options"]), required=True)


@dataclass
class TakesChange(Operation):
    """Takes some fields of a source."""

    def __post_init__(self) -> None:
        self.request_body = _body(_source([]), required=True)


@dataclass
class TakesTestRequest(Operation):
    """Takes a body that may be absent or empty (contract section 1)."""

    def __post_init__(self) -> None:
        properties: dict[str, Any] = {
            "test_query": Schema(type=[OpenAPIType.STRING, OpenAPIType.NULL], min_length=1),
            "timeout_seconds": Schema(type=[OpenAPIType.INTEGER, OpenAPIType.NULL], minimum=1, maximum=300),
            "on_question": Schema(enum=["ask", "fail", None]),
        }
        self.request_body = _body(Schema(type=OpenAPIType.OBJECT, properties=properties), required=False)
