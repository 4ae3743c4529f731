"""Where the emulators are, below `.emulators` (`make emulators`), and a test of what answers there through the API."""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec

from datasources.databases import database_of
from datasources.model.source import Source
from tests.acceptance.kit import SOURCES, finished, results, unique
from tests.fixtures.skips import absent
from tests.wire.answers import valid

HOME = Path(".emulators")


def environment(name: str) -> Path:
    """The folder of an emulator that is installed; skips the test where it is not, and fails it when `CI=true`."""
    home = HOME / name
    if not (home / "pins").exists():
        reason = f"no {name} in {home}: run `make emulator-{name}`"
        absent(reason)
    return home.absolute()


@contextmanager
def scratch_folder(name: str) -> Iterator[Path]:
    """A folder for an emulator's data, gone at the end."""
    folder = tempfile.mkdtemp(prefix=f"sourcecheck-{name}-")
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def wait_until_listening(port: int, process: subprocess.Popen[bytes], seconds: float, log: Path | None = None) -> None:
    """Return when the process takes connections at this port of the loopback; fails if it ends, or takes too long."""
    until = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            said = log.read_text()[-3000:] if log else ""
            assert process.poll() is None, f"it ended: {said}"
            assert time.monotonic() < until, f"it does not listen: {said}"
            time.sleep(0.1)


def travels(admin: httpx.Client, source: Source) -> dict[str, Any]:
    """The results of a thorough test that the API has accepted and a worker has carried out; no secret comes back."""
    kind = database_of(source)
    options = msgspec.to_builtins(source.options)
    body = {"name": unique(kind.word()), "type": kind.word(), "options": options, "temp_schema": source.temp_schema}
    made = valid(admin.post(SOURCES, json=body), "DataSource")
    for secret in source.options.secrets():
        assert made["options"][secret] is None
    found = finished(admin, made["id"])
    assert found["status"] == "done", found
    shown: dict[str, Any] = results(found)
    return shown
