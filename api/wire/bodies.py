"""Request bodies that are read by hand (optional ones, and ones of which nothing may be lost), as documentation."""

from dataclasses import dataclass
from typing import Any, get_args

from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema

from datasources.databases import ALIASES, DATABASES
from datasources.health.plan import LEAST_SECONDS
from datasources.model.vocabulary import OnQuestion


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
class SourceBody(Operation):
    """Takes a whole source."""

    __test__ = False

    def __post_init__(self) -> None:
        self.request_body = _body(_source(["name", "type", "options"]), required=True)


@dataclass
class ChangeBody(Operation):
    """Takes some fields of a source."""

    def __post_init__(self) -> None:
        self.request_body = _body(_source([]), required=True)


@dataclass
class ConfirmationBody(Operation):
    """Takes the fingerprint that was asked about, or nothing at all for a query."""

    def __post_init__(self) -> None:
        properties: dict[str, Any] = {
            "fingerprint": Schema(
                type=[OpenAPIType.STRING, OpenAPIType.NULL],
                description="For a question of kind `host_key`: the exact fingerprint, `SHA256:…`",
            ),
            "confirm": Schema(
                enum=[True, None], description="For a question of kind `query`; may be left out, as the whole body"
            ),
        }
        self.request_body = _body(Schema(type=OpenAPIType.OBJECT, properties=properties), required=False)


@dataclass
class SecretBody(Operation):
    """Takes the secret that was asked for."""

    def __post_init__(self) -> None:
        text = [OpenAPIType.STRING, OpenAPIType.NULL]
        properties: dict[str, Any] = {
            "password": Schema(type=text, description="Of the source, or of its SSH gateway: as the question says"),
            "private_key": Schema(type=text, description="Of the SSH gateway: PEM text"),
            "passphrase": Schema(type=text, description="Of the private key"),
            "save": Schema(type=OpenAPIType.BOOLEAN, description="Keep it with the source; for this run alone if not"),
        }
        self.request_body = _body(Schema(type=OpenAPIType.OBJECT, properties=properties), required=True)


@dataclass
class HostKeyBody(Operation):
    """Takes a gateway and its key."""

    def __post_init__(self) -> None:
        properties: dict[str, Any] = {
            "host": Schema(type=OpenAPIType.STRING, min_length=1),
            "port": Schema(type=OpenAPIType.INTEGER, minimum=1, maximum=65535, default=22),
            "host_key": Schema(
                type=OpenAPIType.STRING, description="A public key line (`ssh-ed25519 AAAA…`) or `SHA256:…`"
            ),
        }
        schema = Schema(type=OpenAPIType.OBJECT, required=["host", "host_key"], properties=properties)
        self.request_body = _body(schema, required=True)


@dataclass
class TestRequestBody(Operation):
    """Takes a body that may be absent or empty (contract 2.2)."""

    def __post_init__(self) -> None:
        properties: dict[str, Any] = {
            "test_query": Schema(type=[OpenAPIType.STRING, OpenAPIType.NULL], min_length=1),
            "timeout_seconds": Schema(type=[OpenAPIType.INTEGER, OpenAPIType.NULL], minimum=1, maximum=300),
            "on_question": Schema(enum=[*get_args(OnQuestion), None]),
        }
        self.request_body = _body(Schema(type=OpenAPIType.OBJECT, properties=properties), required=False)


@dataclass
class ScheduleBody(Operation):
    """Takes a health schedule: an interval, or cron in a time zone."""

    def __post_init__(self) -> None:
        properties: dict[str, Any] = {
            "interval_seconds": Schema(type=OpenAPIType.INTEGER, minimum=LEAST_SECONDS),
            "cron": Schema(type=OpenAPIType.STRING, min_length=1, max_length=200),
            "timezone": Schema(type=OpenAPIType.STRING, description="An IANA name; belongs to cron; default UTC"),
            "active": Schema(type=OpenAPIType.BOOLEAN, default=True),
        }
        self.request_body = _body(Schema(type=OpenAPIType.OBJECT, properties=properties), required=True)
