"""Sources as a file: what YAML means, where a complaint belongs, what fills a placeholder, and the way back."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator
from rich.console import Console
from sourcecheck import Applied, FieldChange, SourceChange, SourcecheckError
from sourcecheck.cli.commands.declaring import located
from sourcecheck.cli.plan import lines, summary
from sourcecheck.errors import Problem
from sourcecheck.files.document import FileError, read_document
from sourcecheck.files.exported import Placeholder, write_sources
from sourcecheck.files.placeholders import Placeholders
from sourcecheck.files.schema import as_number, schema_text, wants_number
from sourcecheck.files.sources import SourcesFile, declared_names, read_sources

from api.openapi.file_schema import encoded
from datasources.databases import DATABASES

FILE = """
x-defaults: &defaults
  host: ${DB_HOST:-db.example}
  port: ${DB_PORT}
  user: me

sources:
  - name: Shop
    type: pg
    options:
      <<: *defaults
      dbname: shop
      password: ${file:secrets/shop}
    tags: [nightly, no]
    schedule: {cron: "0 6 * * *", timezone: Europe/Berlin}
    connection_timeout: ${SECONDS}
    ssh_tunnel: {host: gateway.example, username: me, port: "${SSH_PORT}"}
  - name: Costs $${not filled}
    type: sqlite
    options: {path: costs.db}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the file, and what it refers to."""
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/shop").write_text("007\n")
    (tmp_path / "sources.yaml").write_text(FILE)
    for name, value in {"DB_PORT": "5433", "SECONDS": "10", "SSH_PORT": "2222"}.items():
        monkeypatch.setenv(name, value)
    return tmp_path


def test_a_file_is_read(folder: Path) -> None:
    """Placeholders are filled, numbers where the schema wants numbers and texts elsewhere; anchors are shared."""
    shop, costs = read_sources(str(folder / "sources.yaml")).sources
    assert shop["options"] == {
        "host": "db.example", "port": 5433, "user": "me", "dbname": "shop", "password": "007",
    }  # fmt: skip
    assert (shop["connection_timeout"], shop["ssh_tunnel"]["port"]) == (10, 2222)
    assert shop["tags"] == ["nightly", "no"]
    assert shop["schedule"] == {"cron": "0 6 * * *", "timezone": "Europe/Berlin"}
    assert costs["name"] == "Costs ${not filled}"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("sources:\n  - name: A\n    name: B\n", "3:5: the key 'name' appears twice"),
        ("sources:\n  - name: [A\n", "3:1: "),
        ("sources:\n  - {name: A, type: pg, options: {password: ${NO_SUCH_VARIABLE}}}\n", "2:46: "),
        ("sources:\n  - password: ${file:missing}\n", "2:15: the file missing cannot be read"),
        ("sources:\n  - host: ${a b}\n", "2:11: ${a b} is neither"),
        ("sources:\n  - 12\n", "2:5: a source is a mapping"),
        ("sources: 12\n", "1:10: the file has to hold a list"),
        ("other: []\nsources: []\n", "1:8: unknown key 'other'"),
        ("", "sources.yaml: the file has to hold a list"),
        ("sources: &a\n  - *a\n", "the file holds too many values, or contains itself"),
        ("sources: !!python/object:os.system []\n", "1:10: the tag"),
        ("sources: !file x\n", "1:10: the tag !file means nothing here"),
        ("sources: [{port: ${X}}]\n", "1:19: "),
        ("sources:\n\t- x", "2:1: "),
        ("sources: [\x07]", "a character that YAML does not allow"),
        ("? [a]\n: b\n", "1:3: a key has to be text"),
    ],
)
def test_what_is_wrong_has_a_line_and_a_column(tmp_path: Path, text: str, place: str) -> None:
    """In the sentence, as compilers and editors write it."""
    (tmp_path / "sources.yaml").write_text(text)
    with pytest.raises(FileError) as caught:
        read_sources(str(tmp_path / "sources.yaml"))
    assert place in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "sources.yaml"))


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("no", "no"), ("on", "on"), ("yes", "yes"), ("true", True), ("False", False), ("~", None), ("", None),
        ("2026-01-01", "2026-01-01"), ("12:30", "12:30"), ("0x10", "0x10"), ("1_000", "1_000"), ("-5", -5),
        ("1.5", 1.5), ("1e3", 1000.0), ("'5'", "5"), ("5432", 5432), (".", "."), ("-", [None]),
    ],
)  # fmt: skip
def test_plain_scalars(scalar: str, value: Any) -> None:
    """The core schema: a word is a text, however YAML 1.1 reads it."""
    assert read_document(None, f"a: {scalar}\n" if scalar != "-" else "a:\n  -\n").value == {"a": value}


def test_an_endless_file_is_refused() -> None:
    """A few lines that multiply through aliases."""
    text = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9))
    with pytest.raises(FileError, match="too many values"):
        read_document(None, text)


def test_a_block_of_prefect_is_fetched_once(tmp_path: Path) -> None:
    """Under its name; what it says is not looked at again for placeholders."""
    asked: list[str] = []

    def fetch(path: str) -> str:
        asked.append(path)
        return "${A}"

    filler = Placeholders(tmp_path, {}, fetch)
    document = read_document(None, "- x\n")
    assert filler.fill(document, ["${prefect-block:secret/a}", "${prefect-block:secret/a}b"], (), set()) == [
        "${A}",
        "${A}b",
    ]
    assert asked == ["secret/a"]


@pytest.mark.parametrize(
    ("way", "kind", "wanted"),
    [
        (("options", "port"), "pg", True),
        (("options", "port"), "postgresql", True),
        (("options", "password"), "pg", False),
        (("options", "allow_cleartext_password"), "mysql", True),
        (("options", "port"), "nothing", False),
        (("query_timeout",), "pg", True),
        (("schedule", "interval_seconds"), "pg", True),
        (("tags", 0), "pg", False),
        (("is_paused",), "pg", True),
    ],
)
def test_where_a_number_belongs(way: tuple[str | int, ...], kind: str, wanted: bool) -> None:
    """As the schema says; a password of digits stays a text."""
    assert wants_number(way, kind) is wanted


@pytest.mark.parametrize(("text", "value"), [("5", 5), (" 5\n", 5), ("true", True), ("five", "five"), ("", "")])
def test_a_number_in_a_variable(text: str, value: Any) -> None:
    """What is none stays as it is: the service says what is wrong with it."""
    assert as_number(text) == value


def test_a_complaint_of_the_service_has_its_place(folder: Path) -> None:
    """The line of the field, or of what would hold it; the source is named."""
    file = read_sources(str(folder / "sources.yaml"))
    told = located(file, Problem(["body", "sources", 0, "options", "dbname"], "Expected `str`"))
    assert str(told).endswith("sources.yaml:12:15: Shop: options.dbname: Expected `str`")
    missing = located(file, Problem(["body", "sources", 1, "options", "nothing"], "missing"))
    assert str(missing).endswith(":20:14: Costs ${not filled}: options.nothing: missing")
    assert str(located(file, Problem(["body"], "too large"))).endswith("sources.yaml: too large")


def test_the_schema_is_that_of_the_structs() -> None:
    """After a change of a type's options: make schema."""
    assert schema_text().encode() == encoded(), "run `make schema`"


