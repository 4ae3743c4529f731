"""How a secret may look in texts of others, each form made by the encoder that makes it."""

import base64
import html
import json
from urllib.parse import quote, quote_plus

import msgspec


def disguises(secret: str) -> dict[str, str]:
    """The secret as it may stand in a text, by who wrote it."""
    raw = secret.encode()
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
    }
