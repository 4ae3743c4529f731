"""The steps of the Containerfile, run one by one in a fresh folder: `python -m tests.packaging.containerfile`.

A stand-in for a container engine. Every absolute path of the image lies below one folder; `useradd` and `groupadd` make nothing; and
as root, what the image runs is run by the user `nobody`. Asks the package registry for what the image installs.
"""

import fnmatch
import json
import os
import pwd
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fixtures.servers.database import free_port

ROOT = Path(__file__).parents[2]
START_SECONDS = 180
PLACES = re.compile(r"(?<![\w.])/(src|opt/sourcecheck|var/lib/sourcecheck)\b")
"""The folders of the image that its steps name."""


@dataclass(frozen=True)
class Step:
    """One instruction."""

    word: str
    text: str
    stage: str

    @property
    def command(self) -> list[str]:
        """Its JSON array; after HEALTHCHECK's options and CMD."""
        found: list[str] = json.loads(self.text[self.text.index("[") :])
        return found


def read(file: Path = ROOT / "Containerfile") -> list[Step]:
    """The instructions, with the name of the stage that each belongs to (the last one has none)."""
    lines = [line for line in file.read_text().splitlines() if line.strip() and not line.startswith("#")]
    steps, stage = [], ""
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        word, _, text = line.partition(" ")
        if word == "FROM":
            stage = text.partition(" AS ")[2]
        steps.append(Step(word, text.strip(), stage))
    return steps


def ignored(name: str) -> bool:
    """Whether `.dockerignore` keeps this file or folder of the root out of the build."""
    patterns = (ROOT / ".dockerignore").read_text().split()
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


@dataclass
class Image:
    """What has been built so far, below a folder."""

    folder: Path
    environ: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    commands: dict[str, list[str]] = field(default_factory=dict)
    """CMD and HEALTHCHECK."""

    def inside(self, text: str) -> str:
        """The text with the image's places below our folder."""
        return PLACES.sub(lambda found: f"{self.folder}{found[0]}", text)

    def run(self, step: Step) -> None:
        """Carry out one instruction."""
        match step.word:
            case "FROM":
                registry = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
                path = f"{self.folder}/shims:/usr/local/bin:/usr/bin:/bin"
                self.environ = {**registry, "PATH": path, "HOME": str(self.folder)}
            case "WORKDIR":
                self.workdir = self.inside(step.text)
                Path(self.workdir).mkdir(parents=True, exist_ok=True)
            case "COPY":
                self._copy(shlex.split(step.text))
            case "ENV":
                self.environ |= {
                    name: self.inside(value) for name, value in (p.split("=", 1) for p in shlex.split(step.text))
                }
            case "ARG":
                self.environ.setdefault(*step.text.split("=", 1))
            case "RUN":
                command = ["sh", "-euc", self.inside(step.text)]
                subprocess.run(command, check=True, cwd=self.workdir, env=self.environ, timeout=900)
            case "CMD" | "HEALTHCHECK":
                self.commands[step.word] = [self.inside(word) for word in step.command]
            case "USER" | "VOLUME" | "EXPOSE":
                pass
            case other:
                raise ValueError(f"{other}: this stand-in knows no such instruction")

    def _copy(self, words: list[str]) -> None:
        if words[0].startswith("--from="):
            if words[1] != words[2]:
                raise ValueError("all stages share one folder: what is copied between them keeps its path")
            return
        *sources, target = words
        for source in sources:
            if ignored(source):
                raise ValueError(f".dockerignore keeps {source} out")
            place = Path(self.workdir, target)
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, place, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / source, place)


def main() -> int:
    """Build, start, wait until the health check passes, stop. 0 when all of it went well."""
    with tempfile.TemporaryDirectory(prefix="sourcecheck-image-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        _make_shims(folder / "shims")
        image = Image(folder)
        for step in read():
            print(f"{step.word} {step.text}", flush=True)
            image.run(step)
        return _try(image)


def _try(image: Image) -> int:
    state = Path(image.inside("/var/lib/sourcecheck"))
    user: dict[str, Any] = {}
    if os.geteuid() == 0:
        account = pwd.getpwnam("nobody")
        user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        os.chown(state, account.pw_uid, account.pw_gid)
    environ = image.environ | {
        "SOURCECHECK_API_PORT": str(free_port()),
        "SOURCECHECK_PREFECT_PORT": str(free_port()),
        "HOME": str(state),
    }
    options: dict[str, Any] = {"env": environ, "cwd": state, **user}
    with subprocess.Popen(_found(image.commands["CMD"], environ), **options) as process:
        try:
            for _ in _seconds(START_SECONDS):
                check = subprocess.run(
                    _found(image.commands["HEALTHCHECK"], environ), check=False, capture_output=True, **options
                )
                if check.returncode == 0:
                    print("the health check passes")
                    return 0
                if process.poll() is not None:
                    break
            print(f"the health check does not pass: {check.stderr.decode()[-500:]}")
            return 1
        finally:
            process.terminate()
            process.wait(60)


def _seconds(most: int) -> Iterator[int]:
    for second in range(most):
        time.sleep(1)
        yield second


def _found(command: list[str], environ: dict[str, str]) -> list[str]:
    """The command, its program found where the image's PATH says."""
    program = shutil.which(command[0], path=environ["PATH"])
    if program is None:
        raise FileNotFoundError(command[0])
    return [program, *command[1:]]


def _make_shims(folder: Path) -> None:
    """What the base image has under another name here, and what must not happen on this machine."""
    folder.mkdir()
    system = Path("/usr/bin/python3")  # one that every user may run; ours may lie in a home
    (folder / "python").symlink_to(system if _is_new_enough(system) else Path(sys.executable).resolve())
    for name in ("groupadd", "useradd"):
        (folder / name).write_text(f'#!/bin/sh\nmkdir -p "{folder.parent}/var/lib/sourcecheck"\n')
        (folder / name).chmod(0o755)


def _is_new_enough(python: Path) -> bool:
    code = "import ensurepip, sys; sys.exit(sys.version_info < (3, 11))"
    return python.exists() and subprocess.run([python, "-c", code], check=False, capture_output=True).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
