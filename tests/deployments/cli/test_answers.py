"""Commands of the service answer for people, as JSON, or not at all."""

import json

import pytest
from sourcecheck.cli.main import parser, run

from deployments.cli.main import parser as service_parser
from sourcecheck_service import add_commands
from tests.client.test_help import leaves

SERVE = {"up", "demo", "serve", "worker"}
"""They have no answer."""


def test_each_one_takes_both_switches() -> None:
    """By itself and beside the client's commands."""
    for leaf in leaves(service_parser()):
        name = leaf.prog.removeprefix("sourcecheck ")
        shown = "--json" in leaf.format_help() and "--quiet" in leaf.format_help()
        assert shown is (name not in SERVE), name
    assert (
        "--json"
        in next(leaf for leaf in leaves(parser([add_commands])) if leaf.prog.endswith("key list")).format_help()
    )


@pytest.mark.parametrize(("switch", "lines"), [([], 1), (["--quiet"], 0)])
def test_for_people(switch: list[str], lines: int, capsys: pytest.CaptureFixture[str]) -> None:
    """One line, or none."""
    assert run(["secrets", "new-key", *switch]) == 0
    assert len(capsys.readouterr().out.splitlines()) == lines


def test_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    """One object with a name for each value."""
    assert run(["secrets", "new-key", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["key"]) == 44
