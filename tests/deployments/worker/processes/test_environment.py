"""What a run's process inherits: no key, no address of a database, no credential (security row 15)."""

import io
import json
import subprocess
import sys

from cryptography.fernet import Fernet

from deployments.worker.processes.environment import hand_over, handed_over, inherited

KEY = Fernet.generate_key().decode()
SECRETS = {
    "SOURCECHECK_SECRET_KEYS": KEY,
    "SOURCECHECK_DATABASE_URL": "postgresql://u:p@h/d",
    "PREFECT_API_AUTH_STRING": "admin:secretpw",
    "PREFECT_API_KEY": "pnu_1",
    "PREFECT_API_URL": "http://u:p@h/api",
    "PREFECT_CLIENT_CUSTOM_HEADERS": "{}",
    "SOURCECHECK_ALLOW_PRIVATE_NETWORKS": "true",
}
OTHERS = {
    "SOURCECHECK_BOOTSTRAP_KEY": "first",
    "SOURCECHECK_PREFECT_DATABASE_URL": "postgresql://u:p@h/prefect",
    "PREFECT_SERVER_API_AUTH_STRING": "admin:secretpw",
    "PREFECT_SERVER_DATABASE_CONNECTION_URL": "postgresql+asyncpg://u:p@h/prefect",
    "PREFECT_API_DATABASE_CONNECTION_URL": "postgresql+asyncpg://u:p@h/prefect",
    "AWS_SECRET_ACCESS_KEY": "a",
    "GITHUB_TOKEN": "g",
    "PGPASSWORD": "p",
}
NEEDED = {
    "PATH": "/bin",
    "LC_ALL": "C",
    "HTTPS_PROXY": "http://proxy",
    "PREFECT_LOGGING_LEVEL": "INFO",
    "PYTHONPATH": "/x",
}
PROGRAM = """
import json, os, subprocess, sys
from deployments.worker.processes.environment import told
from datasources.model.settings import Settings
with told(sys.stdin.buffer):
    seen = os.environ["PREFECT_API_AUTH_STRING"]
child = subprocess.run([sys.executable, "-c", "import json, os; print(json.dumps(list(os.environ)))"], stdout=-1)
settings = Settings.load()
print(json.dumps([seen, settings.secret_keys, settings.allow_private_networks, json.loads(child.stdout)]))
"""


def test_what_is_inherited_and_what_is_told() -> None:
    """Secrets are told, the way is inherited, and what no run needs is neither."""
    environ = SECRETS | OTHERS | NEEDED
    assert inherited(environ) == NEEDED
    assert handed_over(environ) == SECRETS


def test_what_a_run_s_process_starts_has_none_of_it() -> None:
    """The settings are kept in memory, with the worker's rules of addresses; a program started there sees no secret."""
    pipe = io.BytesIO()
    pipe.close = lambda: None  # type: ignore[method-assign]
    hand_over(pipe, SECRETS)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=pipe.getvalue(),
        capture_output=True,
        check=True,
        env={"PATH": "/bin", "SOURCECHECK_ALLOW_PRIVATE_NETWORKS": "false"},
    )
    told, keys, private, inherited_by_child = json.loads(done.stdout)
    assert (told, keys, private) == ("admin:secretpw", KEY, True)
    assert SECRETS.keys() & set(inherited_by_child) == set()
