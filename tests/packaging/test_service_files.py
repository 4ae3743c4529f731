"""The Containerfile and the systemd units say what this project is: its files, its pins, its commands and settings."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from datasources.model.settings import PREFIX, Settings
from deployments.cli.main import parser
from tests.fixtures.skips import absent
from tests.fixtures.wheel import BUILT_FROM, ROOT
from tests.packaging.containerfile import ignored, read

UNITS = sorted((ROOT / "deployments" / "systemd").glob("*.service"))
SERVICE_FILES = [ROOT / "Containerfile", ROOT / "deployments" / "compose.scale.yaml", *UNITS]


def test_the_image_has_every_file_that_the_wheel_is_built_from() -> None:
    """Each is copied into the first stage, and `.dockerignore` keeps none of them out."""
    copied = {word for step in read() if step.word == "COPY" and step.stage for word in step.text.split()[:-1]}
    assert copied == set(BUILT_FROM)
    assert not [name for name in copied if ignored(name)]


def test_the_image_installs_the_pins_and_runs_as_an_ordinary_user() -> None:
    """Constraints hold for the build as well; the last user is a number above those of the system."""
    steps = read()
    assert any("PIP_CONSTRAINT=/src/constraints.txt" in step.text for step in steps if step.word == "ENV")
    last = [step for step in steps if not step.stage]
    assert int(next(step for step in last if step.word == "USER").text.split(":")[0]) >= 1000
    assert [step.word for step in last].index("USER") < [step.word for step in last].index("CMD")
    assert any(step.word == "HEALTHCHECK" for step in last)


def test_the_compose_file_builds_this_image() -> None:
    """With the extra that Prefect's server in parts needs."""
    compose = yaml.safe_load((ROOT / "deployments" / "compose.scale.yaml").read_text())
    build = compose["x-image"]["build"]
    assert (ROOT / "deployments" / build["context"] / build["dockerfile"]).resolve() == ROOT / "Containerfile"
    assert build["args"] == {"EXTRAS": "[scale]"}


@pytest.mark.parametrize("file", SERVICE_FILES, ids=lambda file: file.name)
def test_a_service_file_uses_commands_and_settings_that_exist(file: Path) -> None:
    """What it starts is a command of ours, and what it sets is a setting of ours."""
    text = file.read_text()
    settings = {PREFIX + name.upper() for name in Settings.__struct_fields__}
    assert set(re.findall(rf"{PREFIX}[A-Z_]+", text)) <= settings | {f"{PREFIX}NAME"}
    for command in re.findall(r"^(?:ExecStart=\S*/|\s+command: )sourcecheck (\w+)$", text, re.MULTILINE):
        parser().parse_args([command])


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_finds_no_fault_with_a_unit(unit: Path, tmp_path: Path) -> None:
    """By systemd's own verification, with a program that is there."""
    if not shutil.which("systemd-analyze"):
        absent("systemd-analyze is not installed (Debian's package systemd)")
    program = tmp_path / "sourcecheck"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    tried = tmp_path / unit.name
    tried.write_text(unit.read_text().replace("/opt/sourcecheck/bin/sourcecheck", str(program)))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tried)], check=False, capture_output=True, text=True, timeout=60
    )
    complaints = [line for line in done.stderr.splitlines() if unit.name in line]
    assert (done.returncode, complaints) == (0, [])
