"""A file of sources: read, filled in, and ready to be applied."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from sourcecheck.errors import SourcecheckError, reason_of
from sourcecheck.files.document import Document, FileError, read_document
from sourcecheck.files.exported import write_sources
from sourcecheck.files.placeholders import Placeholders
from sourcecheck.files.schema import as_number, wants_number

ASIDE = "x-"
"""Keys that begin with it are left out of account: a place for YAML anchors."""


class SourcesFile(Struct, frozen=True):
    """What a file declares, with every placeholder filled in."""

    document: Document
    sources: list[dict[str, Any]]

    def name_of(self, number: int) -> str:
        """What the source of this number is called, for a message."""
        return str(self.sources[number].get("name", f"source {number + 1}"))


def read_sources(path: str, environ: Mapping[str, str] = os.environ) -> SourcesFile:
    """Read a file of sources; `-` is standard input, and `environ` has what placeholders name.

    Raises `SourcecheckError`, `FileError` with its place.
    """
    file = None if path == "-" else Path(path)
    document = _read(file, path)
    found = _list_of(document)
    filler, sources = Placeholders(file.parent if file else Path(), environ), []
    for number, source in enumerate(found):
        sources.append(_filled(document, filler, source, number))
    return SourcesFile(document, sources)


def declared_names(path: str) -> list[str]:
    """The names of the sources that a file declares, whatever its placeholders mean. Raises `SourcecheckError`."""
    document = _read(None if path == "-" else Path(path), path)
    names = []
    for number, source in enumerate(_list_of(document)):
        name = source.get("name") if isinstance(source, dict) else None
        if not isinstance(name, str):
            raise document.error(("sources", number), "a source has a `name`")
        names.append(name)
    return names


def filled_sources(sources: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Sources that were made here, with their placeholders filled in. Raises `FileError` for one that cannot be."""
    document = read_document(None, write_sources(sources, {}))
    filler = Placeholders(Path())
    return [_filled(document, filler, source, number) for number, source in enumerate(_list_of(document))]


def _read(file: Path | None, path: str) -> Document:
    try:
        text = file.read_text(encoding="utf-8") if file else sys.stdin.read()
    except (OSError, UnicodeDecodeError) as error:
        raise SourcecheckError(f"{path}: {reason_of(error)}") from error
    return read_document(file, text)


def _list_of(document: Document) -> list[Any]:
    found = document.value
    if not isinstance(found, dict) or not isinstance(found.get("sources"), list):
        raise document.error(("sources",), "the file has to hold a list called `sources`")
    for key in found:
        if key != "sources" and not key.startswith(ASIDE):
            raise document.error((key,), f"unknown key {key!r}: beside `sources`, keys begin with {ASIDE}")
    sources: list[Any] = found["sources"]
    return sources


def _filled(document: Document, filler: Placeholders, source: Any, number: int) -> dict[str, Any]:
    way = ("sources", number)
    if not isinstance(source, dict):
        raise document.error(way, "a source is a mapping with `name`, `type` and `options`")
    filled: set[tuple[str | int, ...]] = set()
    found: dict[str, Any] = filler.fill(document, source, way, filled)
    for place in filled:
        if wants_number(place[2:], str(found.get("type"))):
            _put(found, place[2:], as_number)
    return found


def _put(value: Any, way: tuple[str | int, ...], change: Any) -> None:
    for step in way[:-1]:
        value = value[step]
    value[way[-1]] = change(value[way[-1]])


__all__ = ["FileError", "SourcesFile", "read_sources"]
