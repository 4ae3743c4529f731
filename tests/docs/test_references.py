"""Documents and code name each other: every number, path, test and code that one names is there in the other."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from api.wire.errors import CODES
from datasources.model.vocabulary import ErrorCode, JobStatus
from tests.docs.kit import DOCUMENTS, ROOT

CODE = ("api", "flows", "tasks", "datasources", "deployments", "benchmarks", "tests")
CONTRACT = (ROOT / "docs/contract.md").read_text()
SECURITY = (ROOT / "docs/security.md").read_text()
NUMBERS = r"\d+(?:\.\d+)?(?:(?:, | and | to )\d+(?:\.\d+)?)*"
PATH = re.compile(rf"`((?:{'|'.join(CODE)}|docs)/[\w./-]*)`")
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)")


def sources() -> Iterator[tuple[Path, str]]:
    """Every Python file of the project, with its text."""
    for folder in CODE:
        for file in (ROOT / folder).rglob("*.py"):
            yield file, file.read_text()


def numbers_after(word: str) -> dict[str, list[str]]:
    """Every number that code names after these words, with the files that do."""
    found: dict[str, list[str]] = {}
    for file, text in sources():
        for match in re.finditer(rf"\b{word} ({NUMBERS})", re.sub(r"\s+", " ", text)):
            for number in re.findall(r"\d+(?:\.\d+)?", match[1]):
                found.setdefault(number, []).append(str(file.relative_to(ROOT)))
    return found


def test_rows_of_security_exist() -> None:
    """`security row 7` in the code is a heading of docs/security.md, and the rows are numbered from 1 without a gap."""
    rows = re.findall(r"^### Row (\d+):", SECURITY, re.MULTILINE)
    assert rows == [str(number) for number in range(1, len(rows) + 1)]
    named = numbers_after("security rows?")
    assert len(named) > 5
    assert {number: files for number, files in named.items() if number not in rows} == {}


def test_sections_of_the_contract_exist() -> None:
    """`contract 2.4` in the code is a heading of docs/contract.md."""
    sections = re.findall(r"^##+ (\d+(?:\.\d+)?)[. ]", CONTRACT, re.MULTILINE)
    named = numbers_after("contract")
    assert len(named) > 10
    assert {number: files for number, files in named.items() if number not in sections} == {}


@cache
def functions_of(path: str) -> frozenset[str]:
    """The functions of a Python file, by name."""
    nodes = ast.walk(ast.parse((ROOT / path).read_text()))
    return frozenset(node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize("row", re.split(r"^### Row ", SECURITY, flags=re.MULTILINE)[1:], ids=lambda row: row[:30])
def test_rows_name_tests_that_exist(row: str) -> None:
    """Each row names what must hold, its guard, and test files with their functions, or says that there is none yet."""
    assert row.count("**Must hold:**") == row.count("**Guard:**") == row.count("**Tests:**") == 1
    tests = row.partition("**Tests:**")[2].split("\n- **")[0].split("\n## ")[0]
    files = re.findall(r"`(tests/[\w/]+\.py)`([^`]*(?:`test_\w+`[^`]*)*)", tests)
    assert files or tests.strip().startswith("none yet")
    for path, functions in files:
        assert set(re.findall(r"`(test_\w+)`", functions)) <= functions_of(path), path
        assert any(name.startswith("test_") for name in functions_of(path))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: file.name)
def test_documents_name_what_is_there(document: Path) -> None:
    """Paths in backticks and links lead to files, folders and headings of the project."""
    text = document.read_text()
    named = [path for path in PATH.findall(text) if "NAME" not in path]
    assert [path for path in named if not (ROOT / path).exists()] == []
    links = LINK.findall(text)
    assert [path for path, _ in links if not (document.parent / path).exists()] == []
    places = [(document.parent / path if path else document, anchor) for path, anchor in links if anchor]
    assert [anchor for place, anchor in places if anchor not in anchors_of(place.read_text())] == []


def anchors_of(text: str) -> set[str]:
    """The names by which links reach the headings of a document."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_contract_has_every_word() -> None:
    """Error codes, the words of the envelope and the statuses are those of the code."""
    section = CONTRACT.partition("## 5. Error codes")[2].partition("## 6.")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == [str(code) for code in ErrorCode]
    envelope = CONTRACT.partition("### 1.5")[2].partition("### 1.6")[0]
    words = {int(status): word for status, word in re.findall(r"^\| (\d+) \| `(\w+)` \|", envelope, re.MULTILINE)}
    assert words == CODES | {500: "INTERNAL_ERROR"}
    assert all(f"`{status}`" in CONTRACT for status in JobStatus)
