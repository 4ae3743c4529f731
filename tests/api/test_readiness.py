"""Readiness sees keys that decrypt nothing, and a worker that fails every run."""

import pytest
from cryptography.fernet import Fernet

from api.readiness import broken_worker, wrong_keys
from datasources.model.vocabulary import ErrorCode
from datasources.secrecy.vault import Vault

OURS, OTHER = (Vault(Fernet.generate_key().decode()) for _ in range(2))
LOST, INTERNAL = ErrorCode.WORKER_LOST, ErrorCode.INTERNAL_ERROR


@pytest.mark.parametrize(
    ("ours", "others", "wrong"),
    [(0, 0, False), (3, 0, False), (9, 1, False), (2, 2, False), (1, 2, True), (0, 1, True)],
)
def test_keys_that_decrypt_too_little(ours: int, others: int, wrong: bool) -> None:
    """Most of the secrets cannot be read: the keys are wrong. A few cannot: those sources have a trouble of their own."""
    secrets = [OURS.seal({"password": "x"})] * ours + [OTHER.seal({"password": "x"})] * others
    said = wrong_keys(OURS, secrets)
    assert (said is not None) is wrong
    assert said is None or f"cannot decrypt {others} of the {ours + others} stored secrets" in said


@pytest.mark.parametrize(
    ("codes", "broken"),
    [
        ([], False),
        ([LOST] * 4, False),
        ([LOST] * 5, True),
        ([INTERNAL, LOST, LOST, INTERNAL, LOST], True),
        ([LOST] * 4 + [None], False),
        ([None] + [LOST] * 5, False),
        ([LOST] * 5 + [None], True),
        ([LOST] * 4 + [ErrorCode.CONNECTION_ERROR], False),
        ([ErrorCode.DRIVER_MISSING] * 5, False),
    ],
)
def test_a_worker_that_fails_every_run(codes: list[str | None], broken: bool) -> None:
    """Five in a row, newest first; a source that does not pass says that the worker works."""
    said = broken_worker(codes)
    assert (said is not None) is broken
    assert said is None or f"the last one with {codes[0]}" in said
