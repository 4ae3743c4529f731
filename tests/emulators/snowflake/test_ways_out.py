"""Where the connector goes, as the system sees it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.emulators.snowflake.conftest import Snow
from tests.fixtures.servers.database import PASSWORD
from tests.fixtures.skips import absent, refused

PLACE = re.compile(r'sin6?_port=htons\((\d+)\).*?(?:inet_addr\(|inet_pton\(AF_INET6, )"([^"]+)"')
SENDS = "trace=connect,sendto,sendmsg,sendmmsg"
"""Connections, and packets that have an address: questions to a server of names as well."""
AMAZON = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "none", "AWS_REGION": "eu-central-1"}
"""With credentials, the connector would ask Amazon's token service whose they are."""


def test_the_connector_goes_nowhere_but_to_our_proxy(snow: Snow, tmp_path: Path) -> None:
    """No metadata service of a cloud, no collector of traces, no server of names is asked (security row 1)."""
    strace = shutil.which("strace")
    if strace is None:
        absent("no strace: apt install strace")
    trace = tmp_path / "trace"
    command = [sys.executable, "-m", "tests.emulators.snowflake.own_connect", str(snow.port), PASSWORD]
    environ = {**os.environ, **AMAZON, "SOURCECHECK_ALLOW_PRIVATE_NETWORKS": "true", "PYTHONPATH": str(Path.cwd())}
    ran = subprocess.run(
        [strace, "-f", "-qq", "-e", SENDS, "-o", str(trace), *command],
        env={name: value for name, value in environ.items() if not name.startswith("SNOWFLAKE")},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    if "ptrace" in ran.stderr:
        refused("tracing a process")
    assert ran.stdout == "42", ran.stderr
    places = {(host, int(port)) for port, host in PLACE.findall(trace.read_text())}
    ours = {place for place in places if place != ("127.0.0.1", snow.port)}
    assert {host for host, _ in places} == {"127.0.0.1"}
    assert len(ours) == 1, ours  # our proxy, at a port of its own
