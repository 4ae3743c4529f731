"""The benchmark runs: its smallest configuration, for real."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import ADDED


@pytest.mark.timeout(400)
def test_the_smallest_run(tmp_path: Path) -> None:
    """Our own worker, the flow in one process and psycopg alone come out as rows of one table."""
    file = tmp_path / "README.md"
    file.write_text(f"What is above the mark stays.\n{ADDED}What is below goes.\n")
    command = [sys.executable, "-m", "benchmarks", "--quick", "--only", "ours", "bare", "--markdown", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=360, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    above, below = file.read_text().split(ADDED)
    assert above == "What is above the mark stays.\n"
    assert "What is below goes" not in below
    rows = [line.split(" | ") for line in below.splitlines() if line.startswith("| ")]
    tests = {(row[0].removeprefix("| "), row[1]): row[2] for row in rows if len(row) == 12}
    for name in ("ours", "in-process flow", "bare psycopg"):
        assert (tests[name, "1"], tests[name, "4"]) == ("3", "4")
