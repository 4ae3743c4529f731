"""The real stack, started by its own command, in a home of its own."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import httpx
import pytest

from deployments.stack.credential import FILE, SERVER, PrefectAuth
from tests.fix_database import PASSWORD, free_port
from tests.fix_processes import kept

KEY = "key-of-the-acceptance-tests"
START_SECONDS = 120


@dataclass(frozen=True)
class Service:
    """A running stack."""

    api: str
    prefect: str
    home: Path
    environ: dict[str, str]
    pid: int
    """The supervisor."""

    @cached_property
    def prefect_api(self) -> httpx.Client:
        """A client of Prefect's API with the stack's credential; paths are those below `/api`."""
        auth = PrefectAuth(self.prefect, self.credential)
        limits = httpx.Limits(max_keepalive_connections=0)  # Prefect's server closes idle ones after five seconds
        return httpx.Client(base_url=self.prefect, auth=auth, timeout=30, limits=limits)

    @property
    def credential(self) -> str:
        """What Prefect's API asks for."""
        return self.environ.get(SERVER) or (self.home / "secrets" / FILE).read_text()

    def client(self, key: str | None = KEY, scheme: str = "Key") -> httpx.Client:
        """A client with a key."""
        headers = {} if key is None else {"Authorization": f"{scheme} {key}"}
        return httpx.Client(base_url=self.api, headers=headers, timeout=90)

    def command(self, *words: str) -> str:
        """Run an administrator's command on this stack."""
        done = subprocess.run(
            [sys.executable, "-m", "deployments.cli", *words],
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=180,
            check=True,
        )
        return done.stdout


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One stack for all tests that leave it whole."""
    with running_stack(tmp_path_factory.mktemp("home")) as found:
        yield found


@contextlib.contextmanager
def running_stack(home: Path, **settings: str) -> Iterator[Service]:
    """A stack of its own, with these settings beside the usual ones."""
    api, prefect = free_port(), free_port()
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("SOURCECHECK_", "PREFECT_"))}
    environ |= {
        "SOURCECHECK_HOME": str(home),
        "SOURCECHECK_API_PORT": str(api),
        "SOURCECHECK_PREFECT_PORT": str(prefect),
        "SOURCECHECK_BOOTSTRAP_KEY": KEY,
        "SOURCECHECK_FILE_ROOT": str(home.parent / "files"),
        "SOURCECHECK_SECRET_REFERENCES": f"file:{home.parent}/secrets/*@127.0.0.1 env:SOURCE_*@127.0.0.1"
        " prefect-block:secret/source-*@127.0.0.1",
        "SOURCE_PASSWORD": PASSWORD,
        **settings,
    }
    command = [sys.executable, "-m", "deployments.cli", "up"]
    with (
        (home.parent / "up.log").open("wb") as log,
        kept(command, signal.SIGTERM, env=environ, stdout=log, stderr=log) as process,
    ):
        found = Service(f"http://127.0.0.1:{api}", f"http://127.0.0.1:{prefect}/api", home, environ, process.pid)
        _wait(found, process, Path(log.name))
        yield found


@contextlib.contextmanager
def another_api(service: Service, *, ready: bool = True, **settings: str) -> Iterator[httpx.Client]:
    """One more process of the API on the same stack, with some settings of its own, and a client of it."""
    port = free_port()
    environ = service.environ | {"SOURCECHECK_API_PORT": str(port)}
    environ |= {f"SOURCECHECK_{name.upper()}": value for name, value in settings.items()}
    path = service.home / "logs" / f"api-{port}.log"
    command = [sys.executable, "-m", "deployments.cli", "serve"]
    with (
        path.open("wb") as log,
        kept(command, signal.SIGTERM, env=environ, stdout=log, stderr=log) as process,
    ):
        found = Service(f"http://127.0.0.1:{port}", service.prefect, service.home, environ, process.pid)
        _wait(found, process, path, "ready" if ready else "live")
        with found.client() as client:
            yield client


def _wait(found: Service, process: subprocess.Popen[bytes], log: Path, what: str = "ready") -> None:
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            if httpx.get(f"{found.api}/health/{what}", timeout=10).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        if process.poll() is not None or time.monotonic() > until:
            pytest.fail(f"the stack did not start:\n{log.read_text()[-4000:]}")
        time.sleep(0.2)
