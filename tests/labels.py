"""The label on each type of source, held against what its suites are and against those that have run.

A suite registers by its class: a fixture of it names the type and the `level` of what answers. `tests/…/test_labels.py`
compares the labels with the suites that there are; `.ci/run` compares them with those that it has run:

    SUITES_RAN=FILE make test test-emulators; python -m tests.labels FILE
"""

import importlib
import inspect
import os
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any, Literal, get_args

from datasources.databases import DATABASES

Level = Literal["engine", "emulator", "protocol", "documents"]
RAN = "SUITES_RAN"
"""Names the file to which each suite that runs adds a line."""
FOLDERS = ("tests/datasources/databases", "tests/emulators")
"""Of `make test`, and of `make test-emulators`."""


def suites() -> dict[str, set[str]]:
    """By type: the levels of the suites that there are for it."""
    found: dict[str, set[str]] = defaultdict(set)
    for folder in FOLDERS:
        for path in sorted(Path(folder).glob("*/test_*.py")):
            if path.name not in ("test_contract.py", "test_documents.py"):
                continue
            module = importlib.import_module(".".join(path.with_suffix("").parts))
            for made in vars(module).values():
                here = inspect.isclass(made) and made.__module__ == module.__name__ and not inspect.isabstract(made)
                if here and hasattr(made, "kind"):
                    found[made.kind.word()].add(level_of(made))
    return found


def level_of(made: Any) -> str:
    """The level that a suite names. Raises `AssertionError` for one that names none."""
    level = getattr(made, "level", None)
    assert level in get_args(Level), f"{made} has to name its level, one of {', '.join(get_args(Level))}"
    return str(level)


def note(suite: Any) -> None:
    """This suite runs."""
    if file := os.environ.get(RAN):
        with open(file, "a", encoding="utf-8") as lines:
            lines.write(f"{suite.kind.word()} {level_of(suite)}\n")


def untrue(found: dict[str, set[str]]) -> list[str]:
    """What is wrong with the labels when these are the levels by type: a sentence each."""
    sentences = []
    for word, kind in DATABASES.items():
        label, levels = kind.verified.level, found.get(word, set())
        if levels != {label}:
            there = f"suites of {', '.join(sorted(levels))}" if levels else "no suite"
            sentences.append(f"{word} is labelled {label}, and has {there}")
    return sentences


def main() -> int:
    """Compare the labels with the suites that have run."""
    found: dict[str, set[str]] = defaultdict(set)
    for line in Path(sys.argv[1]).read_text(encoding="utf-8").splitlines():
        word, _, level = line.partition(" ")
        found[word].add(level)
    sentences = untrue(found)
    print(*sentences or [f"The labels of {len(DATABASES)} types are those of the suites that have run"], sep="\n")
    return 1 if sentences else 0


if __name__ == "__main__":
    sys.exit(main())