@pytest.mark.parametrize(
    ("change", "good"),
    [
        ({}, True),
        ({"typ": "pg"}, False),
        ({"options": {"host": "h", "user": "u", "dbname": "d", "port": "${PORT}"}}, True),
        ({"options": {"host": "h", "user": "u", "dbname": "d", "port": "5432"}}, False),
        ({"options": {"host": "h", "user": "u"}}, False),
        ({"type": "sqlite"}, False),
        ({"type": "sqlite", "options": {"path": "x.db"}}, True),
        ({"schedule": {"interval_seconds": 5}}, False),
        ({"schedule": {"interval_seconds": 60}}, True),
        ({"id": 5}, False),
    ],
)
def test_an_editor_sees_what_is_wrong(change: dict[str, Any], good: bool) -> None:
    """By the schema alone, and by type."""
    schema = json.loads(schema_text())
    Draft7Validator.check_schema(schema)
    source = {"name": "Shop", "type": "pg", "options": {"host": "h", "user": "u", "dbname": "d"}} | change
    assert Draft7Validator(schema).is_valid({"sources": [source], "x-note": 1}) is good


@pytest.mark.parametrize("word", DATABASES)
def test_every_type_has_its_options_in_the_schema(word: str) -> None:
    """With the words that clients may use for it."""
    assert set(DATABASES[word].options.__struct_encode_fields__) <= set(
        json.loads(schema_text())["definitions"][word]["properties"]
    )


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    """Texts that look like something else, several lines, and a placeholder that is to stay one."""
    sources = [
        {"name": "no", "type": "pg", "description": "a\nb: c\n", "options": {"host": "${x}", "port": 5, "user": "007"}},
        {"name": "ü \N{BELL}", "type": "sqlite", "options": {"path": "- a #b"}, "tags": ["1.5", "~", ""]},
    ]
    text = write_sources(sources, {"no": ["one\x07 note"]})
    assert "# one" in text
    (tmp_path / "a.yaml").write_text(text, encoding="utf-8")
    assert read_sources(str(tmp_path / "a.yaml")).sources == sources
    assert read_sources_of(tmp_path, write_sources([], {})) == []
    assert "password: ${SHOP}\n" in write_sources([{"name": "x", "password": Placeholder("${SHOP}")}], {})


