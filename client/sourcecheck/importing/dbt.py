"""dbt's `profiles.yml`: every target of every profile."""

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from sourcecheck.errors import SourcecheckError, reason_of
from sourcecheck.files.document import read_document
from sourcecheck.files.exported import Placeholder
from sourcecheck.importing.found import Facts, Found, NoSource
from sourcecheck.importing.types import to_source

_TEXT = r"""(?:'([^']*)'|"([^"]*)")"""
_FILTERS = r"(?:\s*\|\s*(?:int|float|as_number|as_bool|as_native|as_text|string|trim))*"
ENV_VAR = re.compile(rf"\{{\{{-?\s*env_var\(\s*{_TEXT}\s*(?:,\s*{_TEXT}\s*)?\){_FILTERS}\s*-?\}}\}}")
NAMES: dict[str, str | None] = {
    "host": "host",
    "server": "host",
    "port": "port",
    "user": "user",
    "username": "user",
    "password": "password",
    "pass": "password",
    "dbname": "database",
    "database": "database",
    "path": "database",
    "dataset": "schema",
    "schema": "schema",
}
"""From dbt's words to those of `Facts`; the others go into its `more`."""
ADAPTERS: dict[str, dict[str, str | None]] = {
    **{kind: {"schema": "database"} for kind in ("mysql", "mysql5", "mariadb")},
    "oracle": {"database": None, "dbname": None},
    "teradata": {"UID": "user", "PWD": "password"},
}
"""Adapters for which a word means something else: MySQL's schemas are databases, Oracle's database is only shown."""


def from_profiles(path: Path) -> Found:
    """Every target, as the source `PROFILE.TARGET`. Raises `SourcecheckError`."""
    file = path / "profiles.yml" if path.is_dir() else path
    try:
        document = read_document(file, file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SourcecheckError(f"{file}: {reason_of(error)}") from error
    if not isinstance(document.value, dict):
        raise document.error((), "these are not dbt profiles")
    return from_mapping(document.value)


def from_mapping(profiles: Mapping[str, Any]) -> Found:
    """Every target of these profiles, as they stand in the file."""
    found = Found()
    for profile, content in profiles.items():
        outputs = content.get("outputs") if isinstance(content, dict) else None
        for target, fields in (outputs if isinstance(outputs, dict) else {}).items():
            name = f"{profile}.{target}"
            found.add(name, partial(_source, name, fields))
    return found


def _source(name: str, fields: Any) -> tuple[dict[str, Any], list[str]]:
    """The target as a source. Raises `NoSource`."""
    if not isinstance(fields, dict):
        raise NoSource("it is not a mapping")
    return to_source(name, _facts({key: rendered(value) for key, value in fields.items()}))


def _facts(fields: Mapping[str, Any]) -> Facts:
    kind = str(fields.get("type", ""))
    names = NAMES | ADAPTERS.get(kind, {})
    facts = Facts(kind=kind)
    for key, value in fields.items():
        if (name := names.get(key)) is not None:
            setattr(facts, name, getattr(facts, name) or value)
        elif key != "type":
            facts.more[key] = value
    if kind == "oracle" and "service" in facts.more:
        facts.more["service_name"] = facts.more.pop("service")
    if kind == "vertica" and facts.more.get("ssl") is True:
        facts.more["tlsmode"] = facts.more.get("tlsmode") or "verify-full"
        del facts.more["ssl"]  # which this adapter takes for Python's own context, and that verifies all
    return facts


def rendered(value: Any) -> Any:
    """dbt's `env_var` as a placeholder of ours. Raises `NoSource` for any other expression of Jinja."""
    if not isinstance(value, str) or "{" not in value:
        return value
    parts = ENV_VAR.sub(_placeholder, value.replace("${", "$${"))
    if "{{" in parts or "{%" in parts:
        raise NoSource("it holds a Jinja expression other than env_var")
    return value if parts == value else Placeholder(parts)


def _placeholder(found: re.Match[str]) -> str:
    name, default = found[1] or found[2] or "", found[3] if found[3] is not None else found[4]
    return f"${{{name}}}" if default is None else f"${{{name}:-{default}}}"
