"""The driver is in a folder of its own."""

import pytest

from tests.emulators.kit import environment


@pytest.fixture(autouse=True)
def _driver() -> None:
    """Skips where it is not installed."""
    environment("drivers")
