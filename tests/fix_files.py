"""A folder for sources that are files."""

from pathlib import Path

import pytest


@pytest.fixture
def file_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder, as the worker's setting names it."""
    root = tmp_path / "files"
    root.mkdir()
    monkeypatch.setenv("SOURCECHECK_FILE_ROOT", str(root))
    return root
