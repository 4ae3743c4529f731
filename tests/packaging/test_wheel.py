"""The wheel works outside the checkout, and no other package takes the place of one of ours unnoticed."""

import shutil
import signal
import subprocess
import sys
import time
import zipfile
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest

from sourcecheck_service import PACKAGES, misplaced
from tests.fixtures.processes import kept
from tests.fixtures.servers.database import free_port
from tests.fixtures.wheel import ROOT, Installed, plain_environ


def test_the_wheel_carries_every_file_that_is_needed(wheel: Path) -> None:
    """Modules, migrations, types, and the project's files as they are in the checkout."""
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
        for name in ("prefect.yaml", "constraints.txt"):
            assert archive.read(f"deployments/{name}") == (ROOT / name).read_bytes()
    tracked = {str(path.relative_to(ROOT)) for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    assert {name for name in inside if name.endswith(".py")} == tracked | {"sourcecheck_service.py"}
    assert {f"{package}/py.typed" for package in PACKAGES} <= inside
    assert "datasources/catalogue/migrations/script.py.mako" in inside
    pages = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "api/pages").rglob("*.*")
        if path.suffix in (".html", ".css", ".js", ".svg")
    }
    assert pages
    assert pages <= inside
    monitoring = {f"deployments/monitoring/{file.name}" for file in (ROOT / "deployments/monitoring").iterdir()}
    assert len(monitoring & inside) == 3
    assert not [name for name in inside if name.startswith(("tests", "benchmarks", "conftest", "setup"))]


def test_it_says_its_version_outside_the_checkout(installed: Installed, tmp_path: Path) -> None:
    """The version is the wheel's, and the modules are the installed ones."""
    assert installed.run("--version", cwd=tmp_path).stdout == "sourcecheck 0.1.0, sourcecheck-client 0.1.0\n"
    where = outside([str(installed.bin / "python"), "-c", "import deployments; print(deployments.__file__)"], tmp_path)
    assert Path(where.stdout.strip()) == installed.packages / "deployments" / "__init__.py"


def test_bash_completes_commands_and_options(installed: Installed, tmp_path: Path) -> None:
    """The script that `sourcecheck completion bash` prints: the service's commands are among the answers."""
    script = """
        eval "$(sourcecheck completion bash)"
        COMP_LINE=$1 COMP_POINT=${#1} COMP_TYPE=9 COMP_WORDS=($1) COMP_CWORD=1
        _python_argcomplete sourcecheck "" sourcecheck
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    environ = plain_environ({"PATH": f"{installed.bin}:/usr/bin:/bin"})
    for line, word in (
        ("sourcecheck doc", "doctor"),
        ("sourcecheck tes", "test"),
        ("sourcecheck test --jun", "--junit"),
    ):
        done = subprocess.run(
            ["bash", "-c", script, "bash", line],
            check=False,
            cwd=tmp_path,
            env=environ,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.stdout.split() == [word], done.stderr


@pytest.mark.parametrize("name", PACKAGES)
@pytest.mark.parametrize("kind", ["package", "module"])
def test_a_package_in_front_of_ours_is_named(installed: Installed, tmp_path: Path, name: str, kind: str) -> None:
    """A folder in PYTHONPATH that has a package or module of the same name: one sentence, exit code 2."""
    if kind == "package":
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
    else:
        (tmp_path / f"{name}.py").touch()
    done = installed.run("--version", cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"sourcecheck: Python finds the package {name!r} at {tmp_path / name}")
    assert len(done.stderr.splitlines()) == 1


def test_the_users_own_folders_do_no_harm(installed: Installed, tmp_path: Path) -> None:
    """The command does not search the folder it is started in, and a folder without a module hides nothing of ours."""
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "__init__.py").write_text("raise RuntimeError('not yours')")
    assert installed.run("--version", cwd=tmp_path).returncode == 0
    (tmp_path / "tasks" / "__init__.py").unlink()
    assert installed.run("--version", cwd=tmp_path, PYTHONPATH=str(tmp_path)).returncode == 0


def test_python_m_in_a_folder_with_such_a_package_names_it(installed: Installed, tmp_path: Path) -> None:
    """`python -m` does search the folder it is started in; with -P it does not."""
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "__init__.py").touch()
    for options, code in (([], 2), (["-P"], 0)):
        for module in ("sourcecheck_service", "deployments.cli"):
            command = [str(installed.bin / "python"), *options, "-m", module, "--version"]
            done = outside(command, tmp_path)
            assert done.returncode == code, done.stderr
            assert ("'tasks'" in done.stderr) == (code == 2)


@pytest.mark.parametrize("damage", ["overwritten", "removed"])
def test_another_distribution_over_ours_is_named(wheel: Path, tmp_path: Path, damage: str) -> None:
    """Two distributions with a package of the same name share one folder: the later one's file is not ours."""
    zipfile.ZipFile(wheel).extractall(tmp_path)
    file = tmp_path / "tasks" / "__init__.py"
    file.write_text("") if damage == "overwritten" else shutil.rmtree(file.parent)
    script = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import sourcecheck_service; sourcecheck_service.main()"
    )
    done = outside([sys.executable, "-I", "-S", "-c", script], tmp_path)
    assert done.returncode == 2
    said = "is not the file that sourcecheck installed" if damage == "overwritten" else "is missing from"
    assert said in done.stderr
    assert "tasks" in done.stderr


def test_a_folder_that_python_takes_for_a_package_is_named(tmp_path: Path) -> None:
    """A folder without `__init__.py` comes first where ours is found by the hook of an editable install."""
    namespace = ModuleSpec("api", None, is_package=True)
    namespace.submodule_search_locations = [str(tmp_path / "api")]
    problem = misplaced(ROOT, lambda name: namespace if name == "api" else find_spec(name))
    assert str(tmp_path / "api") in str(problem)
    assert "is missing from" in str(misplaced(ROOT, lambda _: None))
    assert misplaced(ROOT, find_spec) is None


def test_the_demo_passes_and_up_serves_from_another_folder(installed: Installed, tmp_path: Path) -> None:
    """A user's folder, with a package of their own named like one of ours; the wheel brings everything else."""
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "__init__.py").write_text("raise RuntimeError('not yours')")
    ports = {"SOURCECHECK_API_PORT": str(free_port()), "SOURCECHECK_PREFECT_PORT": str(free_port())}
    demo = installed.run("demo", cwd=tmp_path, **ports)
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert "2 of 3 sources passed" in demo.stdout
    assert (tmp_path / ".sourcecheck" / "logs" / "worker.log").exists()

    environ = plain_environ(ports)
    command = [str(installed.bin / "sourcecheck"), "up"]
    with (
        (tmp_path / "up.log").open("wb") as log,
        kept(command, signal.SIGTERM, cwd=tmp_path, env=environ, stdout=log, stderr=log) as process,
    ):
        ready = f"http://127.0.0.1:{ports['SOURCECHECK_API_PORT']}/health/ready"
        until = time.monotonic() + 120
        while not _answers(ready):
            assert process.poll() is None, (tmp_path / "up.log").read_text()
            assert time.monotonic() < until, (tmp_path / "up.log").read_text()
            time.sleep(0.2)


def outside(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a program in a folder, with nothing in the environment that leads to this checkout."""
    return subprocess.run(
        command, check=False, cwd=folder, env=plain_environ({}), capture_output=True, text=True, timeout=60
    )


def _answers(address: str) -> bool:
    try:
        return httpx.get(address, timeout=10).status_code == 200
    except httpx.HTTPError:
        return False
