"""The operations of a document, by path and method, and the query parameters that each of them knows."""

from collections.abc import Iterator

from litestar.openapi.spec import OpenAPI, Operation, Parameter

from api.auth import is_open

METHODS = ("get", "put", "post", "patch", "delete")


def operations(document: OpenAPI) -> Iterator[tuple[str, str, Operation]]:
    """Path, method and operation of each."""
    for path, item in (document.paths or {}).items():
        for method in METHODS:
            if (operation := getattr(item, method)) is not None:
                yield path, method, operation


def parameters_of(document: OpenAPI) -> dict[tuple[str, str], frozenset[str]]:
    """The names of the query parameters of each operation that needs a key, by path and method."""
    return {
        (path, method): frozenset(
            parameter.name
            for parameter in operation.parameters or ()
            if isinstance(parameter, Parameter) and parameter.param_in == "query"
        )
        for path, method, operation in operations(document)
        if not is_open(path)
    }
