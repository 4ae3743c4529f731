"""Private keys from text, in memory: OpenSSH, PKCS#1, SEC1, PKCS#8; Ed25519, ECDSA, RSA; with a passphrase or not."""

import binascii
import io
import re
import struct
import textwrap
from base64 import b64decode
from collections.abc import Callable, Iterator

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_ssh_private_key,
)
from paramiko import ECDSAKey, Ed25519Key, PKey, RSAKey, SSHException

from datasources.network.pem import BODY
from datasources.network.ssh.faults import unusable

KINDS: tuple[tuple[type, type[PKey]], ...] = (
    (Ed25519PrivateKey, Ed25519Key),
    (EllipticCurvePrivateKey, ECDSAKey),
    (RSAPrivateKey, RSAKey),
)
OPENSSH, ENCRYPTED = "OPENSSH PRIVATE KEY", "ENCRYPTED PRIVATE KEY"
MAX_ROUNDS = 1000
"""bcrypt rounds of an OpenSSH key; 16 or 24 are usual, 1000 take 8 s."""
MAX_ITERATIONS = 1_000_000
"""Iterations, or memory cost, of a PKCS#8 key; OpenSSL writes 2048. More would stop the whole process for long."""

_PEM = re.compile(rf"-----BEGIN (?P<label>[A-Z0-9 ]*PRIVATE KEY)-----{BODY}-----END (?P=label)-----")


def load_private_key(text: str, passphrase: str | None) -> PKey:
    """The key, ready to sign. Takes up to seconds of CPU: for a thread.

    Raises `SourceUnreachable` (SSH_AUTHENTICATION_FAILED) that says why the key cannot be used; with
    `details["secret_missing"]` when it is only the passphrase that is missing.
    """
    label, pem = _block(text)
    load: Callable[..., object] = load_ssh_private_key if label == OPENSSH else load_pem_private_key
    try:
        key = _load(load, pem.encode(), passphrase)
    except UnsupportedAlgorithm as error:
        raise unusable("its type or its encryption is not supported") from error
    for kind, wrapper in KINDS:
        if isinstance(key, kind):
            return _wrapped(key, wrapper)
    raise unusable("it is of an unsupported type; use Ed25519, ECDSA or RSA")


def _load(load: Callable[..., object], data: bytes, passphrase: str | None) -> object:
    try:
        return load(data, None)
    except TypeError as error:  # the library's way to say that it is encrypted
        if not passphrase:
            raise unusable("it is encrypted, and the source has no passphrase", "passphrase") from error
    except ValueError as error:
        raise unusable("it is malformed") from error
    try:
        return load(data, passphrase.encode())
    except ValueError as error:
        raise unusable("the passphrase is wrong, or the key is damaged") from error


def _wrapped(key: object, wrapper: type[PKey]) -> PKey:
    """The same key as paramiko's, through the one format that paramiko reads for every type."""
    try:
        plain = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())  # type: ignore[attr-defined]
        return wrapper.from_private_key(io.StringIO(plain.decode()))
    except (ValueError, SSHException) as error:
        raise unusable("its curve or size is not supported") from error


def _block(text: str) -> tuple[str, str]:
    """Label and text of the private key in what the user pasted, once it is clear that reading it is no trap."""
    lines = [line.strip() for line in text.replace("\\r", "").replace("\\n", "\n").strip().splitlines()]
    text = "\n".join(lines) + "\n"
    if text.startswith("PuTTY-User-Key-File"):
        raise unusable("it is in PuTTY's format; export it in OpenSSH's (puttygen -O private-openssh)")
    if text.startswith(("ssh-", "ecdsa-", "sk-", "---- BEGIN SSH2 PUBLIC")) or "PUBLIC KEY-----" in text:
        raise unusable("it is a public key")
    found = _PEM.search(text)
    if not found:
        raise unusable("it is malformed")
    try:
        costly = _costly(found["label"], found["body"])
    except (binascii.Error, struct.error, IndexError, ValueError) as error:
        raise unusable("it is malformed") from error
    if costly:
        raise unusable("its passphrase would take too long to check")
    return found["label"], _pem(found["label"], found["body"])


def _pem(label: str, body: str) -> str:
    """The key with lines as libraries want them: what was pasted as one line has blanks where they ended."""
    if ":" not in body:  # the headers of an old encrypted key are lines of their own
        body = "\n".join(textwrap.wrap("".join(body.split()), 64))
    return f"-----BEGIN {label}-----\n{body.strip(chr(10))}\n-----END {label}-----\n"


def _costly(label: str, body: str) -> bool:
    """Whether a key was made to keep us busy: its own header says how much work the passphrase is."""
    if label == OPENSSH:
        return _rounds(b64decode(body)) > MAX_ROUNDS
    if label == ENCRYPTED:
        (_, whole), *_ = _elements(b64decode(body))
        (_, algorithm), *_ = _elements(whole)
        return any(number > MAX_ITERATIONS for number in _integers(algorithm))
    return False


def _rounds(data: bytes) -> int:
    """bcrypt rounds in the header of an OpenSSH key (PROTOCOL.key of OpenSSH), 0 without encryption."""
    rest, fields = data.removeprefix(b"openssh-key-v1\0"), []
    for _ in range(3):
        size = struct.unpack(">I", rest[:4])[0]
        fields.append(rest[4 : 4 + size])
        rest = rest[4 + size :]
    return int.from_bytes(fields[2][-4:], "big") if fields[1] == b"bcrypt" else 0


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and content of each DER element in a row."""
    while data:
        tag, size, start = data[0], data[1], 2
        if size & 0x80:
            start = 2 + (size & 0x7F)
            size = int.from_bytes(data[2:start], "big")
        if start + size > len(data):
            raise ValueError("DER element cut off")
        yield tag, data[start : start + size]
        data = data[start + size :]


def _integers(data: bytes, depth: int = 6) -> Iterator[int]:
    """Every integer in a DER structure; key derivation parameters lie four levels deep."""
    for tag, content in _elements(data):
        if tag == 0x02:
            yield int.from_bytes(content, "big")
        elif tag & 0x20 and depth:
            yield from _integers(content, depth - 1)
