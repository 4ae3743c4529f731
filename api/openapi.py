"""The OpenAPI document: the published security scheme, and every answer that an operation can give."""

from http import HTTPStatus

from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import (
    Components,
    OpenAPI,
    OpenAPIMediaType,
    OpenAPIResponse,
    Operation,
    Parameter,
    PathItem,
    Reference,
    SecurityScheme,
)

from api.auth import is_open
from api.docs_page import DocsPage
from api.wire.errors import ENVELOPE_PATH, ErrorEnvelope, HTTPSentence, HTTPValidationError

METHODS = ("get", "put", "post", "patch", "delete")
GUARDED = (401, 403, 503)
"""What every operation may answer that needs a key: the catalogue has to answer before anything else."""
LITESTARS_OWN = "400"
"""Documented by Litestar for malformed parameters; `api.wire.errors` answers 422 instead."""


def documentation() -> OpenAPIConfig:
    """OpenAPI with the published security scheme; pages at `/docs`."""
    return OpenAPIConfig(
        title="sourcecheck",
        version="0.1.0",
        description="Is every data source reachable, and ready for the work we want to do on it?",
        path="/docs",
        render_plugins=[DocsPage(path="/"), JsonRenderPlugin(path="/openapi.json")],
        security=[{"ApiKeyAuth": []}],
        components=Components(
            security_schemes={
                "ApiKeyAuth": SecurityScheme(
                    type="apiKey",
                    name="Authorization",
                    security_scheme_in="header",
                    description="Use the 'Authorization' header with the format 'Key <api-key>'",
                )
            }
        ),
    )


def add_common_errors(document: OpenAPI) -> None:
    """Document the errors that come from outside a handler, in the dialect of the path."""
    for path, item in (document.paths or {}).items():
        for operation in _operations(item):
            responses = operation.responses = operation.responses or {}
            responses.pop(LITESTARS_OWN, None)
            if is_open(path):
                operation.security = [{}]
            for status in _common(path, operation):
                responses.setdefault(str(status), _error(status, enveloped=path.startswith(ENVELOPE_PATH)))


def parameters_of(document: OpenAPI) -> dict[tuple[str, str], frozenset[str]]:
    """The names of the query parameters of each operation that needs a key, by path and method."""
    return {
        (path, method): frozenset(
            parameter.name
            for parameter in operation.parameters or ()
            if isinstance(parameter, Parameter) and parameter.param_in == "query"
        )
        for path, item in (document.paths or {}).items()
        if not is_open(path)
        for method in METHODS
        if (operation := getattr(item, method)) is not None
    }


def _operations(item: PathItem) -> list[Operation]:
    return [operation for name in METHODS if (operation := getattr(item, name)) is not None]


def _common(path: str, operation: Operation) -> set[int]:
    found = set() if is_open(path) else {*GUARDED, 422}  # of a query parameter that is unknown, if of nothing else
    if "{" in path:
        found |= {404}
    if operation.parameters or operation.request_body:
        found |= {422}
    if operation.request_body:
        found |= {413}
    return found


def _error(status: int, *, enveloped: bool) -> OpenAPIResponse:
    detail = HTTPValidationError if status == 422 else HTTPSentence
    schema = ErrorEnvelope if enveloped else detail
    media_type = OpenAPIMediaType(schema=Reference(ref=f"#/components/schemas/{schema.__name__}"))
    return OpenAPIResponse(description=HTTPStatus(status).phrase, content={"application/json": media_type})
