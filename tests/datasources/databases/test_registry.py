"""What a database says of itself, and what it does not start without."""

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest

from api.jobs.submit import _require_driver
from api.wire.errors import Invalid
from datasources.databases import ALIASES, DATABASES
from datasources.databases.base import Database, Driver, Verified
from datasources.databases.sqlite.model import SqliteOptions, SqliteSource
from datasources.model.errors import CheckError
from datasources.model.source import Options
from datasources.model.vocabulary import ErrorCode

LABEL = Verified("documents", "nothing", "2026-11-25")


class Unopened(Database):
    """A database that is never reached."""

    title = "Unopened"
    source: ClassVar = SqliteSource

    @classmethod
    @asynccontextmanager
    async def open(cls, source: Any, *, read_only: bool) -> AsyncIterator[Any]:
        """Not called."""
        raise AssertionError
        yield


async def test_a_driver_that_is_not_installed() -> None:
    """The verdict names the line that installs it, and nothing is tried; the API says it before a test is queued."""

    class Missing(Unopened):
        options: ClassVar = SqliteOptions
        verified = LABEL
        driver = Driver("no_such_driver.really", "nothing")

    with pytest.raises(CheckError) as caught:
        async with Missing.connect(SqliteSource(name="x", options=SqliteOptions(path="x"))):
            pass
    assert caught.value.code is ErrorCode.DRIVER_MISSING
    assert (
        caught.value.message == "The driver no_such_driver.really is not installed: pip install 'sourcecheck[nothing]'"
    )


def test_the_api_names_a_missing_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """422, with the line that installs it."""
    _require_driver("sqlite", {})
    monkeypatch.setattr(DATABASES["sqlite"], "driver", Driver("no_such_driver", "nothing"))
    with pytest.raises(Invalid) as caught:
        _require_driver("sqlite", {})
    assert caught.value.errors[0]["type"] == "driver_missing"
    assert "pip install 'sourcecheck[nothing]'" in caught.value.errors[0]["msg"]


def test_no_driver_is_imported_before_it_is_needed() -> None:
    """Without any of the optional drivers, every type is there."""
    drivers = sorted({kind.driver.module for kind in DATABASES.values() if kind.driver})
    assert {
        "azure.storage.blob",
        "botocore",
        "duckdb",
        "google.cloud.storage",
        "pymongo",
        "pymysql",
        "snowflake.connector",
    } <= {*drivers}
    script = (
        f"import sys; sys.modules.update(dict.fromkeys({drivers!r}))\n"
        "from datasources.databases import DATABASES; print(*DATABASES)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=Path.cwd())
    assert done.stdout.split() == list(DATABASES)


def test_options_that_do_not_say_what_a_change_means() -> None:
    """The class is not made: a group that is missing, a field in none, one in two, one that is not there."""
    complete: dict[str, Any] = {"destination_fields": ("path",), "secret_fields": (), "harmless_fields": ()}
    wrong: list[dict[str, Any]] = [
        {name: value for name, value in complete.items() if name != "harmless_fields"},
        complete | {"destination_fields": ()},
        complete | {"harmless_fields": ("path",)},
        complete | {"harmless_fields": ("other",)},
        complete | {"asked_fields": ("path",)},
        complete | {"shown_as": {"host": "other"}},
    ]
    for groups in [complete, *wrong]:
        body = {"__annotations__": {"path": str}, **groups}
        options = type("Forgetful", (Options,), body, kw_only=True, frozen=True, forbid_unknown_fields=True)
        if groups is complete:
            type("Complete", (Unopened,), {"options": options, "verified": LABEL})
            continue
        with pytest.raises(TypeError, match="Forgetful"):
            type("Wrong", (Unopened,), {"options": options, "verified": LABEL})


def test_a_database_without_a_label_does_not_start() -> None:
    """Nothing is claimed by silence."""
    with pytest.raises(AttributeError, match="verified"):
        type("Unlabelled", (Unopened,), {"options": SqliteOptions})


def test_words() -> None:
    """No word stands for two types, and each type answers to its own."""
    words = [word for kind in DATABASES.values() for word in kind.words()]
    assert len(words) == len(set(words))
    assert set(ALIASES.values()) <= set(DATABASES)
    assert ALIASES["postgresql"] == "pg"


def test_the_page_of_databases_has_their_labels() -> None:
    """`docs/databases.md` says what the types say, and each has a page with grants, options, steps and label."""
    lines = Path("docs/databases.md").read_text().splitlines()
    for word, kind in DATABASES.items():
        (line,) = [line for line in lines if line.startswith(f"| `{word}` |")]
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert cells[2:4] == [kind.verified.level, kind.verified.against]
        assert ("pip install" in cells[4]) == (kind.driver is not None)
        page = Path("docs") / cells[1].split("(")[1].rstrip(")")
        text = page.read_text()
        assert all(f"`{name}`" in text for name in kind.options.__struct_fields__), word
        assert kind.verified.level in text
