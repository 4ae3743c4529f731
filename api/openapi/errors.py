"""Every error that an operation can answer, with a sentence and an example, in the dialect of its path."""

from typing import Any

from litestar.openapi.spec import OpenAPI, OpenAPIMediaType, OpenAPIResponse, Operation, Reference

from api.auth import is_open
from api.openapi.examples.example import shown
from api.openapi.operations import operations
from api.wire.errors import CODES, ENVELOPE_PATH, ErrorEnvelope, HTTPSentence, HTTPValidationError

GUARDED = (401, 403, 503)
"""What every operation may answer that needs a key: the catalogue has to answer before anything else."""
LITESTARS_OWN = "400"
"""Documented by Litestar for malformed parameters; `api.wire.errors` answers 422 instead."""
SENTENCES: dict[int, tuple[str, str]] = {
    401: ("The key is missing or not valid", "This API key is not valid"),
    403: ("The user of the key is not a member of any organization", "This user is not a member of any organization"),
    404: ("The organization of the key has no such object", "Data source not found"),
    409: ("The state of the object does not allow it", "This test has already ended: done"),
    413: ("The body is larger than 512 KiB", "Request Entity Too Large"),
    422: ("The request is malformed; the answer names the field", "Expected a whole number"),
    424: ("The source could not be read", "The schema could not be read: Connection refused"),
    429: ("Too many requests of this kind; `Retry-After` says when to try again", "At most 60 requests of this kind"),
    503: ("A part of the service does not answer", "The catalogue does not answer; try again in a moment"),
}
"""What an error means, and what its answer may say."""


def add_common_errors(document: OpenAPI) -> None:
    """Document the errors that come from outside a handler; give an example of each error of any kind."""
    for path, _, operation in operations(document):
        responses = operation.responses = operation.responses or {}
        responses.pop(LITESTARS_OWN, None)
        if is_open(path):
            operation.security = [{}]
        enveloped = path.startswith(ENVELOPE_PATH)
        for status in _common(path, operation):
            responses.setdefault(str(status), _error(status, enveloped=enveloped))
        for word, response in responses.items():
            if int(word) in SENTENCES and isinstance(response, OpenAPIResponse):
                _show(int(word), response, enveloped=enveloped)


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
    return OpenAPIResponse(description=SENTENCES[status][0], content={"application/json": media_type})


def _show(status: int, response: OpenAPIResponse, *, enveloped: bool) -> None:
    for media_type in (response.content or {}).values():
        if isinstance(media_type, OpenAPIMediaType) and _is_error(media_type.schema):
            media_type.example = shown(_example(status, enveloped=enveloped))


def _is_error(schema: Any) -> bool:
    kinds = {kind.__name__ for kind in (ErrorEnvelope, HTTPSentence, HTTPValidationError)}
    return isinstance(schema, Reference) and schema.ref.rsplit("/", maxsplit=1)[-1] in kinds


def _example(status: int, *, enveloped: bool) -> dict[str, Any]:
    sentence = SENTENCES[status][1]
    if enveloped:
        sentence = f"source_id: {sentence}" if status == 422 else sentence
        return {"success": False, "data": None, "message": sentence, "error_code": CODES[status]}
    if status == 422:
        return {"detail": [{"loc": ["path", "source_id"], "msg": sentence, "type": "value_error"}]}
    return {"detail": sentence}
