"""What `make emulators` installs."""

import re
from pathlib import Path

import pytest

FILES = sorted(Path("tests/emulators/requirements").iterdir())
PIN = {".txt": r"[\w.-]+(\[[\w,]+\])?==[\w.]+", ".npm": r"[\w./@-]+@\d[\w.-]*"}


@pytest.mark.parametrize("file", FILES, ids=[file.name for file in FILES])
def test_pins(file: Path) -> None:
    """Each line is one exact version, and none is an address."""
    lines = [line for line in file.read_text().splitlines() if not line.startswith("#")]
    assert lines
    assert [line for line in lines if not re.fullmatch(PIN[file.suffix], line)] == []
