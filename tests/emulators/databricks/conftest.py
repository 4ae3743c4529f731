"""Spark, in an environment of its own, behind the Statement Execution API. It needs Java."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.emulators.kit import environment, scratch_folder, wait_until_listening
from tests.fixtures.processes import kept
from tests.fixtures.servers.database import PASSWORD, free_port
from tests.fixtures.skips import absent

SERVER = (Path(__file__).parent / "server.py").absolute()


@dataclass(frozen=True)
class Workspace:
    """A running Spark."""

    port: int

    def run(self, *statements: str) -> list[Any]:
        """What each statement answers."""
        found = []
        for statement in statements:
            asked = {"statement": statement, "warehouse_id": "1"}
            answer = self.call("POST", "/api/2.0/sql/statements", asked)
            while answer["status"]["state"] == "RUNNING":
                answer = self.call("GET", f"/api/2.0/sql/statements/{answer['statement_id']}")
            assert answer["status"]["state"] == "SUCCEEDED", answer
            found.append(answer["result"]["data_array"])
        return found

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One request."""
        headers = {"Authorization": f"Bearer {PASSWORD}"}
        return httpx.request(
            method, f"http://127.0.0.1:{self.port}{path}", json=body, headers=headers, timeout=120
        ).json()


@pytest.fixture(scope="session")
def workspace() -> Iterator[Workspace]:
    """Spark takes half a minute to start."""
    home, port = environment("spark"), free_port()
    if shutil.which("java") is None:
        absent("no Java: install openjdk-17-jre-headless")
    with scratch_folder("spark") as folder:
        python = str(home / "bin" / "python")
        around = {**os.environ, "PYSPARK_PYTHON": python, "SPARK_LOCAL_IP": "127.0.0.1"}
        command = [python, str(SERVER), str(port), PASSWORD, str(folder)]
        with kept(
            command, env=around, cwd=folder, stdout=subprocess.DEVNULL, stderr=(folder / "log").open("wb")
        ) as process:
            wait_until_listening(port, process, 240, folder / "log")
            started = Workspace(port)
            for _ in range(3):  # the first statements of a JVM take seconds, which would be taken for the source's
                started.run(
                    "SELECT current_user(), current_catalog()", "SELECT version()", "SELECT count(*) FROM shop.best"
                )
            yield started
