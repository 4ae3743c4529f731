"""Which source, alert or member a person means by a name."""

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import Protocol, TypeVar

from sourcecheck.errors import NotFound
from sourcecheck.models import Source
from sourcecheck.people import Alert, Member


class Named(Protocol):
    """What has a name, and an id that is its alone."""

    @property
    def id(self) -> int | str:
        """Its id."""

    @property
    def name(self) -> str:
        """Its name."""


T = TypeVar("T", bound=Named)


def choose(name: str, sources: Sequence[Source]) -> Source:
    """The one source of this name; else the one with this id in digits. Raises `NotFound` with a sentence."""
    return _one_of(name, sources, "source", "sourcecheck list")


def choose_alert(name: str, alerts: Sequence[Alert]) -> Alert:
    """The one alert of this name; else the one with this id. Raises `NotFound` with a sentence."""
    return _one_of(name, alerts, "alert", "sourcecheck alerts list")


def choose_member(name: str, members: Sequence[Member]) -> Member:
    """The one member of this name or e-mail address; else the one with this id. Raises `NotFound` with a sentence."""
    return _one_of(name, members, "member", "sourcecheck members list", lambda member: {member.name, member.email})


def _one_of(
    name: str,
    items: Sequence[T],
    kind: str,
    listing: str,
    words: Callable[[T], set[str | None]] = lambda item: {item.name},
) -> T:
    named = [item for item in items if name in words(item)]
    if len(named) == 1:
        return named[0]
    if named:
        ids = ", ".join(str(item.id) for item in named)
        raise NotFound(404, f"{len(named)} {kind}s are called {name!r}: give an id instead ({ids})")
    by_id = [item for item in items if str(item.id).lower() == _as_id(name)]
    if by_id:
        return by_id[0]
    by_folded = {item.name.casefold(): item.name for item in items}
    close = get_close_matches(name.casefold(), by_folded, n=1)
    hint = f" (did you mean {by_folded[close[0]]!r}?)" if close else f"; `{listing}` shows them all"
    raise NotFound(404, f"no {kind} is called {name!r}{hint}")


def _as_id(name: str) -> str:
    return str(int(name)) if name.isdecimal() else name.lower()
