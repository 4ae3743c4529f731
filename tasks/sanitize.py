"""What a step found, without secrets, and short enough to be kept."""

from typing import Any

import msgspec

from datasources.model.results import StepResult
from datasources.secrecy.scrubber import DROPPED, Scrubber

MESSAGE_LIMIT = 2000
TEXT_LIMIT = 1000
"""Characters of each text in the details: a comment or a value may have megabytes."""


def clean(result: StepResult, scrubber: Scrubber) -> StepResult:
    """Only what others have written is scrubbed: a password may be one of our own words, such as `OK` or `message`.

    Cutting comes last, for half a secret is not recognised.
    """
    details = _short(scrubber.data(result.details))
    return msgspec.structs.replace(
        result,
        message=scrubber.text(result.message)[:MESSAGE_LIMIT],
        details=details if isinstance(details, dict) else {"dropped": DROPPED},
    )


def _short(value: Any) -> Any:
    if isinstance(value, str):
        return value[:TEXT_LIMIT]
    if isinstance(value, dict):
        return {_short(key): _short(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_short(item) for item in value]
    return value
