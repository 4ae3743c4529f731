"""`${…}` in a file: values that the command line fetches when it reads the file.

    ${NAME}                              a variable of the environment
    ${NAME:-text}                        the same, or this text where it is not set
    ${file:PATH}                         the text of a file, from the folder of the file on; the last line break goes
    ${prefect-block:TYPE/NAME}           a block of Prefect: the value of a Secret
    ${prefect-block:TYPE/NAME/FIELD}     one field of a block

`$${` is `${` itself.
"""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sourcecheck.blocks import read_field
from sourcecheck.errors import SourcecheckError
from sourcecheck.files.document import Document, Way

PLACEHOLDER = re.compile(r"\$(\$\{)|\$\{([^{}]*)\}")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

Fetch = Callable[[str], str]


class Placeholders:
    """Fetches what the placeholders of one file mean, each once."""

    def __init__(self, folder: Path, environ: Mapping[str, str] = os.environ, block_field: Fetch = read_field) -> None:
        self._folder = folder
        self._environ = environ
        self._block_field = block_field
        self._known: dict[str, str] = {}

    def fill(self, document: Document, value: Any, way: Way, filled: set[Way]) -> Any:
        """The value with its placeholders replaced; `filled` gets the ways of those texts. Raises `FileError`."""
        if isinstance(value, dict):
            return {key: self.fill(document, item, (*way, key), filled) for key, item in value.items()}
        if isinstance(value, list):
            return [self.fill(document, item, (*way, number), filled) for number, item in enumerate(value)]
        if not isinstance(value, str) or "${" not in value:
            return value
        try:
            found = PLACEHOLDER.sub(lambda match: match[1] or self._fetched(match[2]), value)
        except SourcecheckError as error:
            raise document.error(way, str(error)) from error
        filled.add(way)
        return found

    def _fetched(self, wanted: str) -> str:
        if wanted not in self._known:
            self._known[wanted] = self._fetch(wanted)
        return self._known[wanted]

    def _fetch(self, wanted: str) -> str:
        kind, _, rest = wanted.partition(":")
        if kind == "file":
            return self._file(rest)
        if kind == "prefect-block":
            return self._block_field(rest)
        name, has_default, default = wanted.partition(":-")
        if not NAME.fullmatch(name):
            raise SourcecheckError(f"${{{wanted}}} is neither a variable, nor file:PATH, nor prefect-block:TYPE/NAME")
        if (value := self._environ.get(name)) is not None:
            return value
        if has_default:
            return default
        raise SourcecheckError(f"the environment variable {name} is not set")

    def _file(self, path: str) -> str:
        try:
            text = (self._folder / path).expanduser().read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SourcecheckError(f"the file {path} cannot be read: {error}") from error
        return text.removesuffix("\n")
