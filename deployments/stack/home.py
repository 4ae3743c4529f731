"""The folder below which all state lies: secrets, logs, the embedded server's data, what is remembered."""

import fcntl
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import msgspec
from msgspec import Struct

from datasources.model.errors import SourcecheckError


class StackError(SourcecheckError):
    """The local stack cannot start or go on; the message says why and what to do."""


class Home(Struct, frozen=True):
    """`SOURCECHECK_HOME`. No other user can read it."""

    path: Path

    @property
    def logs(self) -> Path:
        """One file for each child."""
        return self.path / "logs"

    @property
    def postgres(self) -> Path:
        """The embedded server's data."""
        return self.path / "postgres"

    @property
    def prefect(self) -> Path:
        """Prefect's own home, so that no profile of the user's is read or changed."""
        return self.path / "prefect"

    def make(self) -> None:
        """Make the folders, and close the home to other users. Raises `StackError`."""
        try:
            for folder in (self.path, self.logs, self.prefect, self.path / "secrets"):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            close_to_others(self.path)
        except OSError as error:
            raise StackError(f"SOURCECHECK_HOME: {self.path} cannot be used: {error.strerror}") from error

    def secret_file(self, name: str) -> Path:
        """Where a secret is kept."""
        return self.path / "secrets" / name

    def secret(self, name: str, make: Callable[[], str] = lambda: secrets.token_urlsafe(24)) -> str:
        """A secret that is made the first time it is asked for, and kept where only we can read it."""
        file = self.secret_file(name)
        if not file.exists():
            _write_private(file, make())
        return file.read_text().strip()

    def remembered(self, name: str) -> Any:
        """What `remember` was given; None when nothing was, or what is there cannot be read."""
        try:
            return msgspec.json.decode((self.path / f"{name}.json").read_bytes())
        except (OSError, msgspec.DecodeError):
            return None

    def remember(self, name: str, value: Any) -> None:
        """Keep plain data for the next start."""
        _write_private(self.path / f"{name}.json", msgspec.json.encode(value).decode())

    def log_file(self, name: str) -> Path:
        """A child's log."""
        return self.logs / f"{name}.log"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One stack at a time. Raises `StackError` naming the one that is there."""
        with os.fdopen(os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600), "r+") as file:
            os.fchmod(file.fileno(), 0o600)  # a user who may open it could hold it
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                holder = file.read().strip() or "another process"
                raise StackError(
                    f"SOURCECHECK_HOME: {self.path} is in use by {holder}; stop it, or set another home"
                ) from None
            file.seek(0)
            file.truncate()
            file.write(f"process {os.getpid()}")
            file.flush()
            try:
                yield
            finally:
                file.truncate(0)


def close_to_others(folder: Path) -> None:
    """Take every right of other users away, but for a folder that is shared on purpose (one with the sticky bit)."""
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & stat.S_IRWXO and not mode & stat.S_ISVTX:
        folder.chmod(mode & ~stat.S_IRWXO)


def open_log(file: Path) -> IO[bytes]:
    """Open a log to write at its end, each line at once; only we can read it."""
    return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab", buffering=0)


def tail(file: Path, lines: int = 15) -> str:
    """The end of a log, for a message."""
    try:
        with file.open("rb") as log:
            log.seek(max(0, file.stat().st_size - 16384))
            return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""


def _write_private(file: Path, text: str) -> None:
    """Replace a file at once, so that no reader sees half of it; 0600 from the start."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(text)
    draft.replace(file)
