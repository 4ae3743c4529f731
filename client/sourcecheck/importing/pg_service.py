"""libpq's connection service file, `pg_service.conf`: every service."""

import configparser
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from sourcecheck.errors import SourcecheckError
from sourcecheck.importing.found import Facts, Found, NoSource
from sourcecheck.importing.types import to_source

NAMES = {
    "host": "host",
    "hostaddr": "host",
    "port": "port",
    "user": "user",
    "password": "password",
    "dbname": "database",
}
LDAP = "ldap://"


def from_service_file(path: Path) -> Found:
    """Every service under its own name. Raises `SourcecheckError`."""
    parser = configparser.ConfigParser(
        interpolation=None, delimiters=("=",), comment_prefixes=("#",), default_section="\0", strict=False
    )
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # libpq's names are lower-case, and no others
    try:
        text = path.read_text(encoding="utf-8")
        parser.read_string("\n".join(line for line in text.splitlines() if not line.startswith(LDAP)))
    except (OSError, UnicodeDecodeError, configparser.Error) as error:
        raise SourcecheckError(f"{path}: {' '.join(str(error).split())}") from error
    found = Found()
    for name in parser.sections():
        found.add(name, partial(_source, name, parser.items(name)))
    return found


def _source(name: str, settings: Iterable[tuple[str, str]]) -> tuple[dict[str, Any], list[str]]:
    """The service as a source. Raises `NoSource`."""
    facts = Facts(kind="postgresql")
    for key, value in settings:
        if fact := NAMES.get(key):
            setattr(facts, fact, getattr(facts, fact) or value.strip())
        else:
            facts.more[key] = value.strip()
    if str(facts.host or "").startswith("/"):
        raise NoSource("a server behind a Unix socket can be reached only from its own machine")
    if "," in str(facts.host or ""):
        raise NoSource("it names several hosts, and a source has one")
    return to_source(name, facts)
