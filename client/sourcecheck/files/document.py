"""A YAML or JSON file, with the line and the column of everything in it.

YAML is read by its core schema: `true` and `false` are switches, and `no`, `on` or `2026-01-01` are texts.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import yaml
from msgspec import Struct

from sourcecheck.errors import SourcecheckError

Way = tuple[str | int, ...]
"""How to come to a value: keys and positions from the top of the file."""
MOST_VALUES = 100_000
"""Aliases can make a small file endless."""
MERGE = "<<"


class Place(Struct, frozen=True):
    """Where in a file something begins; both count from 1."""

    line: int
    column: int


class FileError(SourcecheckError):
    """What is wrong at one place of a file."""

    def __init__(self, name: str, place: Place | None, sentence: str) -> None:
        super().__init__(name, place, sentence)
        self.name = name
        self.place = place
        self.sentence = sentence

    def __str__(self) -> str:
        where = f"{self.name}:{self.place.line}:{self.place.column}" if self.place else self.name
        return f"{where}: {self.sentence}"


class Document:
    """What a file says, and where."""

    def __init__(self, name: str, value: Any, places: dict[Way, Place]) -> None:
        self.name = name
        self.value = value
        self._places = places

    def error(self, way: Sequence[str | int], sentence: str) -> FileError:
        """The error of this value; of what is not there, at what would hold it."""
        steps = tuple(way)
        while steps and steps not in self._places:
            steps = steps[:-1]
        return FileError(self.name, self._places.get(steps), sentence)


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """The core schema of YAML 1.2, as far as plain scalars go."""

    yaml_implicit_resolvers: ClassVar[dict[str, list[tuple[str, re.Pattern[str]]]]] = {}


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*)([eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+", "-+0123456789."),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first))
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile("^$"), [""])
KINDS = ("null", "bool", "int", "float", "str", "map", "seq")
NULL, BOOL, INT, FLOAT, *_ = KNOWN = tuple(f"tag:yaml.org,2002:{kind}" for kind in KINDS)


def read_document(path: Path | None, text: str) -> Document:
    """What the text of a file says; `path` None means standard input. Raises `FileError`."""
    name = str(path) if path else "standard input"
    try:
        loader = _Loader(text)
    except yaml.reader.ReaderError as error:
        raise FileError(name, None, f"the file holds a character that YAML does not allow: {error.reason}") from error
    try:
        node = loader.get_single_node()
        reader = _Reader(name, loader)
        value = reader.read(node, ()) if node else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        sentence = " ".join(part for part in (error.context, error.problem) if part)
        raise FileError(name, Place(mark.line + 1, mark.column + 1) if mark else None, sentence) from error
    except yaml.YAMLError as error:
        raise FileError(name, None, " ".join(str(error).split())) from error
    finally:
        loader.dispose()
    return Document(name, value, reader.places)


class _Reader:
    """Turns nodes into plain values, and notes where each begins."""

    def __init__(self, name: str, loader: _Loader) -> None:
        self.places: dict[Way, Place] = {}
        self._name = name
        self._loader = loader
        self._left = MOST_VALUES

    def read(self, node: yaml.Node, way: Way) -> Any:
        """The value of a node. Raises `FileError`."""
        self.places[way] = Place(node.start_mark.line + 1, node.start_mark.column + 1)
        self._left -= 1
        if self._left < 0 or len(way) > 50:
            raise FileError(self._name, self.places[way], "the file holds too many values, or contains itself")
        if node.tag not in KNOWN:
            raise FileError(self._name, self.places[way], f"the tag {node.tag} means nothing here")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, way)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, (*way, number)) for number, item in enumerate(node.value)]
        return self._scalar(node)

    def _mapping(self, node: yaml.MappingNode, way: Way) -> dict[str, Any]:
        self._refuse_doubles(node)
        self._loader.flatten_mapping(node)  # what `<<` refers to comes first, so that the mapping's own keys count
        found: dict[str, Any] = {}
        for key, item in node.value:
            found[key.value] = self.read(item, (*way, key.value))
        return found

    def _refuse_doubles(self, node: yaml.MappingNode) -> None:
        seen: set[str] = set()
        for key, _ in node.value:
            place = Place(key.start_mark.line + 1, key.start_mark.column + 1)
            if not isinstance(key, yaml.ScalarNode):
                raise FileError(self._name, place, "a key has to be text")
            if key.value in seen and key.value != MERGE:
                raise FileError(self._name, place, f"the key {key.value!r} appears twice")
            seen.add(key.value)

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        if node.tag == NULL:
            return None
        if node.tag == BOOL:
            return node.value.lower() == "true"
        if node.tag in (INT, FLOAT):
            return int(node.value) if node.tag == INT else float(node.value)
        return node.value