def read_sources_of(folder: Path, text: str) -> list[dict[str, Any]]:
    """What a file of this text declares."""
    (folder / "b.yaml").write_text(text, encoding="utf-8")
    return read_sources(str(folder / "b.yaml")).sources


def test_a_plan_for_people() -> None:
    """Signs as in `terraform plan`; an unchanged source has no line, a secret no value, and no name moves the cursor."""
    plan = Applied(
        [
            SourceChange("New\x1b[2J", "pg", "create", None, [FieldChange("options.host", None, "h"), FieldChange("options.password", secret=True)]),
            SourceChange("Changed", "pg", "update", 1, [
                FieldChange("options.port", 5432, 5433), FieldChange("tags", ["a"], None), FieldChange("description", None, "x" * 100),
                FieldChange("options.password", secret=True)]),
            SourceChange("Same", "pg", "unchanged", 2),
            SourceChange("Gone", "pg", "remove", 3),
        ],
        False,
    )  # fmt: skip
    out = io.StringIO()
    for line in lines(plan.changes):
        Console(file=out, width=200).print(line)
    assert out.getvalue().splitlines() == [
        "+ New\N{REPLACEMENT CHARACTER}[2J (pg)",
        '    options.host      "h"',
        "    options.password  (secret)",
        "~ Changed (pg)",
        "    options.port      5432 → 5433",
        '    tags              ["a"] → (gone)',
        '    description       (none) → "' + "x" * 58 + "…",
        "    options.password  (secret, changes)",
        "- Gone (pg)",
    ]
    assert summary(plan) == "Plan: 1 to add, 1 to change, 1 to remove, 1 unchanged"
    assert summary(Applied(plan.changes, True)) == "1 added, 1 changed, 1 removed, 1 unchanged"
    assert summary(Applied([], False)) == "Plan: nothing to do"


def test_a_missing_file_is_a_wrong_call(tmp_path: Path) -> None:
    """Without a traceback."""
    with pytest.raises(SourcecheckError, match="No such file"):
        read_sources(str(tmp_path / "missing.yaml"))
    assert SourcesFile(read_document(None, "a: 1"), [{}]).name_of(0) == "source 1"


def test_the_names_in_a_file(tmp_path: Path) -> None:
    """Need no variable of the environment: `sourcecheck test FILE` tests them as they are registered."""
    file = tmp_path / "sources.yaml"
    file.write_text("sources:\n  - {name: A, options: {password: '${NOT_SET}'}}\n  - name: B\n")
    assert declared_names(str(file)) == ["A", "B"]
    file.write_text("sources:\n  - type: pg\n")
    with pytest.raises(FileError, match="2:5: a source has a `name`"):
        declared_names(str(file))
