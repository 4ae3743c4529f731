"""How a secret may look in texts of others, each form made by the encoder that makes it."""

import base64
import html
import json
from urllib.parse import quote, quote_plus

import msgspec


def disguises(secret: str) -> dict[str, str]:
    """The secret as it may stand in a text, by who wrote it."""
    raw = secret.encode()
    units = secret.encode("utf-16-be")
    escaped = "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
    in_json = json.dumps(secret)[1:-1]
    return {
        "as it is": secret,
        "Python": repr(secret)[1:-1],
        "Python, among both quotes": repr(f"{secret}'\"")[1:-4],
        "Python, ASCII": ascii(secret)[1:-1],
        "Python, bytes": repr(raw)[2:-1],
        "unicode_escape": secret.encode("unicode_escape").decode(),
        "JSON": in_json,
        "JSON, UTF-8": json.dumps(secret, ensure_ascii=False)[1:-1],
        "JSON of msgspec": msgspec.json.encode(secret).decode()[1:-1],
        "JSON in JSON": json.dumps(in_json)[1:-1],
        "URL": quote(secret, safe=""),
        "URL, path": quote(secret),
        "URL, form": quote_plus(secret),
        "URL in URL": quote(quote(secret, safe=""), safe=""),
        "URL, small letters": quote(secret, safe="").lower(),
        "HTML": html.escape(secret),
        "SQL literal": secret.replace("'", "''"),
        "SQL name": secret.replace('"', '""'),
        "SQL name, folded": secret.lower(),
        "hexadecimal": raw.hex(),
        "base64": base64.b64encode(raw).decode(),
        "base64, URL": base64.urlsafe_b64encode(raw).decode(),
        "base64, no padding": base64.b64encode(raw).decode().rstrip("="),
        "report": " ".join(secret.split()),
        "HTML, every letter": "".join(f"&#{ord(char)};" for char in secret),
        "HTML, every letter in hexadecimal": "".join(f"&#x{ord(char):X};" for char in secret),
        "HTML of HTML": html.escape("".join(f"&#{ord(char)};" for char in secret)),
        "JSON, every letter": escaped,
        "JSON of JSON, every letter": json.dumps(escaped)[1:-1],
        "Python, every letter": "".join(f"\\U{ord(char):08x}" for char in secret),
        "JavaScript, every letter": "".join(f"\\u{{{ord(char):x}}}" for char in secret),
        "URL, every letter": "".join(f"%{byte:02X}" for byte in raw),
        "bytes, every letter": "".join(f"\\x{byte:02x}" for byte in raw),
        "every other letter": "".join(f"&#{ord(c)};" if n % 2 else c for n, c in enumerate(secret)),
        "cut by line breaks": cut("\n", secret),
        "cut by Windows' line breaks": cut("\r\n", secret),
        "cut by an indented line": cut("\n   ", secret),
        "cut by a line break in JSON": cut(r"\n", secret),
        "cut by a blank without width": cut("\u200b", secret),
        "cut by unseen characters": cut("\u2060\xad\x00", secret),
    }


def cut(by: str, secret: str) -> str:
    """The secret, cut in the middle and before its last character."""
    middle = len(secret) // 2
    return f"{secret[:middle]}{by}{secret[middle:-1]}{by}{secret[-1]}"
