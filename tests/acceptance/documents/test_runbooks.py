"""The commands of the runbooks, run by a shell as they are printed, on the running stack."""

import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from msgspec import Struct

from tests.acceptance.kit import options, register, unique
from tests.fixtures.servers.database import Server
from tests.fixtures.service import KEY, Service

ROOT = Path(__file__).parents[3]
PAGES = sorted(page.stem for page in (ROOT / "docs" / "runbooks").glob("*.md") if page.stem != "README")
SECTIONS = ("## What you see", "## How to find out", "## What to do", "## How to know that it is over")
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


class Night(Struct):
    """A shell as the index of the runbooks sets it up, and a source to ask about."""

    environ: dict[str, str]

    def run(self, script: str) -> str:
        """What a script prints. Fails as the script does."""
        command = ["bash", "-euo", "pipefail", "-c", script]
        done = subprocess.run(command, check=False, env=self.environ, capture_output=True, text=True, timeout=180)
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def night(service: Service, admin: httpx.Client, embedded: Server) -> Night:
    """The lines of the index, with this stack's facts."""
    source = register(admin, unique("Of the runbooks"), options(embedded))
    given = {
        "ID": str(source),
        "URL": service.api,
        "KEY": f"Authorization: Key {KEY}",
        "SOURCECHECK_URL": service.api,
        "SOURCECHECK_API_KEY": KEY,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    return Night({**service.environ, **given})


def section(page: str, heading: str) -> str:
    """What is below a heading of a runbook."""
    text = (ROOT / "docs" / "runbooks" / f"{page}.md").read_text()
    return text.partition(f"{heading}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("page", PAGES)
def test_every_page_answers_the_same_questions(page: str) -> None:
    """In one order; what to do is more than a sentence, and the index leads to the page."""
    text = (ROOT / "docs" / "runbooks" / f"{page}.md").read_text()
    assert tuple(re.findall(r"^## .*$", text, re.MULTILINE)) == SECTIONS
    assert len(section(page, "## What to do").split()) > 50
    assert f"({page}.md)" in (ROOT / "docs" / "runbooks" / "README.md").read_text()


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_that_find_out_work(page: str, night: Night) -> None:
    """Those that look, and those that show that it is over: each block ends well on a stack that is well."""
    for heading in (SECTIONS[1], SECTIONS[3]):
        blocks = BLOCK.findall(section(page, heading))
        assert blocks, heading
        for block in blocks:
            night.run(block)
