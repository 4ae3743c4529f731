"""Prefect's command line in our process: what a worker needs to stop when it is told to."""

import signal
from collections.abc import Iterator

import pytest

from deployments.cli._prefect import prefect


@pytest.fixture
def ignored() -> Iterator[None]:
    """SIGINT is ignored, as in a command that a script has started in the background."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ignored")
def test_an_interrupt_is_heeded_in_the_background() -> None:
    """Prefect's worker passes SIGTERM on to itself as SIGINT: ignored, it would never stop."""
    assert prefect("worker", "--help") == 0
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
