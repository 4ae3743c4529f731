"""Sources as the text of a file."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from sourcecheck.cli.text import safe

HEAD = (
    "# yaml-language-server: $schema=sources.schema.json\n"
    "# The schema for editors: sourcecheck schema sources.schema.json\n"
)


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]
    """Texts of several lines as blocks, lists below their keys, and `no` in quotes, for readers of YAML 1.1."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Lists are indented below their key."""
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def write_sources(sources: Sequence[Mapping[str, Any]], notes: Mapping[str, Sequence[str]]) -> str:
    """A file of these sources; `notes` are comments, by the name of the source that they stand above.

    Nothing in it is taken for a placeholder: `${` is written `$${`.
    """
    if not sources:
        return f"{HEAD}sources: []\n"
    return HEAD + "sources:\n" + "\n".join(_one(source, notes.get(str(source.get("name")), ())) for source in sources)


def _one(source: Mapping[str, Any], notes: Sequence[str]) -> str:
    text = yaml.dump([escaped(source)], Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    lines = [*(f"# {safe(note)}" for note in notes), *text.splitlines()]
    return "".join(f"  {line}\n" if line else "\n" for line in lines)


class Placeholder(str):
    """A text that stays a placeholder in the file."""


def escaped(value: Any) -> Any:
    """The value as a file has to write it, so that reading it gives the value back."""
    if isinstance(value, Placeholder):
        return str(value)
    if isinstance(value, str):
        return value.replace("${", "$${")
    if isinstance(value, Mapping):
        return {name: escaped(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [escaped(item) for item in value]
    return value
