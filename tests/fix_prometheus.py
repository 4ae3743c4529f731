"""A real Prometheus, Debian's, that scrapes one API."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.fix_database import free_port
from tests.fix_processes import kept

PROGRAM = Path("/usr/bin/prometheus")
MONITORING = Path(__file__).parents[1] / "deployments" / "monitoring"
PATIENCE = 60


@dataclass(frozen=True)
class Prometheus:
    """A running server."""

    address: str

    def ask(self, path: str, **query: str) -> Any:
        """The data that its API answers."""
        answer = httpx.get(f"{self.address}/api/v1/{path}", params=query, timeout=10)
        assert answer.json()["status"] == "success", answer.text
        return answer.json()["data"]

    def series(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """The labels and the value of each series of an expression, now."""
        return [(one["metric"], float(one["value"][1])) for one in self.ask("query", query=expression)["result"]]

    def eventually(self, question: Callable[[], Any]) -> Any:
        """What is answered once it is not empty."""
        until = time.monotonic() + PATIENCE
        while not (found := question()) and time.monotonic() < until:
            time.sleep(0.2)
        assert found
        return found


@pytest.fixture(scope="session")
def prometheus_program() -> Path:
    """Prometheus with its `promtool`."""
    if not PROGRAM.exists():
        reason = f"no Prometheus at {PROGRAM}: install the package prometheus"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    return PROGRAM


@contextmanager
def scraping(folder: Path, program: Path, api: str, key: str) -> Iterator[Prometheus]:
    """A server with the files that we ship, for this API and this key; it looks each second, not each quarter minute."""
    (folder / "alerts.yml").write_bytes((MONITORING / "alerts.yml").read_bytes())
    (folder / "metrics_key").write_text(key)
    settings = yaml.safe_load((MONITORING / "prometheus.yml").read_text())
    settings["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    settings["scrape_configs"][0]["static_configs"] = [{"targets": [api.removeprefix("http://")]}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(settings))
    port = free_port()
    command = [str(program), f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    command.append(f"--web.listen-address=127.0.0.1:{port}")
    log = folder / "prometheus.log"
    with log.open("wb") as output, kept(command, stdout=output, stderr=output) as process:
        found = Prometheus(f"http://127.0.0.1:{port}")
        until = time.monotonic() + PATIENCE
        while not _is_ready(found):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.1)
        yield found


def _is_ready(found: Prometheus) -> bool:
    try:
        return httpx.get(f"{found.address}/-/ready", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False
