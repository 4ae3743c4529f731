"""Where an error is, in the words of the hyphen API: the rules that find it know the fields of the underscore API."""

from collections.abc import Sequence
from typing import Any

from api.wire.errors import Invalid
from api.wire.faults import REQUIRED, together
from datasources.databases.base import Database
from datasources.databases.urls import PASSWORD_FIELDS, USER_FIELDS, first_of

CREDENTIALS: dict[str, tuple[str, ...]] = {
    "username": USER_FIELDS,
    "password": PASSWORD_FIELDS,
    "api_key": ("api_key", "token"),
    "oauth_token": ("oauth_token", "token", "access_token", "http_token"),
    "warehouse": ("warehouse",),
    "role": ("role",),
}
"""Options that a credential may be, the first that the type has."""
SCHEMA = ("default_schema", "schema")
"""Options that `schema_name` is, where the type has one of them; otherwise it is kept alone."""
TUNNEL = {"ssh_host": "host", "ssh_port": "port", "ssh_username": "username"}
TUNNEL_SECRETS = {"ssh_private_key": "private_key", "ssh_passphrase": "passphrase"}


def schema_option(kind: type[Database]) -> str | None:
    """The option of the type that is its schema."""
    return first_of(SCHEMA, kind.options.__struct_fields__)


def in_their_words(error: Invalid, kind: type[Database]) -> Invalid:
    """The same error at the fields that the client sent."""
    return together(
        [
            {
                "loc": _place(each["loc"], kind),
                "msg": f"{kind.title} needs it" if _is_absent(each) else each["msg"],
                "type": each["type"],
            }
            for each in error.errors
        ]
    )


def _is_absent(error: dict[str, Any]) -> bool:
    return (error["type"], error["msg"]) == ("missing", REQUIRED)


def _place(loc: Sequence[str | int], kind: type[Database]) -> list[str | int]:
    match list(loc):
        case ["body", "options", str(name), *rest]:
            return ["body", *_option(name, kind), *rest]
        case ["body", "ssh_tunnel"]:
            return ["body", "use_ssh_tunnel"]
        case ["body", "ssh_tunnel", str(name), *rest]:
            return ["body", *_gateway(name), *rest]
    return list(loc)


def _option(name: str, kind: type[Database]) -> list[str]:
    for place, field in kind.options.shown_as.items():
        if field == name:
            return [place]
    for credential, fields in CREDENTIALS.items():
        if name in fields:
            return ["credentials", credential]
    return ["options", name]


def _gateway(name: str) -> list[str]:
    for place, field in TUNNEL.items():
        if field == name:
            return [place]
    for credential, field in TUNNEL_SECRETS.items():
        if field == name:
            return ["credentials", credential]
    return [f"ssh_{name}"]
