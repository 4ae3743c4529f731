"""The GitHub action: which command line its shell makes of the inputs. What the commands do is tested elsewhere."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from sourcecheck.cli.main import parser

ROOT = Path(__file__).parents[2]
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A folder with a `sourcecheck` that says how it was called."""
    file = tmp_path / "sourcecheck"
    file.write_text('#!/bin/bash\nprintf "%s\\n" "$@"\n')
    file.chmod(0o755)
    return tmp_path


def called(program: Path, **inputs: str) -> list[str]:
    """The words that the action's last step gives the command line."""
    step = ACTION["runs"]["steps"][-1]
    given = {name: value.get("default", "") for name, value in ACTION["inputs"].items()} | {
        name.replace("_", "-"): value for name, value in inputs.items()
    }
    environ = {
        name: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda m: given[m[1]], text) for name, text in step["env"].items()
    }
    environ["PATH"] = f"{program}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", step["run"]], env=environ, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({}, ["test", "--github", "--on-question", "fail", "--all"]),
        ({"tag": "nightly"}, ["test", "--github", "--on-question", "fail", "--all", "--tag", "nightly"]),
        (
            {"sources": "Shop\nThe $(other) one\n"},
            ["test", "Shop", "The $(other) one", "--github", "--on-question", "fail"],
        ),
        (
            {"sources": "Shop", "junit": "a b.xml"},
            ["test", "Shop", "--github", "--on-question", "fail", "--junit", "a b.xml"],
        ),
        ({"sources": "Shop", "max_age": "1h"}, ["gate", "Shop", "--max-age", "1h"]),
    ],
)
def test_the_command_line(program: Path, inputs: dict[str, str], words: list[str]) -> None:
    """Names are words of their own, whatever is in them, and the command line takes them."""
    assert called(program, **inputs) == words
    assert callable(parser().parse_args(words).run)


def test_the_key_is_no_argument() -> None:
    """It reaches the program by its environment, as other users of the machine see command lines."""
    step = ACTION["runs"]["steps"][-1]
    assert step["env"]["SOURCECHECK_API_KEY"] == "${{ inputs.api-key }}"
    assert "inputs." not in step["run"]


def test_hooks_of_pre_commit() -> None:
    """Each entry, with what its page gives it, is a command line that is taken."""
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    given = {"sourcecheck-gate": ["Warehouse", "--max-age", "1h"], "sourcecheck-plan": ["sources.yaml"]}
    assert {hook["id"] for hook in hooks} == given.keys()
    for hook in hooks:
        assert callable(parser().parse_args([*hook["entry"].split()[1:], *given[hook["id"]]]).run)
