"""The label on each type says what its suites ran against, no more and no less."""

import re
from pathlib import Path
from typing import Any

import pytest

from datasources.databases import DATABASES
from datasources.databases.base import Database
from tests import labels


def test_each_label_is_that_of_its_suites() -> None:
    """A label of `engine` without a suite on the engine is untrue, and so is a suite that the label does not tell."""
    assert labels.untrue(labels.suites()) == []


def test_what_is_wrong_with_labels() -> None:
    """No suite, one of another level, and one beside the one that the label tells."""
    true = {word: {kind.verified.level} for word, kind in DATABASES.items()}
    assert labels.untrue(dict(true)) == []
    assert labels.untrue(true | {"pg": set()}) == ["pg is labelled engine, and has no suite"]
    assert labels.untrue(true | {"pg": {"emulator"}}) == ["pg is labelled engine, and has suites of emulator"]
    assert labels.untrue(true | {"pg": {"emulator", "engine"}}) == [
        "pg is labelled engine, and has suites of emulator, engine"
    ]


def test_a_suite_without_a_level_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is claimed by silence; one with a level notes that it runs."""
    file = tmp_path / "ran"
    monkeypatch.setenv(labels.RAN, str(file))

    class Silent:
        kind: type[Database] = DATABASES["pg"]

    class Spoken(Silent):
        level = "engine"

    with pytest.raises(AssertionError, match="level"):
        labels.note(Silent())
    labels.note(Spoken())
    assert file.read_text() == "pg engine\n"


def test_what_ci_runs() -> None:
    """`.ci/run` runs both commands, and compares the labels with the suites that have run."""
    script = Path(".ci/run").read_text()
    commands = [line.split("#")[0].strip() for line in script.splitlines()]
    places = [commands.index(line) for line in ("make test", "make test-emulators")]
    (exported,) = (line for line in commands if line.startswith("export ") and labels.RAN in line.split())
    assert commands.index(exported) < min(places)
    assert max(places) < commands.index(f'.venv/bin/python -m tests.labels "${labels.RAN}"')


@pytest.mark.parametrize("word", [word for word, kind in DATABASES.items() if kind.verified.level == "emulator"])
def test_an_emulator_of_the_label_is_one_that_is_installed(word: str) -> None:
    """`make emulators` installs the version that the label tells; MySQL's is MariaDB, Amazon's PostgreSQL."""
    against = DATABASES[word].verified.against
    if word == "mysql":
        assert DATABASES["mariadb"].verified.against in against
        return
    if word in ("postgres_aurora", "postgres_aws_rds"):  # PostgreSQL, of the package and of Debian
        assert against.split(",")[0] in ("PostgreSQL 15", "PostgreSQL 18")
        return
    assert [version for version in _pinned() if version in against], against


def _pinned() -> list[str]:
    """The first two numbers of every pinned version."""
    text = "\n".join(path.read_text() for path in Path("tests/emulators/requirements").iterdir())
    found: list[Any] = re.findall(r"(?:==|@)(\d+\.\d+)", text)
    return found
