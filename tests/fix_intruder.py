"""A user of this machine with no rights: what it reaches of a running stack."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAM = """
import encodings.idna, encodings.latin_1, fcntl, http.client, json, os, sys
wanted = json.load(sys.stdin)
os.setgroups([])
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)

def ask(port, method, path, headers, body):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.putrequest(method, path, skip_host="Host" in headers)
        for name, value in headers.items():
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Type", "application/json")
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(None if body is None else body.encode())
        answer = connection.getresponse()
        return [answer.status, dict(answer.getheaders()), answer.read().decode(errors="replace") if answer.status != 101 else ""]
    finally:
        connection.close()

def use(path):
    done = []
    for name, flags in (("read", os.O_RDONLY), ("write", os.O_WRONLY)):
        try:
            file = os.open(path, flags)
        except OSError:
            continue
        done.append(name)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            done.append("lock")
        except OSError:
            pass
    for name, act in (("list", os.listdir), ("stat", os.stat)):
        try:
            act(path)
            done.append(name)
        except OSError:
            pass
    return done

json.dump({
    "answers": [ask(*request) for request in wanted["requests"]],
    "files": {path: use(path) for path in wanted["files"]},
}, sys.stdout)
"""
"""It becomes that user once everything is imported, for Python itself may lie where that user cannot read it."""

Request = tuple[int, str, str, dict[str, str], str | None]
"""Port, method, path, headers and body."""
Answer = tuple[int, dict[str, str], str]
"""Status, headers and text."""


class Intruder:
    """Runs a program as that user."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def ask(self, *requests: Request) -> list[Answer]:
        """Send requests, and answer what came back."""
        answers = self._run(requests=requests, files=())["answers"]
        return [(status, {n.lower(): v for n, v in headers.items()}, text) for status, headers, text in answers]

    def use(self, files: list[Path]) -> dict[str, list[str]]:
        """Try to open, lock, list and see each path; what was possible, by path."""
        found = self._run(requests=(), files=[str(file) for file in files])["files"]
        return {path: done for path, done in found.items() if done}

    def _run(self, **wanted: Any) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", PROGRAM],
            input=json.dumps(wanted),
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
            cwd=self._folder,
            env={},
        )
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found


@pytest.fixture(scope="session")
def intruder() -> Intruder:
    """A user who is not ours; only root can be another user."""
    if os.geteuid() != 0:
        reason = "only root can run a program as another user"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    return Intruder(Path("/"))
