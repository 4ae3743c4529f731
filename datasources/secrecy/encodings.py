"""How a secret looks in texts that others have made: quoted, escaped, encoded, or a piece of something encoded."""

import base64
import html
import re
from collections.abc import Iterator
from itertools import groupby

SHORTEST_LINE = 4
"""Characters of a line of a secret that is looked for by itself."""
SHORTEST_PIECE = 8
"""Characters of base64 without padding that are looked for; fewer are found in innocent texts."""
NAME_BYTES = 63
"""PostgreSQL cuts a name after so many bytes, and quotes what is left."""
ESCAPES = {"\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f", "\v": "v", "\a": "a"}


def patterns(secret: str) -> dict[str, str]:
    """Regular expressions, to be used without regard to case, each with the plain text it stands for."""
    raw = secret.encode(errors="surrogatepass")
    found = {_text(text): text for text in plain_texts(secret)}
    found[raw.hex()] = raw.hex()
    for offset in range(3):
        piece = _piece(raw, offset)
        if len(piece) >= SHORTEST_PIECE:
            found[_either_alphabet(piece)] = piece
    whole = base64.b64encode(raw).decode()
    found[_either_alphabet(whole)] = whole
    return found


def plain_texts(secret: str) -> set[str]:
    """The secret, each of its lines that is long enough, and what PostgreSQL would leave of it as a name."""
    cut = secret.encode(errors="surrogatepass")[:NAME_BYTES].decode(errors="ignore")
    lines = {line for line in secret.splitlines() if len(line) >= SHORTEST_LINE}
    return {text for text in (secret, cut, *lines) if text}


def _text(text: str) -> str:
    """Character by character, as encodings may be mixed; a program on the way may have merged several blanks."""
    return "".join(
        f"(?:{'|'.join(sorted({form for char in set(run) for form in _forms(char)}, key=len, reverse=True))})"
        + ("+" if blank else "")
        for blank, run in _runs(text)
    )


def _runs(text: str) -> Iterator[tuple[bool, str]]:
    for blank, run in groupby(text, str.isspace):
        characters = "".join(run)
        yield from [(True, characters)] if blank else ((False, char) for char in characters)


def _forms(char: str) -> set[str]:
    """A character as encoders write it; they leave letters and digits of ASCII alone."""
    if char.isascii() and char.isalnum():
        return {char}
    raw, units = char.encode(errors="surrogatepass"), char.encode("utf-16-be", errors="surrogatepass")
    forms = {
        re.escape(char),
        re.escape(html.escape(char)),
        rf"&\#0{{0,8}}{ord(char)};",
        rf"&\#x0{{0,8}}{ord(char):x};",
        "".join(f"%(?:25){{0,8}}{byte:02x}" for byte in raw),
        "".join(rf"\\{{1,8}}x{byte:02x}" for byte in raw),
        rf"\\{{1,8}}x{ord(char):02x}",
        "".join(rf"\\{{1,8}}u{units[at : at + 2].hex()}" for at in range(0, len(units), 2)),
        rf"\\{{1,8}}u{ord(char):08x}",
    }
    if char in "'\"\\/":
        forms |= {rf"\\{{1,8}}{re.escape(char)}", re.escape(char * 2)}
    if char in ESCAPES:
        forms.add(rf"\\{{1,8}}{ESCAPES[char]}")
    if char.isspace():
        forms |= {r"\s", r"\+"}
    return forms


def _piece(raw: bytes, offset: int) -> str:
    """What base64 makes of this inside something longer, wherever it begins: less what neighbours have a part in."""
    encoded = base64.b64encode(b"\0" * offset + raw).decode().rstrip("=")
    whole_bits = (offset + len(raw)) * 8 // 6
    return encoded[-(-offset * 8 // 6) : whole_bits]


def _either_alphabet(encoded: str) -> str:
    return "".join({"+": r"[+\-]", "/": "[/_]", "=": "(?:=|%3d)?"}.get(char, char) for char in encoded)
