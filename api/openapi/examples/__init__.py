"""An example of each operation: a request that works, and what it answers.

`tests/acceptance/documents/test_examples.py` sends every one of them to a running service, in the order of `EXAMPLES`,
and holds the answers against these. A new operation needs its example here, or its test fails.
"""

from litestar.openapi.spec import OpenAPI, OpenAPIMediaType, OpenAPIResponse, Operation, Parameter, RequestBody

from api.openapi.examples.example import NOTHING, Example, shown
from api.openapi.examples.health import HEALTH
from api.openapi.examples.jobs import JOBS
from api.openapi.examples.keys import KEYS
from api.openapi.examples.members import MEMBERS
from api.openapi.examples.schemas import SCHEMAS
from api.openapi.examples.service import SERVICE
from api.openapi.examples.sources import REMOVAL, SOURCES
from api.openapi.operations import operations

__all__ = ["EXAMPLES", "Example", "add_examples"]

EXAMPLES: dict[str, Example] = SOURCES | JOBS | SCHEMAS | HEALTH | KEYS | MEMBERS | SERVICE | REMOVAL
"""By the id of the operation; each may need what those before it have made."""
DONE = "Successful Response"
LITESTARS_PHRASES = ("Request fulfilled, document follows", "Document created, URL follows")
NO_CONTENT = "Done; the answer has no body"


def add_examples(document: OpenAPI) -> None:
    """Write the examples into the document, and plain words where Litestar has phrases of HTTP."""
    for _, _, operation in operations(document):
        _reword(operation)
        if example := EXAMPLES.get(operation.operation_id or ""):
            _add(operation, example)


def _reword(operation: Operation) -> None:
    for status, response in (operation.responses or {}).items():
        if isinstance(response, OpenAPIResponse) and response.description in LITESTARS_PHRASES:
            response.description = DONE
        elif isinstance(response, OpenAPIResponse) and status == "204":
            response.description = NO_CONTENT


def _add(operation: Operation, example: Example) -> None:
    if isinstance(operation.request_body, RequestBody) and example.body is not NOTHING:
        for media_type in operation.request_body.content.values():
            media_type.example = shown(example.body)
    for parameter in operation.parameters or ():
        if (
            isinstance(parameter, Parameter)
            and (given := {**example.path, **example.query}.get(parameter.name)) is not None
        ):
            parameter.example = given
    response = (operation.responses or {}).get(str(example.status))
    if isinstance(response, OpenAPIResponse) and example.answer is not NOTHING:
        for media_type in (response.content or {}).values():
            if isinstance(media_type, OpenAPIMediaType):
                media_type.example = shown(example.answer)
