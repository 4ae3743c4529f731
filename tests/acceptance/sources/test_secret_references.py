"""Secrets from outside: the worker reads them at each test, as far as the operator allows."""

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx

from deployments.stack.credential import CLIENT
from tests.acceptance.kit import absent, ask, ended, options, register, results, unique
from tests.fixtures.servers.database import PASSWORD, Server
from tests.fixtures.service import KEY, Service
from tests.wire.answers import valid


def test_a_secret_that_lies_elsewhere(service: Service, admin: httpx.Client, embedded: Server) -> None:
    """A file is rotated between two tests; a variable, a block; and what the operator does not allow is not read."""
    folder = service.home.parent / "secrets"
    folder.mkdir(exist_ok=True)
    rotated, forbidden = folder / "rotated", folder.parent / "forbidden"
    rotated.write_text("of yesterday")
    forbidden.write_text(PASSWORD)
    made_block(service, "source-password")
    references = {
        "file": f"file:{rotated}",
        "variable": "env:SOURCE_PASSWORD",
        "block": "prefect-block:secret/source-password",
        "other file": f"file:{forbidden}",
        "our own": "env:SOURCECHECK_SECRET_KEYS",
        "elsewhere": "env:SOURCE_PASSWORD",
    }
    changes = {"elsewhere": {"host": "localhost"}}
    sources = {
        name: register(admin, unique(name), options(embedded, password=text) | changes.get(name, {}))
        for name, text in references.items()
    }
    shown = valid(admin.get(f"/api/v1/data_sources/{sources['file']}"), "DataSource")
    assert (shown["options"]["password"], shown["secret_references"]) == (
        None,
        {"options.password": references["file"]},
    )
    jobs = {name: ask(admin, source, on_question="fail") for name, source in sources.items()}
    codes = {}
    for name, job in jobs.items():
        answer = ended(admin, job)
        absent([PASSWORD, "of yesterday"], str(answer))
        codes[name] = results(answer)["connection"]["error_code"]
    assert codes == {
        "file": "AUTHENTICATION_FAILED",
        "variable": None,
        "block": None,
        "other file": "SECRET_UNAVAILABLE",
        "our own": "SECRET_UNAVAILABLE",
        "elsewhere": "SECRET_UNAVAILABLE",
    }
    rotated.write_text(PASSWORD + "\n")
    assert ended(admin, ask(admin, sources["file"]))["status"] == "done"
    assert PASSWORD.encode() not in stored(service)


def test_what_the_command_line_reads(service: Service, admin: httpx.Client, embedded: Server, tmp_path: Path) -> None:
    """A block fills a placeholder of a file; our own block becomes a source; so does what this very API lists."""
    name = unique("Block")
    script = (
        "from sourcecheck.prefect import DataSource\n"
        f"DataSource(type='pg', options={options(embedded)!r}, temp_schema='postgres.scratch').save('own-source', overwrite=True)\n"
        "from prefect.blocks.system import Secret\n"
        f"Secret(value={PASSWORD!r}).save('command-line', overwrite=True)\n"
    )
    environ = {n: v for n, v in os.environ.items() if not n.startswith(("SOURCECHECK_", "PREFECT_"))}
    environ |= {
        "PREFECT_API_URL": service.prefect,
        CLIENT: service.credential,
        "SOURCECHECK_URL": service.api,
        "SOURCECHECK_API_KEY": KEY,
        "DATAFOLD_API_KEY": KEY,
    }

    def run(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, *words], env=environ, capture_output=True, text=True, timeout=90, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        absent([PASSWORD], done.stdout + done.stderr)
        return done.stdout

    run("-c", script)
    assert "+ own-source (pg)" in run(
        "-m", "sourcecheck.cli", "import", "prefect", "own-source", "--apply", "--dry-run"
    )
    facts = options(embedded, password="${prefect-block:secret/command-line}")
    (tmp_path / "sources.yaml").write_text(json.dumps({"sources": [{"name": name, "type": "pg", "options": facts}]}))
    run("-m", "sourcecheck.cli", "apply", str(tmp_path / "sources.yaml"))
    assert "done" in run("-m", "sourcecheck.cli", "test", name)
    run("-m", "sourcecheck.cli", "import", "datafold", service.api, "--out", str(tmp_path / "all.yaml"))
    assert f"name: {name}" in (tmp_path / "all.yaml").read_text()


def made_block(service: Service, name: str) -> None:
    """A Secret of Prefect with the password."""
    api = service.prefect_api
    kind = api.get("/block_types/slug/secret").raise_for_status().json()["id"]
    schema = api.post("/block_schemas/filter", json={"block_schemas": {"block_type_id": {"any_": [kind]}}}).json()[0]
    document = {"name": name, "data": {"value": PASSWORD}, "block_type_id": kind, "block_schema_id": schema["id"]}
    api.post("/block_documents/", json=document).raise_for_status()


def stored(service: Service) -> bytes:
    """The logs of the stack, which say much."""
    return b"".join(file.read_bytes() for file in Path(service.home / "logs").glob("*.log"))
