"""The lines of docs/cli.md, run by a shell as they are printed there, on the running stack."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.kit import options
from tests.fixtures.servers.database import Server
from tests.fixtures.service import KEY, Service

ROOT = Path(__file__).parents[3]
LINES = [
    line
    for block in re.findall(r"^```sh\n(.*?)^```", (ROOT / "docs/cli.md").read_text(), re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]
FILES = dict(re.findall(r"^```yaml\n# (\S+)\n(.*?)^```", (ROOT / "docs/cli.md").read_text(), re.MULTILINE | re.DOTALL))
"""By their names, those that the page shows."""
PROGRAM = Path(sys.executable).with_name("sourcecheck")


def adapted(line: str, service: Service, server: Server) -> str:
    """The line with the address of this stack and the reader's own database, which the page calls `shop`."""
    facts = options(server)
    login = f"{facts['user']}:{facts['password']}@127.0.0.1:{facts['port']}/{facts['dbname']}"
    own = " ".join(f"{name}={facts[name]}" for name in ("host", "port", "user", "password", "dbname"))
    line = line.replace("SHOP_PASSWORD=secret", f"SHOP_PASSWORD={facts['password']}")
    declared = 'host: 127.0.0.1, port: {port}, user: {user}, password: "${{SHOP_PASSWORD}}", dbname: {dbname}'
    line = line.replace(declared.format(port=5432, user="me", dbname="shop"), declared.format(**facts))
    asked = " ".join(f"{name}={facts[name]}" for name in ("host", "port", "user", "dbname"))
    line = line.replace("host=127.0.0.1 port=5432 user=me dbname=shop", asked)
    line = line.replace("echo secret |", f"echo {facts['password']} |")
    line = line.replace("me:secret@127.0.0.1:5432/shop", login).replace("http://127.0.0.1:8000", service.api)
    return line.replace("host=127.0.0.1 port=5432 user=me password=secret dbname=shop", own)


def numbered(line: str, said: str, service: Service) -> str:
    """The line with the id of the test that was shown last, or of the key that is there."""
    jobs = re.findall(r"job (\d+)", said)
    line = re.sub(r"\b(confirm|authenticate|cancel) 12\b", lambda found: f"{found[1]} {jobs[-1] if jobs else 12}", line)
    if found := re.search(r"(keys|host-keys) revoke 3", line):
        with service.client() as client:
            path = "api_keys" if found[1] == "keys" else "ssh_host_keys"
            keys = client.get(f"/api/v1/{path}").json()
        (key,) = [k["id"] for k in keys if k.get("name") == "nightly" or k.get("host") == "gateway.example"][-1:]
        line = line.replace("revoke 3", f"revoke {key}")
    return line


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder in which `make up` would have written its key."""
    (tmp_path / ".sourcecheck/secrets").mkdir(parents=True)
    (tmp_path / ".sourcecheck/secrets/api_key").write_text(KEY)
    return tmp_path


@pytest.mark.timeout(900)  # forty programs, one after the other: on a busy machine each takes seconds
def test_the_page(home: Path, service: Service, embedded: Server) -> None:
    """Every line, in its order: each ends with 0, and none shows the password."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("SOURCECHECK_")}
    environ |= {"BROWSER": "true", "XDG_CONFIG_HOME": str(home), "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}"}
    for name, text in FILES.items():
        (home / name).write_text(adapted(text, service, embedded))
    said = ""
    for line in LINES:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", numbered(adapted(line, service, embedded), said, service)],
            check=False,
            cwd=home,
            env=environ,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
        said += done.stdout + done.stderr
    assert "Registered Orders" in said
    assert "Plan: 1 to add" in said
    assert "\n1 added" in said
    assert said.count("Discovered") >= 4
    assert said.count("exit code 4") == 3
    assert "exit code 1" in said
    assert "is cancelled" in said
    assert f"{service.api}/sources/" in said
    assert said.count("Revoked API key") + said.count("no longer trusted") == 2
    assert "name: Warehouse" in (home / "all.yaml").read_text()
    assert options(embedded)["password"] not in said
    assert "<testsuite" in (home / "report.xml").read_text()
    assert not (home / "sourcecheck" / "login.json").exists()
