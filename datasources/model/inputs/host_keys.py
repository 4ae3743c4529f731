"""Host keys as people write them down: a public key line or a fingerprint."""

import base64
import binascii
import hashlib
import hmac
import re

from msgspec import Struct

SSH_PORT = 22
ALGORITHMS: dict[str, tuple[str, ...]] = {
    "ssh-ed25519": ("ssh-ed25519",),
    "ecdsa-sha2-nistp256": ("ecdsa-sha2-nistp256",),
    "ecdsa-sha2-nistp384": ("ecdsa-sha2-nistp384",),
    "ecdsa-sha2-nistp521": ("ecdsa-sha2-nistp521",),
    "ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256"),
}
"""The types of host keys that we accept, most wanted first, and the signature algorithms of each (RFC 8332)."""

_FINGERPRINT = re.compile(r"(?:SHA256:)?([A-Za-z0-9+/]{43})=?")
_MD5 = re.compile(r"(?:MD5:)?(?:[0-9a-f]{2}:){15}[0-9a-f]{2}")
_BITS = re.compile(r"[1-9][0-9]{2,4}")
_HASHED = re.compile(r"\|1\|([A-Za-z0-9+/]+=*)\|([A-Za-z0-9+/]+=*)")
SAY = "a public key line (`ssh-ed25519 AAAA…`) or a fingerprint (`SHA256:…`)"


class HostKey(Struct, frozen=True):
    """A key that a gateway is known by. `key_type` is None where only the fingerprint was written down."""

    fingerprint: str
    key_type: str | None = None
    names: str | None = None
    """The hosts that a known_hosts line is about, as it has them; None where nothing names a host."""

    @classmethod
    def parse(cls, text: str) -> "HostKey":
        """The one key in what a person pasted. Raises `ValueError` with the end of a sentence that begins "it is".

        Taken: a public key line with or without its comment, a line of known_hosts or `ssh-keyscan` (hashed, too), a
        line that `ssh-keygen -l` prints, a fingerprint with or without `SHA256:`. Comments and blank lines are left
        out, and so are repetitions.
        """
        found = list({key.fingerprint: key for key in cls.parse_all(text)}.values())
        if len(found) != 1:
            raise ValueError(f"{len(found)} different keys; paste the one that the gateway shows")
        return found[0]

    @classmethod
    def parse_all(cls, text: str) -> list["HostKey"]:
        """Every key in what a person pasted, at least one, in its order. Raises `ValueError` as `parse` does."""
        lines = [line.strip() for line in text.splitlines()]
        keys = [_parse_line(line) for line in lines if line and not line.startswith("#")]
        if not keys:
            raise ValueError(f"neither {SAY.replace(' or ', ' nor ')}")
        return keys

    def is_about(self, host: str, port: int) -> bool:
        """Whether the line names this host and port, or names none; hashed names are compared by their hash."""
        wanted = {host.lower()} if port == SSH_PORT else set()
        wanted.add(f"[{host.lower()}]:{port}")
        if self.names is None:
            return True
        hashed = _HASHED.fullmatch(self.names)
        if hashed:
            return any(_hashed_name(hashed[1], name) == hashed[2] for name in wanted)
        return bool(wanted & set(self.names.lower().split(",")))


def _parse_line(line: str) -> HostKey:
    """One line. The first word that is a type of key, a fingerprint or a number of bits says which form it has."""
    words = line.split()
    for number, word in enumerate(words[:2]):
        if word in ALGORITHMS or word.startswith(("ssh-", "ecdsa-", "sk-", "rsa-")):
            return _parse_public(word, words[number + 1 : number + 2], words[0] if number else None)
    first = words[1] if len(words) > 1 and _BITS.fullmatch(words[0]) else words[0]
    if found := _FINGERPRINT.fullmatch(first):
        return HostKey(_canonical(found[1]))
    if _MD5.fullmatch(first):
        raise ValueError("an MD5 fingerprint; give the SHA256 one, as `ssh-keygen -l -E sha256` prints it")
    if words[0] in ("@revoked", "@cert-authority"):
        raise ValueError(f"a line of known_hosts with the marker {words[0]}, which names no key to trust")
    if "PRIVATE KEY" in line:
        raise ValueError("a private key; give the gateway's public key, which `ssh-keyscan` shows")
    raise ValueError(f"neither {SAY.replace(' or ', ' nor ')}")


def _parse_public(key_type: str, encoded: list[str], names: str | None) -> HostKey:
    if key_type not in ALGORITHMS:
        raise ValueError(f"a key of the type {key_type}; those accepted are {', '.join(ALGORITHMS)}")
    if not encoded:
        raise ValueError("cut off: the key itself is missing behind its type")
    blob = _decoded(encoded[0])
    if not blob.startswith(len(key_type).to_bytes(4, "big") + key_type.encode()):
        raise ValueError(f"a public key line whose key is not of the type {key_type}")
    return HostKey(fingerprint_of(blob), key_type, names)


def _hashed_name(salt: str, name: str) -> str:
    """A name as OpenSSH hashes it in known_hosts: HMAC-SHA1 with the line's own salt."""
    try:
        digest = hmac.new(base64.b64decode(salt), name.encode(), hashlib.sha1).digest()
    except binascii.Error:
        return ""
    return base64.b64encode(digest).decode()


def echoes(text: str, fingerprint: str) -> bool:
    """Whether what a person pasted shows exactly this fingerprint, perhaps beside other keys of the same gateway."""
    try:
        return fingerprint in {key.fingerprint for key in HostKey.parse_all(text)}
    except ValueError:
        return False


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
