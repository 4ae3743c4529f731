"""Texts that users give and other people see: names, descriptions, tags (docs/security.md, row 20)."""

import re
import unicodedata

HIDDEN = frozenset({"Cc", "Cf", "Zl", "Zp", "Cs"})
"""Unicode's categories of characters that move the cursor, hide or reverse what follows, or have no shape."""
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
LINE_BREAKS = "\n\r\t"
"""What a text of several lines may hold beside what is seen."""
MARKUP = re.compile(r"[\\`*_{}\[\]<>#|!~&:@]|(?<=www)\.", re.IGNORECASE)
"""What Markdown, or a renderer that finds links by itself, takes for more than text."""


def hidden_character(text: str, allowed: str = "") -> str | None:
    """The first character that cannot be seen, and is not one of the `allowed`."""
    return next((char for char in text if char not in allowed and unicodedata.category(char) in HIDDEN), None)


def visible(text: str) -> str:
    """The text on one line, with a mark in place of each character that cannot be seen."""
    flat = " ".join(text.split())
    return "".join(char if char.isprintable() else REPLACEMENT for char in flat)


def markdown_text(text: str) -> str:
    """The text as Markdown that renders as the text itself: no link, no image, no markup of its own."""
    return MARKUP.sub(r"\\\g<0>", visible(text))
