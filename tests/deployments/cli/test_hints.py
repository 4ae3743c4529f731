"""What the command line tells the user about going on."""

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from datasources.model.settings import Settings
from deployments.cli import demo, hints, up
from deployments.cli.main import main
from deployments.stack.credential import PrefectAuth
from deployments.stack.home import Home
from deployments.stack.start import Addresses, Stack


def stack(home: Path, **settings: Any) -> Stack:
    """A stack with these settings that nobody has started."""
    addresses = Addresses(api="http://127.0.0.1:8000", docs="", prefect_ui="", key="the-key-itself")
    return Stack(Home(home), Settings(**settings), addresses, None, PrefectAuth("", None))


def test_the_program_is_named_as_the_shell_finds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its name where PATH leads to this installation, by a path from the current folder otherwise."""
    folder = tmp_path / ".venv" / "bin"
    folder.mkdir(parents=True)
    (folder / "sourcecheck").touch(mode=0o755)
    monkeypatch.setattr("sys.executable", str(folder / "python"))
    monkeypatch.setenv("PATH", "/usr/bin")
    monkeypatch.chdir(tmp_path)
    assert hints.program() == ".venv/bin/sourcecheck"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert hints.program() == str(folder / "sourcecheck")
    monkeypatch.setenv("PATH", str(folder))
    assert hints.program() == "sourcecheck"
    (folder / "sourcecheck").unlink()
    assert hints.program().endswith("python -m deployments.cli")


def test_the_first_request_shows_no_key(tmp_path: Path) -> None:
    """It reads the key from where it is kept."""
    lines = "\n".join(hints.first_request(stack(tmp_path)))
    assert f"$(cat {tmp_path}/secrets/api_key)" in lines
    assert "http://127.0.0.1:8000/api/v1/data_sources" in lines
    given = "\n".join(hints.first_request(stack(tmp_path, bootstrap_key="a-key-of-the-users-own")))
    assert "$SOURCECHECK_BOOTSTRAP_KEY" in given
    assert "the-key-itself" not in lines + given
    assert "users-own" not in given


@pytest.mark.parametrize("status", ["done", "failed"])
def test_the_demo_ends_without_an_address(status: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stack stops with the demo, so no address would answer; it says how to start a stack that stays."""
    shown = io.StringIO()
    monkeypatch.setattr(up, "console", Console(file=shown, width=200))
    monkeypatch.setattr(demo, "console", up.console)
    table = {"schema": "crm", "name": "customer", "kind": "table", "columns": 3}
    result = {"message": "Discovered 1 table", "details": {"tables": [table]}}
    steps = [{"step": "schema_download", "status": "done", "result": result}]
    demo._show({"status": status, "reason": "why", "version": "PostgreSQL 18.6", "results": steps, "flow_run_id": "x"})
    assert "http" not in shown.getvalue()
    assert " up`" in shown.getvalue()


@pytest.mark.parametrize(
    "command", [["key", "list"], ["migrate"], ["secrets", "rotate"], ["automations", "slack", "x"]]
)
def test_a_command_in_the_wrong_folder_names_the_home(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a local stack in the current folder and without settings, it says where it looked."""
    monkeypatch.chdir(tmp_path)
    for name in ("SOURCECHECK_HOME", "SOURCECHECK_DATABASE_URL", "SOURCECHECK_SECRET_KEYS", "PREFECT_API_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SystemExit) as ended:
        main(command)
    assert ended.value.code == 2
    assert f"{tmp_path}/.sourcecheck (SOURCECHECK_HOME) holds no local stack" in capsys.readouterr().err
