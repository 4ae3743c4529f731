"""Where the emulators are: each in an environment of its own below `.emulators` (`make emulators`)."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

HOME = Path(".emulators")


def environment(name: str) -> Path:
    """The folder of an emulator that is installed; skips the test where it is not, and fails it when `CI=true`."""
    home = HOME / name
    if not (home / "pins").exists():
        reason = f"no {name} in {home}: run `make emulator-{name}`"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    return home.absolute()


@contextmanager
def scratch_folder(name: str) -> Iterator[Path]:
    """A folder for an emulator's data, gone at the end."""
    folder = tempfile.mkdtemp(prefix=f"sourcecheck-{name}-")
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
