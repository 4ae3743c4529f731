"""What stands for each image of the compose file: our packages, Debian's nginx and Redis, the embedded PostgreSQL."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path

from msgspec import Struct, field

from benchmarks.machines.compose import Service
from deployments.stack.home import Home
from deployments.stack.postgres import EmbeddedPostgres, let_through, make_reachable, make_readable

CONTAINERFILE = Path(__file__).parents[2] / "Containerfile"
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
OURS = str(Path(sys.executable).parent)
"""Where the image has `/opt/sourcecheck/bin`."""
SCRIPTS = "/docker-entrypoint-initdb.d/"
"""What PostgreSQL's image runs when its data is made."""


class Program(Struct, kw_only=True):
    """A service as a process."""

    command: list[str]
    environ: dict[str, str]
    folder: Path
    """Where it runs, and keeps what a volume would keep."""
    mounts: dict[str, str] = field(default_factory=dict)
    """Files that lie elsewhere for it."""


def program_of(service: Service, folder: Path) -> Program:
    """What to run for a service; makes what its image makes at the first start. `folder` is its own."""
    folder.mkdir(exist_ok=True)
    return IMAGES[service.image.partition(":")[0]](service, folder)


def _ours(service: Service, folder: Path) -> Program:
    environ = image_environ(CONTAINERFILE.read_text()) | service.environment
    environ |= {"PATH": f"{OURS}:{SYSTEM_PATH}", "SOURCECHECK_HOME": str(folder / "state"), "HOME": str(folder)}
    return Program(command=list(service.command), environ=environ, folder=folder, mounts=service.mounts)


def _nginx(service: Service, folder: Path) -> Program:
    options = f"daemon off; pid {folder}/nginx.pid; error_log stderr warn;"
    environ = {"PATH": SYSTEM_PATH}
    return Program(command=["nginx", "-g", options], environ=environ, folder=folder, mounts=service.mounts)


def _redis(service: Service, folder: Path) -> Program:
    command = [*service.command, "--protected-mode", "no"]  # as the image has it
    return Program(command=command, environ={"PATH": SYSTEM_PATH, **service.environment}, folder=folder)


def _postgres(service: Service, folder: Path) -> Program:
    server = EmbeddedPostgres(Home(folder))
    binaries = Path(server.command()[0]).parent
    environ = {"PATH": f"{binaries}:{SYSTEM_PATH}", "PGHOST": str(folder), "PGDATA": str(folder / "data")}
    environ |= service.environment
    become: list[str] = []
    if account := server.account:
        let_through(account, folder)
        make_reachable(account, [binaries / "postgres", folder])
        make_readable(binaries.parent)
        os.chown(folder, account.pw_uid, account.pw_gid)
        become = ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups", "--"]
    command = [*become, *service.command, "-c", f"unix_socket_directories={folder}"]
    if not (folder / "data").exists():
        _make_data(service, folder, become, environ)
    return Program(command=[*command, "-c", "listen_addresses=*"], environ=environ, folder=folder)


def _make_data(service: Service, folder: Path, become: list[str], environ: Mapping[str, str]) -> None:
    """What the image does first: a superuser of this name, its database, the scripts, and passwords from outside."""

    def run(*command: str, text: str | None = None) -> None:
        done = subprocess.run(
            [*become, *command], env=dict(environ), cwd=folder, input=text, text=True, check=False, capture_output=True
        )
        if done.returncode:
            raise OSError(f"{command[0]}: {done.stdout}{done.stderr}")

    given = service.environment
    user, database = given["POSTGRES_USER"], given["POSTGRES_DB"]
    run("initdb", "-U", user, "--auth=trust", "-E", "UTF8", "--locale=C", "--no-instructions", "--no-sync")
    with (folder / "data" / "pg_hba.conf").open("a") as rules:
        rules.write("host all all all scram-sha-256\n")
    options = f"-c listen_addresses='' -c unix_socket_directories={folder}"
    run("pg_ctl", "start", "--wait", "--silent", "--log", str(folder / "first.log"), "-o", options)
    try:
        psql = ("psql", "-v", "ON_ERROR_STOP=1", "--no-psqlrc", "-q", "-U", user)
        password = given["POSTGRES_PASSWORD"]
        run(*psql, "-d", "postgres", text=f"CREATE DATABASE {database}; ALTER ROLE {user} PASSWORD '{password}';")
        for target, source in sorted(service.mounts.items()):
            if target.startswith(SCRIPTS):
                run(*psql, "-d", database, text=Path(source).read_text())
    finally:
        run("pg_ctl", "stop", "--wait", "--silent", "--mode", "fast")


IMAGES: Mapping[str, Callable[[Service, Path], Program]] = {
    "sourcecheck": _ours,
    "nginx": _nginx,
    "redis": _redis,
    "postgres": _postgres,
}


def image_environ(containerfile: str) -> dict[str, str]:
    """What the last stage of a Containerfile sets."""
    last = containerfile.replace("\\\n", " ").rpartition("\nFROM ")[2]
    lines = [line.removeprefix("ENV ") for line in last.splitlines() if line.startswith("ENV ")]
    return {name: value for line in lines for name, value in re.findall(r"(\w+)=(\S+)", line)}


def missing() -> list[str]:
    """Debian packages and extras that have to be installed first."""
    programs = {"redis-server": "redis-server", "nginx": "nginx-light", "ip": "iproute2", "nsenter": "util-linux"}
    found = [package for name, package in programs.items() if not shutil.which(name, path=SYSTEM_PATH)]
    return found + ([] if find_spec("prefect_redis") else ["prefect-redis (pip install '.[scale]')"])
