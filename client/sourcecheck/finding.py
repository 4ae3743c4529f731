"""Which source a person means by a name."""

from collections.abc import Sequence
from difflib import get_close_matches

from sourcecheck.errors import NotFound
from sourcecheck.models import Source


def choose(name: str, sources: Sequence[Source]) -> Source:
    """The one source of this name; else the one with this id in digits. Raises `NotFound` with a sentence."""
    named = [source for source in sources if source.name == name]
    if len(named) == 1:
        return named[0]
    if named:
        ids = ", ".join(str(source.id) for source in named)
        raise NotFound(404, f"{len(named)} sources are called {name!r}: give an id instead ({ids})")
    by_id = [source for source in sources if name.isdecimal() and source.id == int(name)]
    if by_id:
        return by_id[0]
    by_folded = {source.name.casefold(): source.name for source in sources}
    close = get_close_matches(name.casefold(), by_folded, n=1)
    hint = f" (did you mean {by_folded[close[0]]!r}?)" if close else "; `sourcecheck list` shows them all"
    raise NotFound(404, f"no source is called {name!r}{hint}")
