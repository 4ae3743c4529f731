"""Host keys as people write them down: a public key line or a fingerprint."""

import base64
import binascii
import hashlib
import re

from msgspec import Struct

ALGORITHMS: dict[str, tuple[str, ...]] = {
    "ssh-ed25519": ("ssh-ed25519",),
    "ecdsa-sha2-nistp256": ("ecdsa-sha2-nistp256",),
    "ecdsa-sha2-nistp384": ("ecdsa-sha2-nistp384",),
    "ecdsa-sha2-nistp521": ("ecdsa-sha2-nistp521",),
    "ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256"),
}
"""The types of host keys that we accept, most wanted first, and the signature algorithms of each (RFC 8332)."""

_FINGERPRINT = re.compile(r"SHA256:([A-Za-z0-9+/]{43})=?")


class HostKey(Struct, frozen=True):
    """A key that a gateway is known by. `key_type` is None where only the fingerprint was written down."""

    fingerprint: str
    key_type: str | None = None

    @classmethod
    def parse(cls, text: str) -> "HostKey":
        """Read `ssh-ed25519 AAAA… [comment]` or `SHA256:…`. Raises `ValueError` with a sentence."""
        text = text.strip()
        found = _FINGERPRINT.fullmatch(text)
        if found:
            return cls(_canonical(found[1]))
        words = text.split(None, 2)
        if "\n" in text or len(words) < 2:
            raise ValueError("neither a public key line (`ssh-ed25519 AAAA…`) nor a fingerprint (`SHA256:…`)")
        key_type, encoded = words[:2]
        if key_type not in ALGORITHMS:
            raise ValueError(f"not a public key line of a known type (one of {', '.join(ALGORITHMS)})")
        blob = _decoded(encoded)
        if not blob.startswith(len(key_type).to_bytes(4, "big") + key_type.encode()):
            raise ValueError(f"a public key line whose key is not of the type {key_type}")
        return cls(fingerprint_of(blob), key_type)


def fingerprint_of(blob: bytes) -> str:
    """A public key's fingerprint as `ssh-keygen -l` prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def _canonical(digest: str) -> str:
    if base64.b64encode(base64.b64decode(digest + "=")).decode().rstrip("=") != digest:
        raise ValueError("a fingerprint that no key can have: a character is wrong")
    return "SHA256:" + digest


def _decoded(encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("a public key line whose key is not base64") from error
