"""Texts without what hides a secret in them: characters written as escapes, and cuts by line breaks or unseen ones.

Encoders leave ASCII letters alone, so `encodings` looks for them as they are. A server that wants to give a secret away
writes `&#112;` or `\\u0070` for a `p`, or cuts the secret in two. Its text is folded, and what is found in the folded
text is masked in the text itself.
"""

import html
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator

UNSEEN = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f\xad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"


def _utf8(before: str) -> str:
    """One character of UTF-8, each byte of it in hexadecimal after this."""
    more = f"{before}[89ab][0-9a-f]"
    first = (("[0-7][0-9a-f]", 0), ("[cd][0-9a-f]", 1), ("e[0-9a-f]", 2), ("f[0-7]", 3))
    return "|".join(f"{before}{byte}{more * count}" for byte, count in first)


ESCAPE = re.compile(
    r"(?P<html>&(?:\#x?[0-9a-f]{1,8};?|[a-z]{2,8};))"
    r"|\\{1,8}u(?P<pair>d[89ab][0-9a-f]{2}\\{1,8}ud[c-f][0-9a-f]{2})"
    r"|\\{1,8}(?:(?-i:u)(?P<short>[0-9a-f]{4})|u\{(?P<braced>[0-9a-f]{1,8})\}|(?-i:U)(?P<long>[0-9a-f]{8}))"
    r"|(?P<url>" + _utf8("%(?:25){0,8}") + r")|(?P<bytes>" + _utf8(r"\\{1,8}x") + r")"
    r"|(?P<cut>(?:[\r\n][ \t]*|\\{1,8}[rn]|[" + UNSEEN + "])+)",
    re.IGNORECASE,
)
"""A character as an escape, or a cut; runs are bounded, so that a text of nothing but backslashes takes no longer."""
ROUNDS = 3
"""Escapes of escapes that are undone."""
HEX_BYTE = re.compile(r"(?:%(?:25){0,8}|x)([0-9a-f]{2})", re.IGNORECASE)


class Folding:
    """A text with its escapes undone and its cuts closed, and the way back to the text itself."""

    def __init__(self, text: str) -> None:
        pieces: list[str] = []
        self._at: list[int] = []
        self._length: list[int] = []
        self._span: list[tuple[int, int]] = []
        done = length = 0
        for found in ESCAPE.finditer(text):
            char = _character(found)
            if char == found[0]:
                continue
            length += found.start() - done
            pieces += (text[done : found.start()], char)
            self._at.append(length)
            self._length.append(len(char))
            self._span.append(found.span())
            length += len(char)
            done = found.end()
        self.text = "".join((*pieces, text[done:]))

    @property
    def changed(self) -> bool:
        """Whether there was anything to fold."""
        return bool(self._at)

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Where in the text itself a stretch of the folded one stands."""
        return self._place(start)[0], self._place(end - 1)[1]

    def _place(self, position: int) -> tuple[int, int]:
        """Where one folded character comes from."""
        last = bisect_right(self._at, position) - 1
        if last < 0:
            return position, position + 1
        beyond = position - self._at[last] - self._length[last]
        if beyond < 0:
            return self._span[last]
        begins = self._span[last][1] + beyond
        return begins, begins + 1


def hidden_spans(text: str, wanted: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    """Where something wanted stands in the text that only its folded form shows."""
    layers: list[Folding] = []
    for _ in range(ROUNDS):
        folding = Folding(layers[-1].text if layers else text)
        if not folding.changed:
            return
        layers.append(folding)
        for found in wanted.finditer(folding.text):
            span = found.span()
            for layer in reversed(layers):
                span = layer.original(*span)
            yield span


def folded(text: str) -> str:
    """The text as it is looked for in folded texts."""
    for _ in range(ROUNDS):
        text = Folding(text).text
    return text


def mask_spans(text: str, spans: Iterable[tuple[int, int]], mask: str) -> str:
    """The text with a mask for each of these stretches; those that overlap get one."""
    pieces: list[str] = []
    done = 0
    for start, end in sorted(spans):
        if end <= done:
            continue
        if start >= done:
            pieces += (text[done:start], mask)
        done = end
    return "".join((*pieces, text[done:]))


def _character(found: re.Match[str]) -> str:
    """What stands for it; the text as it is where it stands for nothing."""
    kind, text = found.lastgroup, found[0]
    try:
        if kind == "cut":
            return ""
        if kind == "html":
            return html.unescape(text)
        if kind in ("url", "bytes"):
            return bytes(int(byte, 16) for byte in HEX_BYTE.findall(text)).decode()
        units = re.findall(r"[0-9a-f]{4}", text, re.IGNORECASE) if kind == "pair" else [found[str(kind)]]
        raw = b"".join(int(unit, 16).to_bytes(2 if kind in ("pair", "short") else 4, "big") for unit in units)
        return raw.decode("utf-16-be" if kind in ("pair", "short") else "utf-32-be")
    except (UnicodeDecodeError, OverflowError):
        return text
