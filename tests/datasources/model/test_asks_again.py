"""Which failures ask for a secret again."""

from datetime import UTC, datetime

import pytest

from datasources.model.errors import CheckError
from datasources.model.questions import Answer, Kind, Owner, SecretQuestion, asks_again, question_about
from datasources.model.vocabulary import ErrorCode

NOW = datetime(2026, 11, 25, tzinfo=UTC)
LOGIN, SSH = ErrorCode.AUTHENTICATION_FAILED, ErrorCode.SSH_AUTHENTICATION_FAILED


def answers(count: int, of: Owner | None = "options", kind: Kind = "secret") -> list[Answer]:
    """So many answers."""
    return [Answer(number=n, kind=kind, accepted=True, answered_at=NOW, of=of) for n in range(1, count + 1)]


@pytest.mark.parametrize(
    ("code", "given", "details", "again"),
    [
        (LOGIN, answers(1), {}, True),
        (LOGIN, answers(2), {}, True),
        (LOGIN, answers(3), {}, False),
        (LOGIN, [], {}, False),
        (LOGIN, answers(1, "ssh_tunnel"), {}, False),
        (LOGIN, answers(1, None, "host_key"), {}, False),
        (LOGIN, answers(1), {"cleartext": True}, False),
        (SSH, answers(2, "ssh_tunnel"), {"stage": "ssh"}, True),
        (SSH, answers(3, "ssh_tunnel"), {"stage": "ssh"}, False),
        (ErrorCode.CONNECTION_ERROR, answers(1), {}, False),
    ],
)
def test_which(code: ErrorCode, given: list[Answer], details: dict[str, object], again: bool) -> None:
    """Only a secret that a user has given for this test, twice at most, and of the server that refuses it."""
    assert (asks_again(CheckError(code, "No", details), given, ["password"]) is not None) is again


def test_the_question() -> None:
    """It says how often a secret was refused, and what may be given."""
    error = asks_again(CheckError(SSH, "Refused", {"stage": "ssh"}), answers(1, "ssh_tunnel"), ["password"])
    assert error is not None
    question = question_about(error, 2, NOW, NOW)
    assert isinstance(question, SecretQuestion)
    assert (question.of, question.missing) == ("ssh_tunnel", ["password"])
    assert question.message == "Refused (secret 1 of 3)"
