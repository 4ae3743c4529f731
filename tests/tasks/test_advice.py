"""What a user is advised to do next fits where a step failed."""

import pytest

from datasources.model.errors import BUSY, REMEDIATIONS, CheckError
from datasources.model.vocabulary import ErrorCode
from tasks.judge import refusal


@pytest.mark.parametrize(
    ("stage", "own", "sentence"),
    [
        ("resolve", None, REMEDIATIONS[ErrorCode.TIMEOUT]),
        ("tcp", None, REMEDIATIONS[ErrorCode.TIMEOUT]),
        ("login", None, REMEDIATIONS[ErrorCode.TIMEOUT]),
        ("ssh", None, REMEDIATIONS[ErrorCode.TIMEOUT]),
        ("query", None, BUSY),
        ("tables", None, BUSY),
        ("create", "Find out which session holds the lock.", "Find out which session holds the lock."),
    ],
)
def test_a_limit_that_is_over(stage: str, own: str | None, sentence: str) -> None:
    """Host and port are in doubt until the server has let us in, and no longer."""
    error = CheckError(ErrorCode.TIMEOUT, "No answer", {"stage": stage}, own)
    assert refusal(error, "test_query").remediation == sentence
