"""Known secrets, kept out of every text that leaves a worker."""

import re
from collections.abc import Collection, Iterable
from typing import Any

from datasources.secrecy.encodings import patterns, plain_texts
from datasources.secrecy.folding import folded, hidden_spans, mask_spans
from datasources.secrecy.phrases import own_spans

MASK = "***"
SHORTEST_HIDDEN = 6
"""Characters of a secret that is looked for in folded texts."""
SERVERS_KEYS = frozenset({"schemas"})
"""Where the details of a step map names of a server's choice; every other key is ours."""
OWN_WORDS = frozenset(
    {"stage", "ssh_stage", "missing", "kind", "fingerprint", "key_type", "host", "verify", "expected", "found"}
)
"""Where the details hold words of ours, hashes and what the user gave as no secret: questions are made of them."""
DROPPED = "[text dropped: it could not be scrubbed]"


class Scrubber:
    """Removes known secrets, in all the forms in which they travel, from texts and from plain data.

    It fails closed: what cannot be scrubbed is dropped.
    """

    def __init__(self, secrets: Collection[str]) -> None:
        found = {form: text for secret in secrets if secret for form, text in patterns(secret).items()}
        # Longest first, for one secret may be the beginning of another.
        forms = sorted(found, key=lambda form: len(found[form]), reverse=True)
        self._pattern = re.compile("|".join(forms), re.IGNORECASE) if forms else None
        self._folded = _folded_pattern(secret for secret in secrets if secret)

    def text(self, text: str) -> str:
        """The text without secrets."""
        if self._pattern is None:
            return text
        try:
            hidden = list(hidden_spans(text, self._folded)) if self._folded else []
            if not hidden:
                return self._pattern.sub(MASK, text)
            return mask_spans(text, [*hidden, *(found.span() for found in self._pattern.finditer(text))], MASK)
        except Exception:
            return DROPPED

    def message(self, text: str) -> str:
        """A step's message without secrets; a secret that is one of our own words stays where we said it."""
        ours = own_spans(text)
        if self._pattern is None or not ours:
            return self.text(text)
        try:
            spans = [*(hidden_spans(text, self._folded) if self._folded else ())]
            spans += [found.span() for found in self._pattern.finditer(text)]
            foreign = [span for span in spans if not any(a <= span[0] and span[1] <= b for a, b in ours)]
            return mask_spans(text, foreign, MASK)
        except Exception:
            return DROPPED

    def data(self, value: Any) -> Any:
        """The same for plain data: keys too, where they come from servers (`SERVERS_KEYS`)."""
        try:
            return self._data(value)
        except Exception:
            return DROPPED

    def _data(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {
                key: item if key in OWN_WORDS else self._mapping(item) if key in SERVERS_KEYS else self._data(item)
                for key, item in value.items()
            }
        if isinstance(value, (list, tuple)):
            return [self._data(item) for item in value]
        return value

    def _mapping(self, value: Any) -> Any:
        """A mapping whose keys are a server's; a count of names that look the same afterwards is their sum."""
        if not isinstance(value, dict):
            return self._data(value)
        found: dict[str, Any] = {}
        for key, item in value.items():
            name = self.text(str(key))
            both = name in found and isinstance(item, int) and isinstance(found[name], int)
            found[name] = found[name] + item if both else self._data(item)
        return found


def _folded_pattern(secrets: Iterable[str]) -> re.Pattern[str] | None:
    """What is looked for where a text hides something; longest first, and nothing short: cuts join innocent words."""
    texts = {folded(text) for secret in secrets for text in plain_texts(secret)}
    forms = sorted((text for text in texts if len(text) >= SHORTEST_HIDDEN), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, forms)), re.IGNORECASE) if forms else None
