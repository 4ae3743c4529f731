"""Known secrets, kept out of every text that leaves a worker."""

import re
from collections.abc import Iterable
from typing import Any

from datasources.secrecy.encodings import patterns

MASK = "***"
DROPPED = "[text dropped: it could not be scrubbed]"


class Scrubber:
    """Removes known secrets, in all the forms in which they travel, from texts and from plain data.

    It fails closed: what cannot be scrubbed is dropped.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        found = {form: text for secret in secrets if secret for form, text in patterns(secret).items()}
        # Longest first, for one secret may be the beginning of another.
        forms = sorted(found, key=lambda form: len(found[form]), reverse=True)
        self._pattern = re.compile("|".join(forms), re.IGNORECASE) if forms else None

    def text(self, text: str) -> str:
        """The text without secrets."""
        if self._pattern is None:
            return text
        try:
            return self._pattern.sub(MASK, text)
        except Exception:
            return DROPPED

    def data(self, value: Any) -> Any:
        """The same for plain data, keys included."""
        try:
            return self._data(value)
        except Exception:
            return DROPPED

    def _data(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self._data(key): self._data(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._data(item) for item in value]
        return value
