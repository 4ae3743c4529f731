"""What the text of a setting has to look like: rules that need no server, each with one sentence for the operator.

No sentence repeats what was given where that is a secret, or may hold one.
"""

import base64
import re
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_network
from urllib.parse import SplitResult, urlsplit

from datasources.model.inputs.secret_references import rules

LEAST_KEY = 16
"""Characters of an API key that an operator chooses."""
FERNET_BYTES = 32
BANNED_IN_NAMES = "/%&><"
"""In names of work pools (Prefect, `prefect.types.names`)."""

Rule = Callable[[str], str | None]
"""Answers what is wrong with a value; None when it is right."""


def networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """The ranges of a list in CIDR form, separated by commas. Raises `ValueError` naming the one at fault."""
    return tuple(_network(part.strip()) for part in text.split(",") if part.strip())


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text)
    except ValueError:
        pass
    try:
        meant = ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"{text!r} is not a range of addresses in CIDR form, such as 10.1.0.0/16") from None
    raise ValueError(f"{text!r} has bits set beyond its prefix; the range is {meant}")


def _networks(text: str) -> str | None:
    try:
        networks(text)
    except ValueError as error:
        return str(error)
    return None


def _host(text: str) -> str | None:
    if not re.fullmatch(r"[A-Za-z0-9._:%-]+", text):
        return f"{text!r} is not a host name or address; it takes no scheme, port or path"
    return None


def _hosts(text: str) -> str | None:
    for name in (part.strip() for part in text.split(",")):
        if name and not re.fullmatch(r"\*|(\*\.)?[A-Za-z0-9._-]+", name):
            return f"{name!r} is not a host name, `*.` with a host name, or `*`; it takes no scheme, port or path"
    return None


def _database(text: str) -> str | None:
    parts = _split(text)
    if parts is None or not re.fullmatch(r"postgres(ql)?(\+\w+)?", parts.scheme):
        return "it has to be the address of a PostgreSQL database: postgresql://user:password@host:port/name"
    if not parts.path.strip("/"):
        return "the address names no database: postgresql://user:password@host:port/name"
    return None


def _prefect_api(text: str) -> str | None:
    parts = _split(text)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        return "it has to be the address of Prefect's API: http://host:port/api"
    if "/api" not in parts.path:
        return f"{parts.scheme}://{_shown(parts)} is where Prefect's UI is; the address of its API ends with /api"
    return None


def _web(text: str) -> str | None:
    parts = _split(text)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        return "it has to be an address that a browser opens: http://host:port"
    return None


def _split(text: str) -> SplitResult | None:
    """The parts of an address; None when it is none, or its port is no number from 1 to 65535."""
    try:
        parts = urlsplit(text)
        if parts.port == 0:
            return None
    except ValueError:
        return None
    return parts


def _shown(parts: SplitResult) -> str:
    return parts.netloc.rpartition("@")[2]


def bootstrap_key(text: str) -> str | None:
    """A key that the operator chose; those that we make carry 256 bits of entropy."""
    return None if len(text.strip()) >= LEAST_KEY else f"it needs at least {LEAST_KEY} characters"


def _secret_keys(text: str) -> str | None:
    keys = [part.strip() for part in text.split(",") if part.strip()]
    if not keys:
        return "it holds no key; `sourcecheck secrets new-key` prints one"
    for number, key in enumerate(keys, 1):
        if not _is_fernet(key):
            which = f"key {number} of {len(keys)}" if len(keys) > 1 else "this"
            return (
                f"{which} is not a Fernet key (32 bytes in url-safe base64); `sourcecheck secrets new-key` prints one"
            )
    return None


def _is_fernet(key: str) -> bool:
    try:
        return len(base64.urlsafe_b64decode(key)) == FERNET_BYTES
    except ValueError:
        return False


def _work_pool(text: str) -> str | None:
    if any(character in text for character in BANNED_IN_NAMES):
        return f"the name of a work pool cannot contain {' '.join(BANNED_IN_NAMES)}"
    if text.lower().startswith("prefect"):
        return "Prefect keeps names that begin with `prefect` for itself"
    return None


def _work_pool_type(text: str) -> str | None:
    return None if re.fullmatch(r"[a-z0-9-]+", text) else "a type has lower-case letters, digits and dashes only"


def _deployment(text: str) -> str | None:
    return None if re.fullmatch(r"[^/]+/[^/]+", text) else f"{text!r} is not of the form flow/deployment"


def _folder(text: str) -> str | None:
    """The folder itself need not be there: it is the worker's, and the API reads the setting, too."""
    return None if text.startswith("/") else f"{text!r} is not an absolute path"


def _references(text: str) -> str | None:
    try:
        rules(text)
    except ValueError as error:
        return str(error)
    return None


RULES: dict[str, Rule] = {
    "secret_references": _references,
    "api_host": _host,
    "database_url": _database,
    "prefect_database_url": _database,
    "prefect_api_url": _prefect_api,
    "prefect_ui_url": _web,
    "bootstrap_key": bootstrap_key,
    "secret_keys": _secret_keys,
    "metrics_key": bootstrap_key,
    "work_pool": _work_pool,
    "work_pool_type": _work_pool_type,
    "deployment": _deployment,
    "health_deployment": _deployment,
    "downloads_deployment": _deployment,
    "allowed_networks": _networks,
    "allowed_hosts": _hosts,
    "file_root": _folder,
}
"""By setting. Numbers, words and switches are judged by the setting's type."""
