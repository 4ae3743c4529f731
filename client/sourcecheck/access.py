"""Which service, and with which key: what the call says, else the environment, else what `sourcecheck login` kept."""

import os
from collections.abc import Mapping
from pathlib import Path

import httpx
import msgspec
from msgspec import Struct

from sourcecheck.errors import SourcecheckError

DEFAULT_URL = "http://127.0.0.1:8000"
URL_VARIABLE = "SOURCECHECK_URL"
KEY_VARIABLE = "SOURCECHECK_API_KEY"


class Access(Struct, frozen=True):
    """The address of a service and an API key."""

    url: str = DEFAULT_URL
    api_key: str | None = None

    def __repr__(self) -> str:
        return f"Access(url={self.url!r}, api_key={'***' if self.api_key else None})"


def login_file(environ: Mapping[str, str] = os.environ) -> Path:
    """Where `sourcecheck login` keeps address and key: below `XDG_CONFIG_HOME`, else below `~/.config`."""
    root = environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(root) / "sourcecheck" / "login.json"


def find_access(url: str | None = None, api_key: str | None = None, environ: Mapping[str, str] = os.environ) -> Access:
    """The address and the key to use. Raises `SourcecheckError` for a login file or an address that cannot be read.

    A kept key is used for the address that it was kept with, and for no other.
    """
    kept = read_login(login_file(environ))
    found = url or environ.get(URL_VARIABLE) or (kept.url if kept else DEFAULT_URL)
    key = api_key or environ.get(KEY_VARIABLE)
    if key is None and kept and kept.url.rstrip("/") == found.rstrip("/"):
        key = kept.api_key
    return Access(_checked(found.strip()).rstrip("/"), key)


def _checked(url: str) -> str:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise SourcecheckError(f"{url!r} is not the address of a service: {error}") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise SourcecheckError(f"{url!r} is not the address of a service: it starts with http:// or https://")
    return url


def read_login(path: Path) -> Access | None:
    """What was kept, or None. Raises `SourcecheckError` for a file that is not ours."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Access)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise SourcecheckError(f"{path} cannot be read as a login: {error}") from error


def keep_login(path: Path, access: Access) -> None:
    """Keep address and key, readable for this user only."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(msgspec.json.encode(access))
    temporary.replace(path)


def forget_login(path: Path) -> bool:
    """Remove what was kept; whether there was anything."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True
