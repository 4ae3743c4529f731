"""The known name that a mistyped one most resembles."""

from collections.abc import Iterable
from difflib import get_close_matches

LONGEST = 120
"""Characters: no name of ours comes close to a longer word, and comparing them takes a while."""


def did_you_mean(word: str, known: Iterable[str], prefix: str = "") -> str:
    """` (did you mean NAME?)`, to be put behind a sentence; nothing when no known name comes close.

    What all names begin with does not make them alike.
    """
    if len(word) > LONGEST:
        return ""
    by_form = {name.lower().removeprefix(prefix.lower()): name for name in known}
    found = get_close_matches(word.lower().removeprefix(prefix.lower()), by_form, n=1, cutoff=0.6)
    return f" (did you mean {by_form[found[0]]}?)" if found else ""
