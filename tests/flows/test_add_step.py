"""CONTRIBUTING, "Add a step": one file and one line are really all it takes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.fixtures.servers.database import PASSWORD, Server, free_port

ROOT = Path(__file__).parents[2]
STEP = '''
"""An example."""

from datasources.model.errors import CheckError
from datasources.model.results import Finding
from datasources.model.vocabulary import ErrorCode
from tasks.context import StepContext


async def run(check: StepContext) -> Finding:
    """Says no of a source that lists what to include."""
    async with check.session() as session:
        product = (await session.version()).split()[0]
    if check.source.catalog_include_list:
        raise CheckError(ErrorCode.PERMISSION_DENIED, "This is no place for examples")
    return Finding(message=f"{product} is an example")
'''
LINE = '    Step("example", EVERY),\n'


def add_step(tree: Path) -> None:
    """The two changes that CONTRIBUTING names."""
    (tree / "tasks" / "steps" / "example.py").write_text(STEP)
    table = tree / "datasources" / "model" / "steps.py"
    text = table.read_text()
    end = text.index("\n)\n", text.index("STEPS = (")) + 1
    table.write_text(text[:end] + LINE + text[end:])


def test_one_file_and_one_line(tmp_path: Path, embedded: Server) -> None:
    """In a copy of the tree: the step runs, is shown in `checks`, counts, is kept in the health record, documented."""
    for folder in ("api", "flows", "tasks", "datasources", "deployments"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    add_step(tmp_path)
    script = tmp_path / "add_step.py"
    shutil.copy(Path(__file__).with_name("add_step.py"), script)
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("SOURCECHECK_", "PREFECT_"))}
    environ |= {
        "PYTHONPATH": str(tmp_path),
        "PREFECT_API_URL": f"http://127.0.0.1:{free_port()}/api",
        "PREFECT_LOGGING_TO_API_ENABLED": "false",
        "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false",  # no server is there: no step needs one
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "SOURCECHECK_ALLOW_PRIVATE_NETWORKS": "true",
        "SOURCECHECK_DATABASE_URL": "postgresql://127.0.0.1:1/nothing",
    }
    done = subprocess.run(
        [sys.executable, str(script), str(embedded.port), PASSWORD],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
