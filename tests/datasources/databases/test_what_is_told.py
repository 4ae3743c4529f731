"""What the tests of security row 34 would notice of a machine, in what a driver sends."""

import os
import uuid

import pytest

from tests.fixtures.identity import CODES, USER, facts, telltale_machine, told_by


@pytest.mark.parametrize("code", CODES)
def test_every_fact_in_every_encoding(code: str) -> None:
    """In small letters and in capitals, wherever it stands."""
    with telltale_machine():
        assert facts()["user"] == USER
        for name, value in facts().items():
            for form in (value, value.upper(), value.lower()):
                assert name in told_by(b"\0\1" + f"a {form} b".encode(code) + b"\2"), (name, form)


def test_numbers() -> None:
    """A process in hexadecimal digits, a network card in bytes; not a number that is part of another one."""
    assert "process" in told_by(f"{os.getpid():08X}000".encode("cp500"))
    assert "network card" in told_by(b"\0" + uuid.getnode().to_bytes(6, "big"))
    assert "network card" in told_by(str(uuid.uuid1()).encode())
    assert told_by(f"9{os.getpid()}0".encode()) == []


def test_what_is_everybodys() -> None:
    """Words of protocols, and who asks."""
    assert told_by(b"User-Agent: sourcecheck python localhost postgres reader") == []
