"""`sourcecheck try` gives the verdicts of a service without one."""

import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sourcecheck.cli import main

from sourcecheck_service import add_commands
from tests.fixtures.servers.database import Server


@pytest.fixture(autouse=True)
def on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The service's commands are there, and what the command allows itself is taken back after the test."""
    monkeypatch.setattr(main, "installed_plugins", lambda: [add_commands])
    monkeypatch.setenv("SOURCECHECK_ALLOW_PRIVATE_NETWORKS", "true")
    monkeypatch.setenv("SOURCECHECK_FILE_ROOT", "/")


def attempt(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    """The exit code, and the job as JSON."""
    code = main.run(["try", *words, "--json"])
    return code, json.loads(capsys.readouterr().out)


def url(server: Server, **changes: Any) -> str:
    """The server's address with its login."""
    options = server.source(**changes).options
    return f"postgresql://{options.user}:{options.password or ''}@127.0.0.1:{options.port}/{options.dbname}"


def test_a_good_database_passes(embedded: Server, capsys: pytest.CaptureFixture[str]) -> None:
    """All four steps, the version and the query."""
    code, job = attempt(capsys, url(embedded), "--query", "SELECT 1")
    assert code == 0, job
    assert job["status"] == "done"
    assert [step["step"] for step in job["results"]] == [
        "connection",
        "temp_schema",
        "schema_download",
        "lineage_download",
    ]
    assert {step["step"]: step["result"]["outcome"] for step in job["checks"]} == {
        "version_probe": "success",
        "test_query": "success",
    }
    assert job["version"].startswith("PostgreSQL")


def test_a_wrong_password_fails(embedded: Server, capsys: pytest.CaptureFixture[str]) -> None:
    """With the sentence, the code and the advice of a service's test; what depends on the connection is skipped."""
    code, job = attempt(capsys, url(embedded, password="not-the-right-one"))
    assert (code, job["status"]) == (1, "failed")
    first, *others = job["results"]
    assert first["result"]["error_code"] == "AUTHENTICATION_FAILED"
    assert first["result"]["remediation"]
    assert {step["result"]["code"] for step in others} == {"SKIP"}
    assert "not-the-right-one" not in json.dumps(job)


def test_a_file_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By its absolute path and by one from the current folder."""
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute("CREATE TABLE customer (id INTEGER)")
    connection.close()
    code, job = attempt(capsys, f"sqlite:///{tmp_path}/shop.db")
    assert code == 0, job
    assert attempt(capsys, f"sqlite:///{tmp_path}/none.db")[0] == 1


def test_a_wrong_url_is_a_wrong_call(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, one sentence, no secret in it."""
    assert main.run(["try", "postgresql://me:hidden@h/d?sslmod=x"]) == 2
    said = capsys.readouterr().err
    assert "unknown parameter 'sslmod'" in said
    assert "hidden" not in said


def test_a_wrong_setting_is_a_wrong_call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """It is named before anything is tested."""
    monkeypatch.setenv("SOURCECHECK_ALLOW_PRIVATE_NETWORKS", "perhaps")
    assert main.run(["try", "sqlite:///shop.db"]) == 2
    assert "SOURCECHECK_ALLOW_PRIVATE_NETWORKS" in capsys.readouterr().err


def test_prefect_is_not_even_imported() -> None:
    """Its import alone takes longer than a test."""
    script = (
        "import sys; import tasks.direct, tasks.sequence, deployments.cli.try_source; "
        "sys.exit(any(name.partition('.')[0] in ('prefect', 'sqlalchemy', 'litestar') for name in sys.modules))"
    )
    environ = {"PYTHONPATH": str(Path(main.__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True, env=environ)
    assert done.returncode == 0, done.stderr
