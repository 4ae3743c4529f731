"""A service account's key as Google writes it: one kind alone, and no address of its own."""

import json
from typing import Any

TYPE = "service_account"
UNIVERSE = "googleapis.com"
TOKEN_ADDRESSES = frozenset(
    {
        "https://oauth2.googleapis.com/token",
        "https://accounts.google.com/o/oauth2/token",
        "https://www.googleapis.com/oauth2/v4/token",
    }
)
"""Google's own. None of them is asked: a token is signed with the key."""
NEEDED = ("client_email", "private_key", "project_id")
KNOWN = frozenset(
    {
        "type", "project_id", "private_key_id", "private_key", "client_email", "client_id", "auth_uri", "token_uri",
        "auth_provider_x509_cert_url", "client_x509_cert_url", "universe_domain",
    }
)  # fmt: skip
"""What Google writes into one. Other kinds of key name files, addresses and programs that lend a login."""


def read_key(text: str) -> dict[str, Any]:
    """The key's fields. Raises `ValueError` with a sentence that holds none of its values."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("`jsonKeyFile` is not the JSON text of a key file") from None
    if not isinstance(found, dict) or found.get("type") != TYPE:
        raise ValueError("`jsonKeyFile` has to be the key of a service account: its type is service_account")
    if unknown := sorted(str(name) for name in found.keys() - KNOWN):
        raise ValueError(f"`jsonKeyFile` has the field {unknown[0][:100]}, which no key of a service account has")
    for name in NEEDED:
        if not isinstance(found.get(name), str) or not found[name]:
            raise ValueError(f"`jsonKeyFile` has no {name}")
    if "PRIVATE KEY-----" not in found["private_key"]:
        raise ValueError("`jsonKeyFile` has a private_key that is not PEM text")
    if found.get("token_uri", UNIVERSE) not in TOKEN_ADDRESSES | {UNIVERSE}:
        raise ValueError("`jsonKeyFile` has a token_uri that is not Google's own")
    if found.get("universe_domain", UNIVERSE) != UNIVERSE:
        raise ValueError(f"`jsonKeyFile` has a universe_domain that is not {UNIVERSE}")
    return found
