"""What is wrong with the path and the query of a request: all of it in one answer, before the handler begins."""

import re
from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import Any

import msgspec
from litestar.connection import ASGIConnection
from litestar.enums import ParamType
from litestar.handlers import BaseRouteHandler
from litestar.params import ParameterKwarg
from msgspec import Struct

from api.wire.errors import Invalid, invalid, unknown
from api.wire.faults import MOST_FAULTS, Fault, choices_of, together

INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
REQUIRED = "This parameter is required"
Connection = ASGIConnection[Any, Any, Any, Any]


class Expected(Struct, frozen=True):
    """A parameter of a handler: its name on the wire, and the type that its text has to be, with bounds."""

    place: ParamType
    name: str
    kind: Any
    whole: bool
    """Whether it is a whole number."""
    required: bool


async def well_formed(connection: Connection, handler: BaseRouteHandler) -> None:
    """A guard against malformed, missing and mistyped parameters. Raises `Invalid` naming every one of them.

    It is a coroutine, for Litestar calls a plain function in a thread, which takes longer than all else of a quick
    answer.
    """
    found = [*_unknown(connection), *_wrong(connection, _expected_by(handler))]
    if found:
        raise together(found)


def _unknown(connection: Connection) -> Iterator[Fault]:
    """Names that the OpenAPI document does not have, each with the nearest that it has; open paths take any."""
    operation = (connection.scope.get("path_template", ""), str(connection.scope.get("method", "")).lower())
    known = connection.app.state.parameters.get(operation)
    strangers = (name for name in connection.query_params if name not in known) if known is not None else ()
    for name in islice(strangers, MOST_FAULTS):
        yield from unknown(["query", name], known).errors


def _wrong(connection: Connection, expected: tuple[Expected, ...]) -> Iterator[Fault]:
    query = connection.query_params
    for each in expected:
        if each.place is ParamType.PATH:
            yield from _malformed(each, str(connection.path_params[each.name]))
        elif each.name in query:
            yield from _malformed(each, query.getall(each.name)[-1])
        elif each.required:
            yield from Invalid(["query", each.name], REQUIRED, "missing").errors


def _malformed(expected: Expected, given: str) -> list[Fault]:
    """What msgspec says of this text; of ids it would take `1e3` and `1.0` for whole numbers."""
    place = expected.place.value
    if place == "path" and expected.whole and not INTEGER.fullmatch(given):
        return Invalid([place, expected.name], "Expected a whole number").errors
    try:
        msgspec.convert(given, expected.kind, strict=False)
    except msgspec.ValidationError as error:
        return invalid(error, place, (expected.name,), choices=choices_of(expected.kind)).errors
    return []


@cache
def _expected_by(handler: BaseRouteHandler) -> tuple[Expected, ...]:
    """The parameters of a handler, by its signature: what Litestar will read them as."""
    kinds = handler.signature_model.__annotations__
    return tuple(
        Expected(parameter.param_type, parameter.name or name, kinds[name], field.annotation is int, field.is_required)
        for name, field in handler.parsed_fn_signature.parameters.items()
        if isinstance(parameter := field.kwarg_definition, ParameterKwarg)
        and not field.is_di_field
        and parameter.param_type in (ParamType.PATH, ParamType.QUERY)
    )
