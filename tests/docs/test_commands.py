"""Commands in the documents are commands that the program knows, and their paths are paths of the API."""

import argparse
import re
import shlex
from collections.abc import Iterator
from itertools import takewhile

import pytest
from cryptography.fernet import Fernet
from sourcecheck.cli.main import parser

from api.app import create_app
from datasources.model.settings import PREFIX, Settings
from sourcecheck_service import add_commands
from tests.docs.kit import DOCUMENTS, ROOT

BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
PATHS = re.compile(r"\$URL(/[^\s\"']+)")


def lines() -> Iterator[str]:
    """Every line for a shell in every document, continued lines joined."""
    for document in DOCUMENTS:
        for block in BLOCK.findall(document.read_text()):
            yield from block.replace("\\\n", " ").splitlines()


OURS = [line for line in lines() if line.startswith("sourcecheck ")]
CALLED = sorted({path for line in lines() for path in PATHS.findall(line)})


@pytest.mark.parametrize("line", OURS)
def test_commands_are_known(line: str) -> None:
    """Every command line in the documents is accepted as it is written there, up to where the shell takes over."""
    words = [word.replace("USER_ID", "1").replace("ID", "1") for word in shlex.split(line, comments=True)]
    words = list(takewhile(lambda word: word not in ("|", "||", "&&", "<", ">"), words))
    assert callable(parser([add_commands]).parse_args(words[1:]).run)


def arguments(of: argparse.ArgumentParser, command: str) -> Iterator[tuple[str, argparse.Action]]:
    """Every argument and option of a command and of the commands below it, each with the command's words."""
    for action in of._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                yield from arguments(below, f"{command} {name}")
        else:
            yield command, action


def test_help_explains_every_argument() -> None:
    """`--help` says what each argument and option is for, and shows in capitals what the user replaces."""
    every = list(arguments(parser([add_commands]), "sourcecheck"))
    assert len(every) > 200
    assert [(command, action.dest) for command, action in every if not action.help] == []
    own = [(command, action.metavar) for command, action in every if not action.option_strings and not action.choices]
    assert [(command, word) for command, word in own if not isinstance(word, str) or word != word.upper()] == []


@pytest.mark.parametrize("path", CALLED)
def test_paths_are_known(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every path in the documents is one of the application's."""
    monkeypatch.setenv("SOURCECHECK_SECRET_KEYS", Fernet.generate_key().decode())
    known = [re.sub(r"\{\w+(:\w+)?\}", "[^/]+", route.path) for route in create_app().routes]
    plain = path.partition("?")[0].rstrip("/")
    assert any(re.fullmatch(pattern.rstrip("/"), plain) for pattern in known)


def test_settings_are_documented() -> None:
    """docs/settings.md has one row for each setting, in their order."""
    rows = re.findall(rf"^\| `{PREFIX}(\w+)` \|", (ROOT / "docs/settings.md").read_text(), re.MULTILINE)
    assert sorted(rows) == sorted(name.upper() for name in Settings.__struct_fields__)


def test_the_readme_is_short() -> None:
    """A newcomer reads it whole; everything else has a page of its own."""
    assert len((ROOT / "README.md").read_text().splitlines()) < 165
