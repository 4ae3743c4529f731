"""Blocks of Prefect that hold a database: `prefect-sqlalchemy`'s and our own, by the caller's own Prefect profile."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from sourcecheck.blocks import OWN_KIND, Block, list_blocks
from sourcecheck.files.schema import options_of
from sourcecheck.importing.addresses import facts_of
from sourcecheck.importing.found import Facts, Found, NoSource, present
from sourcecheck.importing.types import to_source

KINDS = (OWN_KIND, "sqlalchemy-connector", "database-credentials")
"""The types of block that are looked at, by their slugs."""


def from_prefect(names: Iterable[str] = ()) -> Found:
    """Every such block, or those of these names. Raises `SourcecheckError`."""
    wanted = set(names)
    return from_blocks([block for block in list_blocks(KINDS) if not wanted or block.name in wanted])


def from_blocks(blocks: Iterable[Block]) -> Found:
    """Each block as the source of its name."""
    found = Found()
    for block in blocks:
        found.add(block.name, partial(_source, block))
    return found


def _source(block: Block) -> tuple[dict[str, Any], list[str]]:
    """Our own block is a source, except for its name. Raises `NoSource`."""
    if block.kind != OWN_KIND:
        return to_source(block.name, _facts(block.data))
    if options_of(str(block.data.get("type"))) is None:
        raise NoSource(f"sourcecheck has no type for {block.data.get('type')!r}")
    fields = {name: block.data.get(name) for name in ("type", "options", "temp_schema", "ssh_tunnel", "tags")}
    return {"name": block.name} | present(fields), []


def _facts(data: Mapping[str, Any]) -> Facts:
    """A connector has `connection_info`: the parts of an address, or a whole one. Raises `NoSource`."""
    info = data.get("connection_info", data)
    if isinstance(info, str):
        return facts_of(info)
    if not isinstance(info, Mapping):
        raise NoSource("it has no connection_info")
    if isinstance(url := info.get("url"), str) and url:
        return facts_of(url)
    driver = info.get("driver")
    if not driver:
        raise NoSource("it names no driver")
    return Facts(
        kind=str(driver),
        host=info.get("host"),
        port=info.get("port"),
        user=info.get("username"),
        password=info.get("password"),
        database=info.get("database"),
        more=dict(info.get("query") or {}),
    )
