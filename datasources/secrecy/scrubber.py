"""Known secrets, kept out of every text that leaves a worker."""

import re
from collections.abc import Collection, Iterable
from typing import Any

from datasources.secrecy.encodings import patterns, plain_texts
from datasources.secrecy.folding import UNSEEN, folded, hidden_spans, mask_spans
from datasources.secrecy.phrases import own_spans

MASK = "***"
SHORTEST_HIDDEN = 6
"""Characters of a secret that is looked for in folded texts."""
LONGEST_SHORT = 2
"""Characters of a secret that is masked only where it stands by itself. Each `a` within a word is innocent, and a mask
in a word of ours would tell which letter is missing."""
STARTS = r"(?:(?<!\w)|(?<=\\[nrtbfv])|(?<=%[0-9a-f]{2})|(?<=\\x[0-9a-f]{2})|(?<=\\u[0-9a-f]{4}))"
"""Where something stands by itself on its left, also behind a blank or a quote that is written as an escape."""
ENDS = r"(?!\w)"
SERVERS_KEYS = frozenset({"schemas"})
"""Where the details of a step map names of a server's choice; every other key is ours."""
OWN_WORDS = frozenset(
    {"stage", "ssh_stage", "missing", "kind", "fingerprint", "key_type", "host", "verify", "expected", "found"}
)
"""Where the details hold words of ours, hashes and what the user gave as no secret: questions are made of them."""
ODD_CASES = "\u0130\u0131\u017f\u212a"
"""Letters that `re` takes for ASCII ones, whatever `casefold` makes of them."""
FOLDABLE = "&%\\"
"""Without one of these, a text has no escapes."""
CUT = re.compile(f"[\r\n][ \t]*|[{UNSEEN}]")
"""What may cut a secret in two."""
RUN = re.compile(r"[a-z0-9]*")
DROPPED = "[text dropped: it could not be scrubbed]"


class Scrubber:
    """Removes known secrets, in all the forms in which they travel, from texts and from plain data.

    It fails closed: what cannot be scrubbed is dropped.
    """

    def __init__(self, secrets: Collection[str]) -> None:
        found = {form: text for secret in secrets if secret for form, text in _patterns(secret).items()}
        # Longest first, because one secret may be the beginning of another.
        forms = sorted(found, key=lambda form: len(found[form]), reverse=True)
        self._pattern = re.compile("|".join(forms), re.IGNORECASE) if forms else None
        self._folded = _folded_pattern(secret for secret in secrets if secret)
        self._runs = {_longest_run(text) for text in found.values()}

    def suspects(self, text: str) -> bool:
        """Whether the text may hold a secret, by a quick look: when it says no, `text` would change nothing.

        Encoders leave letters and digits of ASCII alone, so a secret that is not folded shows its longest run of them.
        """
        if self._pattern is None:
            return False
        if any(char in text for char in FOLDABLE):
            return True
        if text.isascii():
            small = text.lower()
        elif any(char in text for char in ODD_CASES):
            return True
        else:
            small = text.casefold()
        if not small.isprintable():
            small = CUT.sub("", small)
        return any(run in small for run in self._runs)

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


def _patterns(secret: str) -> dict[str, str]:
    """Its forms, each with the plain text it stands for; those of a short one stand by themselves."""
    found = patterns(secret)
    if len(secret) > LONGEST_SHORT:
        return found
    return {f"{STARTS}(?:{form}){ENDS}": text for form, text in found.items()}


def _longest_run(text: str) -> str:
    """The longest run of ASCII letters and digits; empty where there is none, which every text holds."""
    runs: list[str] = RUN.findall(text.lower())
    return max(runs, key=len)


def _folded_pattern(secrets: Iterable[str]) -> re.Pattern[str] | None:
    """What is looked for where a text hides something; longest first, and nothing short: cuts join innocent words."""
    texts = {folded(text) for secret in secrets for text in plain_texts(secret)}
    forms = sorted((text for text in texts if len(text) >= SHORTEST_HIDDEN), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, forms)), re.IGNORECASE) if forms else None
