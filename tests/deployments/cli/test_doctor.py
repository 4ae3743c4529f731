"""What `sourcecheck doctor` judges without a server."""

import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from deployments.cli import doctor
from deployments.cli.doctor import differing
from tests.fixtures.wheel import plain_environ


def test_packages_that_differ_from_their_pins_are_named() -> None:
    """Pins for another platform, and packages that are not installed, say nothing."""
    pins = f"""# a comment
httpx==0.0.1
msgspec=={version("msgspec")}
not-installed-anywhere==1.0
psutil==0.0.1 ; platform_system != '{platform.system()}'
"""
    assert list(differing(pins)) == [f"httpx {version('httpx')} (tested: 0.0.1)"]


@pytest.mark.parametrize(("least", "ok"), [(0, True), (2**62, False)])
def test_a_full_disk_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, least: int, ok: bool) -> None:
    """By the room that is left where the home is, or would be."""
    monkeypatch.setattr(doctor, "LEAST_FREE", least)
    probe = doctor._disk(tmp_path / "not" / "there")
    assert probe.ok is ok
    assert str(tmp_path) in probe.says
    assert ("PostgreSQL may soon stop" in probe.says) is not ok


def test_without_a_stack_it_says_what_is_missing(tmp_path: Path) -> None:
    """Exit code 1, and a line for each part."""
    environ = plain_environ({"SOURCECHECK_HOME": str(tmp_path / "none"), "SOURCECHECK_API_PORT": "1"})
    command = [sys.executable, "-m", "deployments.cli", "doctor"]
    done = subprocess.run(command, check=False, env=environ, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1, done.stderr
    assert "no local stack was started" in done.stdout
    for part in ("catalogue", "Prefect", "API"):
        assert any(line.split()[:2] == [part, "NO"] for line in done.stdout.splitlines())
