"""Every command of `sourcecheck` explains itself, and its examples are command lines that it takes."""

import argparse
import shlex
from collections.abc import Iterator

import pytest
from sourcecheck.cli.commands.completion import SHELLS
from sourcecheck.cli.main import parser, run

from sourcecheck_service import add_commands

OURS = "sourcecheck"
INTERNAL = {"prefect-server"}
"""Not shown in the help: a part of a stack."""


def leaves(root: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The parser of each command that does something."""
    inner = [action for action in root._actions if isinstance(action, argparse._SubParsersAction)]
    if not inner:
        yield root
    for action in inner:
        for name, found in action.choices.items():
            if name not in INTERNAL:
                yield from leaves(found)


def groups(root: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The parser of each command that has commands of its own, and of the whole command line."""
    for action in root._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield root
            for found in action.choices.values():
                yield from groups(found)


COMMANDS = {leaf.prog: leaf for leaf in leaves(parser([add_commands]))}


def examples(command: argparse.ArgumentParser) -> list[list[str]]:
    """The words of each example, from `sourcecheck` to the end of that command."""
    text = (command.epilog or "").partition("examples:\n")[2]
    found = []
    for line in text.splitlines():
        if line.startswith("  "):
            words = shlex.split(line.replace('eval "$(', "").replace(')"', ""), comments=True)
            ends = [words.index(mark) for mark in ("|", "<", "&&") if mark in words]
            found.append(words[: min(ends, default=None)])
    return found


def test_the_service_and_the_client_are_one_command() -> None:
    """Both have their commands in it, under names that do not clash."""
    assert {f"{OURS} test", f"{OURS} up", f"{OURS} keys add", f"{OURS} key add"} <= COMMANDS.keys()


def test_groups_say_what_they_are_for() -> None:
    """A sentence above the list of commands; that of the whole command line ends with what to do first."""
    found = {group.prog: group for group in groups(parser([add_commands]))}
    assert {f"{OURS} keys", f"{OURS} import", f"{OURS} key", f"{OURS} automations"} <= found.keys()
    assert [prog for prog, group in found.items() if not group.description] == []
    (_, first, *_) = (found[OURS].epilog or "").splitlines()
    words = shlex.split(first, comments=True)
    assert callable(parser([add_commands]).parse_args(words[1:]).run)


@pytest.mark.parametrize("words", [[], ["keys"], ["import"]])
def test_no_command_shows_the_help(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """What there is, with exit code 2: nothing was done."""
    with pytest.raises(SystemExit) as ended:
        parser([add_commands]).parse_args(words)
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert not said.out
    assert "show this help message" in said.err
    assert "required" not in said.err


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_examples_that_are_taken(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`--help` ends well and shows at least one example; each is a line of this very command."""
    with pytest.raises(SystemExit) as ended:
        parser([add_commands]).parse_args([*name.split()[1:], "--help"])
    assert ended.value.code == 0
    assert "examples:" in capsys.readouterr().out
    given = examples(COMMANDS[name])
    assert given
    for words in given:
        assert words[: len(name.split())] == name.split()
        assert callable(parser([add_commands]).parse_args(words[1:]).run)


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_is_given_its_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It calls the program back for what comes next."""
    pytest.importorskip("argcomplete")
    assert run(["completion", shell]) == 0
    assert "_ARGCOMPLETE" in capsys.readouterr().out
