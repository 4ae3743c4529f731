"""Texts that users give and other people see: names, descriptions, tags (docs/security.md, row 20)."""

import re
import unicodedata
from collections.abc import Sequence

from datasources.model.inputs.nearest import did_you_mean

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


_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}
_WRONG_KIND = re.compile(r"Expected `(?P<wanted>[a-z |]+)`(?:, got `(?P<given>[a-z]+)`)?$")
_BOUND = re.compile(r"Expected `(?P<kind>int|float)` (?P<sign>[<>]=) (?P<bound>-?[\d.]+)$")
_LENGTH = re.compile(r"Expected `(?P<kind>str|array)` of length (?P<sign>[<>]=) (?P<bound>\d+)$")
_CHOICE = re.compile(r"Invalid enum value (?P<given>.*)$", re.DOTALL)
_LIMIT = {">=": "at least", "<=": "at most"}
_PATTERN = re.compile(r"Expected `str` matching regex '(?P<pattern>.*)'$", re.DOTALL)
_ONE_SET = re.compile(r"\^(?P<first>\[[A-Za-z0-9-]+\])?\[(?P<not>\^?)(?P<members>[^\[\]]+)\][+*]\$(?:\(\?!\\n\))?$")
"""A pattern of ours that says which characters a text may have, or may not have."""
_MEMBERS = {
    r"\w": "letters, digits, _",
    r"\x21-\x7e": "ASCII characters without blanks",
    r"\x00-\x1f": "control characters",
    r"\x00": "control characters",
    r"\x7f": "",
    "A-Z": "letters",
    "a-z": "lower-case letters",
    "0-9": "digits",
    ";": "semicolons",
    "'": "quotation marks",
}
"""Members of such a set in words; the others stand for themselves."""


def plain(reason: str, choices: Sequence[str] = ()) -> str:
    """What msgspec says of a value, in words for people who know no Python; any other sentence as it is.

    `choices`: the values that are accepted, where it accepts no others.
    """
    if found := _WRONG_KIND.match(reason):
        wanted = " or ".join(_KINDS.get(kind, kind) for kind in found["wanted"].split(" | ") if kind != "null")
        given = found["given"]
        return f"Expected {wanted or 'null'}" + (f", got {_KINDS.get(given, given)}" if given else "")
    if found := _BOUND.match(reason):
        return f"Expected {_KINDS[found['kind']]} of {_LIMIT[found['sign']]} {found['bound'].removesuffix('.0')}"
    if found := _LENGTH.match(reason):
        if (found["sign"], found["bound"]) == (">=", "1"):
            return "This must not be empty"
        unit = "character" if found["kind"] == "str" else "entry"
        many = {"character": "characters", "entry": "entries"}[unit]
        return f"Expected {_LIMIT[found['sign']]} {found['bound']} {unit if found['bound'] == '1' else many}"
    if found := _CHOICE.match(reason):
        meant = did_you_mean(found["given"].strip("'"), choices)
        named = f"{meant}: {', '.join(choices)}" if choices else ""
        return f"{found['given']} is not one of the values that are accepted here{named}"
    if found := _PATTERN.match(reason):
        return _characters(found["pattern"].replace("\\\\", "\\"))
    return "This field is required" if reason.startswith("Object missing required field") else reason


def _characters(pattern: str) -> str:
    """Which characters a pattern of ours accepts, or refuses."""
    found = _ONE_SET.match(pattern)
    if found is None:
        return "This does not have the form that is expected here"
    rest, words = found["members"], list[str]()
    for member, meaning in _MEMBERS.items():
        if member in rest:
            rest = rest.replace(member, "")
            words += filter(None, meaning.split(", "))
    if "letters" in words:  # of both cases
        words = [word for word in words if word != "lower-case letters"]
    if rest:
        words.append(" ".join(rest))
    named = " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
    if found["not"]:
        return f"{named[:1].upper()}{named[1:]} are not accepted here"
    return f"Only {named} are accepted here" + (", with a letter or a digit first" if found["first"] else "")
