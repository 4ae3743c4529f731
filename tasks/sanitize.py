"""Makes every result safe to keep, through `clean`: without secrets, readable, and short enough."""

import re
from typing import Any

import msgspec

from datasources.model.results import StepResult
from datasources.secrecy.scrubber import DROPPED, Scrubber

MESSAGE_LIMIT = 2000
NO_MESSAGE = "The server gave no message"
"""The message if the server gave none: a message is never empty (contract 2.4)."""
TEXT_LIMIT = 1000
"""Characters of each text in the details: a comment or a value may have megabytes."""
ITEMS_LIMIT = 200
"""Of each list, and each object, in the details."""
DEPTH_LIMIT = 8
"""Levels of the details; what lies deeper is left out."""
DETAILS_BYTES = 64 * 1024
"""Of a step's details as JSON: they are kept twice, and read for each answer about a test."""
PLACES_LIMIT, PLACE_LIMIT = 20, 100
"""Places that are named, and characters of each: they may hold names of the server's choice."""
CUT = "cut"
"""In the details: what was cut, by its place, with how many items or characters there were."""

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Terminal codes, directions of text, and what is no character; line feeds and tabs stay."""


def clean(result: StepResult, scrubber: Scrubber) -> StepResult:
    """Only what others have written is scrubbed: a password may be one of our own words, such as `OK` or `message`.

    Cutting comes last, because half a secret is not recognised.
    """
    details = scrubber.data(result.details)
    return msgspec.structs.replace(
        result,
        message=visible(scrubber.message(result.message))[:MESSAGE_LIMIT] or NO_MESSAGE,
        details=cut(details) if isinstance(details, dict) else {"dropped": DROPPED},
    )


def visible(text: str) -> str:
    """The text with its control characters written out, so that a terminal or a page shows them and obeys none."""
    return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)


def cut(details: dict[str, Any]) -> dict[str, Any]:
    """The details within the limits above; `CUT` says what is missing."""
    cutter = _Cutter()
    kept = {visible(name)[:PLACE_LIMIT]: cutter.cut(value, name) for name, value in list(details.items())[:ITEMS_LIMIT]}
    if len(details) > ITEMS_LIMIT:
        cutter.note("details", len(details))
    sizes = {name: len(msgspec.json.encode({name: value})) for name, value in kept.items()}
    while sum(sizes.values()) > DETAILS_BYTES:
        largest = max(sizes, key=sizes.__getitem__)
        cutter.note(largest, _size(kept[largest]))
        kept[largest] = _half(kept[largest])
        sizes[largest] = len(msgspec.json.encode({largest: kept[largest]}))
    return kept | {CUT: cutter.missing} if cutter.missing else kept


class _Cutter:
    """Cuts one step's details, and notes the places: `edges` of a list, `edges[].columns` of lists in its items."""

    def __init__(self) -> None:
        self.missing: dict[str, int] = {}
        self._left = DETAILS_BYTES
        """Items that may still be looked at: each takes a byte at least."""

    def cut(self, value: Any, place: str, depth: int = 1) -> Any:
        """The value within the limits of count, length and depth."""
        if isinstance(value, str):
            return visible(self._first(value, place, TEXT_LIMIT))[:TEXT_LIMIT]
        if not isinstance(value, dict | list):
            return value
        if depth > DEPTH_LIMIT:
            self.note(place, len(value))
            return None
        if isinstance(value, list):
            return [self.cut(item, f"{place}[]", depth + 1) for item in self._first(value, place, ITEMS_LIMIT)]
        return {
            self.cut(str(name), place): self.cut(item, f"{place}.{name}", depth + 1)
            for name, item in self._first(list(value.items()), place, ITEMS_LIMIT)
        }

    def note(self, place: str, size: int) -> None:
        """There were so many items or characters; of the items of a list, the one with most counts."""
        place = visible(place)[:PLACE_LIMIT]
        if place in self.missing or len(self.missing) < PLACES_LIMIT:
            self.missing[place] = max(size, self.missing.get(place, 0))

    def _first(self, value: Any, place: str, limit: int) -> Any:
        if not isinstance(value, str):
            limit = min(limit, self._left)
            self._left -= min(limit, len(value))
        if len(value) > limit:
            self.note(place, len(value))
        return value[:limit]


def _size(value: Any) -> int:
    return len(value) if isinstance(value, str | list | dict) else 1


def _half(value: Any) -> Any:
    half = _size(value) // 2
    if isinstance(value, dict):
        return dict(list(value.items())[:half])
    return value[:half] if isinstance(value, str | list) else None
