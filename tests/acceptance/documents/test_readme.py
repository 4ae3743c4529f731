"""The README's lines, run by a shell as they are written there, on the running stack."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.kit import options
from tests.fixtures.servers.database import Server
from tests.fixtures.service import KEY, Service

ROOT = Path(__file__).parents[3]
PROGRAM = Path(sys.executable).with_name("sourcecheck")
HEADING = "## Test your own database"
FACTS = "host=127.0.0.1 port=5432 user=me password=secret dbname=shop"
"""The reader's own database, as the README writes it."""


def blocks(document: str, heading: str) -> list[str]:
    """The blocks for a shell below a heading."""
    section = (ROOT / document).read_text().partition(f"{heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^```sh\n(.*?)^```", section, re.MULTILINE | re.DOTALL)


def run(script: str, folder: Path) -> list[Any]:
    """The answers that a script prints, in their order. Fails as the script does."""
    return list(decoded(shown(script, folder)))


def shown(script: str, folder: Path) -> str:
    """What a script prints. Fails as the script does."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        check=False,
        cwd=folder,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def decoded(text: str) -> Iterator[Any]:
    """JSON values, one behind the other."""
    while text := text.strip():
        value, end = json.JSONDecoder().raw_decode(text)
        yield value
        text = text[end:]


@pytest.fixture
def home(tmp_path: Path, service: Service) -> Path:
    """A folder in which `make up` would have written its key."""
    (tmp_path / ".sourcecheck/secrets").mkdir(parents=True)
    (tmp_path / ".sourcecheck/secrets/api_key").write_text(KEY)
    return tmp_path


@pytest.mark.timeout(600)  # a dozen programs: on a busy machine each takes seconds
def test_the_readme(home: Path, service: Service, embedded: Server, good_source: int) -> None:
    """From the first line to the health of the reader's own database, and the same by HTTP with the demo's."""
    begin, own, by_http = blocks("README.md", HEADING)
    program = f'PATH="{PROGRAM.parent}:$PATH" XDG_CONFIG_HOME="$PWD"'
    begin = begin.replace("source .venv/bin/activate", f"export {program}").replace(
        "http://127.0.0.1:8000", service.api
    )
    facts = " ".join(f"{name}={value}" for name, value in options(embedded).items())
    own = own.replace(FACTS, facts).replace("Shop", "README")
    by_http = by_http.replace("http://127.0.0.1:8000", service.api)
    follow = blocks("docs/health.md", "## Schedules")[0]
    said = shown("\n".join([begin, own]), home)
    assert "Registered README" in said
    assert "Discovered" in said
    assert "every 5 min" in said
    assert "uptime 100.00 %" in said
    job, immediate, *schedules = run("\n".join([begin.rstrip() + " >&2", by_http, follow]), home)
    assert job["status"] == "done"
    assert [step["status"] for step in job["results"]] == ["done"] * 4
    assert immediate["data"]["test_query_result"].startswith("PostgreSQL")
    assert immediate["data"]["data_source_id"] == good_source
    assert [answer["success"] for answer in schedules] == [True] * 5
