"""What a test asks a person before it goes on. A question holds no secret."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, cast

import msgspec
from msgspec import Struct

from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode

Kind = Literal["host_key", "query", "secret"]
Owner = Literal["options", "ssh_tunnel"]
"""Whose secret it is: the source's own, or its gateway's."""
MOST_SECRETS = 3
"""Secrets that a test takes from a user; when the last one is refused, too, that is the verdict."""


class Asked(Struct, kw_only=True, frozen=True, tag_field="kind"):
    """What every question has."""

    number: int
    """How many the job has asked, this one included."""
    asked_at: datetime
    expires_at: datetime
    """When the job fails if it has no answer by then."""
    message: str
    error_code: ErrorCode
    """What the job fails with if it gets no answer."""

    @property
    def kind(self) -> Kind:
        """The word that tells it from others."""
        return cast(Kind, self.__struct_config__.tag)


class HostKeyQuestion(Asked, kw_only=True, frozen=True, tag="host_key"):
    """Is this the gateway's key? Confirmed with its exact fingerprint."""

    fingerprint: str
    key_type: str
    host: str
    port: int
    verify: str
    """A command that shows the gateway's fingerprints."""


class QueryQuestion(Asked, kw_only=True, frozen=True, tag="query"):
    """May the test run this query, although it may do more than read? It runs in a read-only session all the same."""


class SecretQuestion(Asked, kw_only=True, frozen=True, tag="secret"):
    """What is the secret?"""

    of: Owner
    missing: list[str]
    """What may be given, by name."""


Question = HostKeyQuestion | QueryQuestion | SecretQuestion


def to_question(stored: dict[str, Any] | None) -> Question | None:
    """A question as the catalogue keeps it, typed again; None when there is none."""
    return None if stored is None else msgspec.convert(stored, Question)


class Answer(Struct, kw_only=True, frozen=True):
    """Who answered a question, and when; never with what secret."""

    number: int
    kind: Kind
    accepted: bool
    answered_at: datetime
    origin: Literal["api", "prefect"] = "api"
    """Where it was given: through our API, or in Prefect's UI, which says no names."""
    user_id: int | None = None
    """None for an answer that was given in Prefect's UI."""
    fingerprint: str | None = None
    saved: bool | None = None
    """Whether a secret was stored with the source."""
    of: Owner | None = None
    """Whose secret it was; None where it was none."""


_REFUSED: dict[ErrorCode, Owner] = {
    ErrorCode.AUTHENTICATION_FAILED: "options",
    ErrorCode.SSH_AUTHENTICATION_FAILED: "ssh_tunnel",
}


def worth_asking(error: CheckError) -> bool:
    """Whether a person could answer this failure: an unknown host key, a missing secret, a doubtful query.

    Not a changed key, and not a wrong secret: `asks_again` is about that.
    """
    return (
        error.code is ErrorCode.SSH_HOST_KEY_UNKNOWN
        or bool(error.details.get("secret_missing"))
        or bool(error.details.get("unconfirmed"))
    )


def asks_again(error: CheckError, answers: Sequence[Answer], fields: Sequence[str]) -> CheckError | None:
    """The failure of a secret that a user has just given, as one that asks for it again; None for any other failure.

    `fields` are the names of the secrets that the user may give. A stored secret that is wrong is a verdict at once.
    """
    of = _REFUSED.get(error.code)
    given = sum(answer.kind == "secret" and answer.of == of for answer in answers)
    if of is None or not 0 < given < MOST_SECRETS or error.details.get("cleartext") or worth_asking(error):
        return None
    message = f"{error.message} (secret {given} of {MOST_SECRETS})"
    return CheckError(error.code, message, {**error.details, "secret_missing": True, "missing": list(fields)})


def question_about(error: CheckError, number: int, asked_at: datetime, expires_at: datetime) -> Question:
    """The question behind a failure that is `worth_asking` about."""
    common: dict[str, Any] = {
        "number": number,
        "asked_at": asked_at,
        "expires_at": expires_at,
        "message": error.message,
        "error_code": error.code,
    }
    details = error.details
    if error.code is ErrorCode.SSH_HOST_KEY_UNKNOWN:
        return HostKeyQuestion(
            **common, **{name: details[name] for name in ("fingerprint", "key_type", "host", "port", "verify")}
        )
    if details.get("secret_missing"):
        of: Owner = "ssh_tunnel" if details.get("stage") == "ssh" else "options"
        return SecretQuestion(**common, of=of, missing=list(details["missing"]))
    return QueryQuestion(**common)
