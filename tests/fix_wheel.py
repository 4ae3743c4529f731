"""The wheels, built from this checkout and installed into an environment of its own."""

import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest

from sourcecheck_service import PACKAGES

ROOT = Path(__file__).parents[1]
BUILT_FROM = [
    *(
        "pyproject.toml",
        "setup.py",
        "MANIFEST.in",
        "README.md",
        "prefect.yaml",
        "constraints.txt",
        "sourcecheck_service.py",
    ),
    "client",
    *PACKAGES,
]


@dataclass(frozen=True)
class Installed:
    """An environment that has both wheels, and everything else from the environment of the tests."""

    bin: Path
    packages: Path
    """Its own site-packages: nothing but the wheels' files."""

    def run(self, *words: str, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run `sourcecheck` as a user would, in a folder that has nothing to do with the checkout."""
        command = [str(self.bin / "sourcecheck"), *words]
        return subprocess.run(
            command, check=False, cwd=cwd, env=plain_environ(environ), capture_output=True, text=True, timeout=240
        )


def plain_environ(given: dict[str, str]) -> dict[str, str]:
    """The environment without anything that leads to this checkout or to a running stack."""
    dropped = ("SOURCECHECK_", "PREFECT_", "PYTHON", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if not name.startswith(dropped)} | given


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """`sourcecheck` and `sourcecheck_client`, built from a copy: nothing is left in the checkout, no registry is asked."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in BUILT_FROM:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(folder / "dist")]
    subprocess.run([*pip, "wheel", *options, str(folder / "client"), str(folder)], check=True, timeout=120)
    return {path.name.partition("-")[0]: path for path in (folder / "dist").glob("*.whl")}


@pytest.fixture(scope="session")
def wheel(wheels: dict[str, Path]) -> Path:
    """The service's."""
    return wheels["sourcecheck"]


@pytest.fixture(scope="session")
def installed(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Both wheels in a fresh environment that borrows its dependencies: seconds, and no registry."""
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=60)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "--python", str(folder)]
    subprocess.run([*pip, "install", "--no-deps", "--no-index", *map(str, wheels.values())], check=True, timeout=60)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib"))
    return Installed(folder / "bin", packages)
