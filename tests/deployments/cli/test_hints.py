"""What the command line tells the user about going on."""

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from sourcecheck import Job, JobStatus, Result, Source, Step
from sourcecheck.cli.results import SourceResult

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


@pytest.mark.parametrize(("broken", "good"), [("failed", True), ("done", False)])
def test_the_verdict_of_the_demo(broken: str, good: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of its sources is broken on purpose; only when that one fails, and no other, all is as it should be."""
    shown = io.StringIO()
    monkeypatch.setattr(up, "console", Console(file=shown, width=200))
    monkeypatch.setattr(demo, "console", up.console)
    words = dict(zip(demo.EXPECTED, ("done", "done", broken), strict=True))
    details = {"tables": [{"schema": "crm", "name": "customer", "kind": "table", "columns": 3}]}
    step = Step("schema_download", JobStatus.done, Result("OK", "Discovered 1 table", "success", details=details))
    tested = [
        SourceResult(Source(number, name, "pg"), Job(number, JobStatus(word), [step]))
        for number, (name, word) in enumerate(words.items())
    ]
    assert demo.show(tested) is good
    assert "crm.customer: table, 3 columns" in shown.getvalue()


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
