"""A server of ours that is away is told from a defect, and nothing that is raised has a secret."""

import logging

import httpx
import pytest
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError

from datasources.model.errors import CheckError, ServerLost, SourcecheckError
from datasources.model.vocabulary import ErrorCode
from datasources.secrecy.scrubber import Scrubber
from flows.guard import guard_secrets, named_losses

AWAY = [
    OperationalError("SELECT 1", None, Exception("server closed the connection unexpectedly")),
    InterfaceError("SELECT 1", None, Exception("the connection is closed")),
    httpx.ConnectError("All connection attempts failed"),
    ConnectionRefusedError("nobody listens"),
    TimeoutError(),
]
DEFECTS = [IntegrityError("INSERT", None, Exception("duplicate key")), ValueError("canary"), KeyError("x")]


@pytest.mark.parametrize("error", AWAY, ids=lambda error: type(error).__name__)
def test_a_server_that_is_away(error: Exception) -> None:
    """The catalogue's or Prefect's: no fault of the test, with and without secrets to guard."""
    with pytest.raises(ServerLost, match=type(error).__name__), named_losses():
        raise error
    with pytest.raises(ServerLost), guard_secrets(Scrubber(["canary"]), logging.getLogger("test")):
        raise error


@pytest.mark.parametrize("error", DEFECTS, ids=lambda error: type(error).__name__)
def test_a_defect(error: Exception) -> None:
    """It stays what it is; behind the guard it is ours, without the secret."""
    with pytest.raises(type(error)), named_losses():
        raise error
    with (
        pytest.raises(SourcecheckError) as caught,
        guard_secrets(Scrubber(["canary"]), logging.getLogger("test")),
    ):
        raise error
    assert not isinstance(caught.value, ServerLost)
    assert "canary" not in str(caught.value)


def test_a_verdict_stays_one() -> None:
    """What a source has said is scrubbed, and no more."""
    with (
        pytest.raises(CheckError, match="no entry for") as caught,
        guard_secrets(Scrubber(["canary"]), logging.getLogger("test")),
    ):
        raise CheckError(ErrorCode.AUTHENTICATION_FAILED, "no entry for canary")
    assert (caught.value.code, "canary" in caught.value.message) == (ErrorCode.AUTHENTICATION_FAILED, False)
