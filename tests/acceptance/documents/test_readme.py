"""The README's lines, run by a shell as they are written there, on the running stack."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.kit import options
from tests.fix_database import Server
from tests.fix_service import KEY, Service

ROOT = Path(__file__).parents[3]
HEADING = "## Test your own database"
FACTS = '"host": "127.0.0.1", "port": 5432, "user": "me", "password": "secret", "dbname": "shop"'
"""The reader's own database, as the README writes it."""


def blocks(document: str, heading: str) -> list[str]:
    """The blocks for a shell below a heading."""
    section = (ROOT / document).read_text().partition(f"{heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^```sh\n(.*?)^```", section, re.MULTILINE | re.DOTALL)


def run(script: str, folder: Path) -> list[Any]:
    """The answers that a script prints, in their order. Fails as the script does."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        check=False,
        cwd=folder,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return list(decoded(done.stdout))


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


@pytest.mark.parametrize("own_database", [True, False])
def test_the_readme(own_database: bool, home: Path, service: Service, embedded: Server, good_source: int) -> None:
    """From the first line to the health of the source, with the reader's own database and with the demo's."""
    begin, register, demo, test, check = blocks("README.md", HEADING)
    begin = begin.replace("http://127.0.0.1:8000", service.api)
    register = register.replace(FACTS, json.dumps(options(embedded))[1:-1]).replace('"Shop"', '"Shop of the README"')
    follow = blocks("docs/health.md", "## Schedules")[0]
    script = [begin, *([register] if own_database else []), demo, test, check, follow]
    job, immediate, saved, health, *schedules = run("\n".join(script), home)
    assert job["status"] == "done"
    assert [step["status"] for step in job["results"]] == ["done"] * 4
    assert immediate["data"]["test_query_result"].startswith("PostgreSQL")
    assert (immediate["data"]["data_source_id"] == good_source) is not own_database
    assert saved["data"]["interval_seconds"] == 300
    assert health["data"]["health_history"][0]["job_id"] == immediate["data"]["job_id"]
    assert [answer["success"] for answer in schedules] == [True] * 5


def test_a_refusal_is_shown(home: Path, service: Service) -> None:
    """Where a line expects an id and gets an error, the reader sees the error."""
    begin, register, *_ = blocks("README.md", HEADING)
    script = begin.replace("http://127.0.0.1:8000", service.api) + register.replace('"pg"', '"pgg"')
    with pytest.raises(AssertionError, match="Unknown type"):
        run(script, home)
