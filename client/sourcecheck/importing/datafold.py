"""The sources of a service that speaks Datafold's API, such as Datafold itself or another sourcecheck."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import httpx

from sourcecheck.errors import SourcecheckError
from sourcecheck.files.schema import options_of, secrets_of
from sourcecheck.importing.found import Found, NoSource, present

PATH = "/api/v1/data_sources"
KEPT = (
    *("temp_schema", "catalog_include_list", "catalog_exclude_list", "float_tolerance", "disable_schema_indexing"),
    *("disable_profiling", "schema_indexing_schedule", "lineage_schedule", "description", "tags", "is_paused"),
)
"""Fields that are taken as they are, where they say anything."""
BELONGS_TO = {
    "ewallet_password": "ewallet_type",
    "ewallet_pem_file": "ewallet_type",
    "ewallet_pkcs12_file": "ewallet_type",
    "aws_secret_access_key": "aws_access_key_id",
}
"""Secrets that there are only beside another option."""
ALIASES = {"postgresql": "pg", "postgres": "pg"}


def from_datafold(url: str, key: str) -> Found:
    """Every source that the service lists. Raises `SourcecheckError`."""
    try:
        answer = httpx.get(f"{url.rstrip('/')}{PATH}", headers={"Authorization": f"Key {key}"}, timeout=30)
        answer.raise_for_status()
        found = answer.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise SourcecheckError(f"{url} did not answer with its sources: {error}") from error
    if not isinstance(found, list):
        raise SourcecheckError(f"{url} did not answer with a list of sources")
    return from_sources(found)


def from_sources(given: Iterable[Any]) -> Found:
    """Sources as that API lists them. Secrets are not among them: `secrets_to_ask` says which there are."""
    found = Found()
    for number, source in enumerate(given):
        name = str(source.get("name")) if isinstance(source, dict) else f"source {number + 1}"
        found.add(name, partial(_source, source))
    return found


def _source(given: Any) -> tuple[dict[str, Any], list[str]]:
    """The source and what was left out of it. Raises `NoSource`."""
    if not isinstance(given, Mapping) or not given.get("name"):
        raise NoSource("it has no name")
    kind = str(given.get("type"))
    kind = kind if options_of(kind) is not None else ALIASES.get(kind, kind)
    known = options_of(kind)
    if known is None:
        raise NoSource(f"sourcecheck has no type for {kind!r}")
    options = present(given.get("options") or {})
    source: dict[str, Any] = {"name": given["name"], "type": kind}
    source["options"] = {name: value for name, value in options.items() if name in known}
    source |= present({name: given.get(name) for name in KEPT})
    left = sorted(options.keys() - known)
    return source, [f"left out: {', '.join(left)}"] if left else []


def secrets_to_ask(source: Mapping[str, Any]) -> list[str]:
    """The secrets that a source of this type may have, and this one does not say."""
    names = [name for name in sorted(secrets_of(source["type"])) if name not in ("passwd", "sslkey")]
    options = source["options"]
    return [name for name in names if name not in options and BELONGS_TO.get(name, "") in ("", *options)]
