"""The errors that operations can answer beside their own, as the OpenAPI document shows them.

Errors that any operation can answer (no key, malformed input, an unknown id) are added by `api.openapi`.
"""

from litestar.datastructures import ResponseHeader
from litestar.openapi.datastructures import ResponseSpec

from api.wire.errors import ErrorEnvelope, HTTPSentence, HTTPValidationError
from api.wire.schemas import Readiness

Responses = dict[int, ResponseSpec]


def _spec(kind: type, description: str) -> ResponseSpec:
    return ResponseSpec(kind, description=description, generate_examples=False)


INVALID: Responses = {422: _spec(HTTPValidationError, "Validation Error")}
CONFLICT: Responses = {409: _spec(HTTPSentence, "The test has already ended")}
NAME_TAKEN: Responses = {409: _spec(HTTPSentence, "Another data source has this name")}
TRUSTED: Responses = {409: _spec(HTTPSentence, "The key is already trusted")}
KEY_FORBIDDEN: Responses = {403: _spec(HTTPSentence, "The key in use may not do that")}
ADMINS_ONLY: Responses = {403: _spec(HTTPSentence, "Only an administrator of the organization may do this")}
MEMBER_TAKEN: Responses = {409: _spec(HTTPSentence, "This e-mail address is taken")}
LAST_ADMIN: Responses = {409: _spec(HTTPSentence, "This is the organization's last administrator")}
ALERT_TAKEN: Responses = {409: _spec(HTTPSentence, "Another alert has this name, or there are too many alerts")}
ALERT_UNSENT: Responses = {424: _spec(HTTPSentence, "Prefect's server could not send the alert")}
LIMITED: Responses = {429: _spec(HTTPSentence, "Too many requests of this kind")}
APPLY_REFUSED: Responses = LIMITED | {
    409: _spec(HTTPSentence, "A name was taken in the meantime, or there are too many schedules; nothing was applied")
}
OVERLOAD: Responses = LIMITED | {503: _spec(HTTPSentence, "Too many jobs are waiting")}
NOT_READY: Responses = {503: _spec(Readiness, "Something is missing")}

ENVELOPED_NOT_FOUND: Responses = {404: _spec(ErrorEnvelope, "Not found")}
ENVELOPED_INVALID: Responses = {422: _spec(ErrorEnvelope, "Validation error")}
ENVELOPED: Responses = ENVELOPED_NOT_FOUND | ENVELOPED_INVALID
"""What every operation of the hyphen API with an id in its path can answer."""
ENVELOPED_OVERLOAD: Responses = {
    429: _spec(ErrorEnvelope, "Too many requests of this kind"),
    503: _spec(ErrorEnvelope, "No worker took it up, or too many jobs are waiting"),
}
ENVELOPED_NAME_TAKEN: Responses = {409: _spec(ErrorEnvelope, "Another data source has this name")}
DISCOVERY_FAILED: Responses = {
    409: _spec(ErrorEnvelope, "The schema of this source is not kept"),
    424: _spec(ErrorEnvelope, "The source could not be read"),
}
SCHEDULES_LIMITED: Responses = {409: _spec(ErrorEnvelope, "Too many schedules, or too short intervals")}

LOCATION = "Location"
LOCATION_HEADER = ResponseHeader(name=LOCATION, description="Where to read what was made", documentation_only=True)
JOINED = "Sourcecheck-Joined"
"""Header of an answer whose job had been asked for already."""
JOINED_HEADER = ResponseHeader(
    name=JOINED,
    description="`true` if the request joined the open test of an equal request; both read the same answer",
    documentation_only=True,
)
