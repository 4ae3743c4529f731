"""Certificates and keys as text: what fields of options hold them, and what is none of them.

A field says so in its `Meta` (`pem_field`), and the code that reads a client's source asks `misfits_in`: what is no
certificate is refused when a source is saved, not when it is tested.
"""

import re
import ssl
from base64 import b64decode
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

BODY = r"(?P<body>(?:[^-]|-(?!----))*+)"
"""What stands between the lines that begin and end a block: up to the next dashes, so that a text of nothing but
beginnings takes no longer than others."""
BLOCK = re.compile(rf"-----BEGIN (?P<label>[A-Z0-9 ]+)-----{BODY}-----END (?P=label)-----")
CERTIFICATES = frozenset({"CERTIFICATE", "X509 CERTIFICATE"})
TRUSTED = "TRUSTED CERTIFICATE"
"""OpenSSL's own form: a certificate followed by what it is trusted for. Of our drivers, only some can read it."""
HEADER = re.compile(r"^[\w-]+:.*$", re.MULTILINE)
"""Of an encrypted key in an old form (`Proc-Type: 4,ENCRYPTED`)."""
SEQUENCE = b"\x30"
"""How everything begins that is DER."""


class Holds(StrEnum):
    """What a field holds."""

    certificates = "certificates"
    """One certificate or several."""
    key = "key"
    """A private key, encrypted or not."""
    wallet = "wallet"
    """Certificates, and perhaps a private key."""
    der = "der"
    """Base64 of a binary container, such as PKCS #12."""


def pem_field(title: str, holds: Holds = Holds.certificates, max_length: int = 65536) -> Meta:
    """What says of a field that it holds this, for forms, the schema, and the code that reads a client's source."""
    return Meta(
        title=title, max_length=max_length, extra_json_schema={"format": "textarea"}, extra={"holds": holds.value}
    )


RootCertificate = Annotated[str, pem_field("Root certificate (PEM)")]
"""The authority of a server's certificate, or several."""


def misfits_in(options: Struct) -> Iterator[tuple[str, str]]:
    """Fields that hold something else than they should, each with the sentence that says so."""
    for name, holds in held_by(type(options)).items():
        text = getattr(options, name)
        if text:
            fits, sentence = RULES[holds]
            if not fits(text):
                yield name, CONVERT if _is_trusted(text, holds) else sentence


def held_by(kind: type[Struct]) -> dict[str, Holds]:
    """Which fields of these options hold what."""
    info: Any = msgspec.inspect.type_info(kind)
    return {field.name: held for field in info.fields if (held := _holds(field.type)) is not None}


def _holds(found: Any) -> Holds | None:
    """By the `Meta` of a type, or of one of a union's."""
    for one in (found, *getattr(found, "types", ())):
        if isinstance(one, msgspec.inspect.Metadata) and one.extra and "holds" in one.extra:
            return Holds(one.extra["holds"])
    return None


def certificates_in(text: str) -> str:
    """The certificates without what stands around them, such as comments in any language.

    Raises `ValueError` for a text that holds none, and for letters within one that no PEM has.
    """
    blocks = "\n".join(found[0] for found in BLOCK.finditer(text) if found["label"] in CERTIFICATES)
    if not blocks or not blocks.isascii():
        raise ValueError("no certificate in PEM form")
    return blocks


def are_certificates(text: str) -> bool:
    """Whether these are certificates in PEM form, and nothing that looks like one and is broken."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=certificates_in(text))
    except (ssl.SSLError, ValueError):
        return False
    return True


def is_key(text: str) -> bool:
    """Whether there is a private key in PEM form; whether it can be used is found out with its passphrase."""
    blocks = BLOCK.finditer(text.replace("\\n", "\n"))  # as it stands in a JSON text
    return any(found["label"].endswith("PRIVATE KEY") and _is_base64(found["body"]) for found in blocks)


def is_wallet(text: str) -> bool:
    """Whether there are certificates, a key, or both."""
    labels = {found["label"] for found in BLOCK.finditer(text)}
    return are_certificates(text) if labels & CERTIFICATES else is_key(text)


def is_der(text: str) -> bool:
    """Whether it is base64 of something binary."""
    try:
        return b64decode("".join(text.split()), validate=True).startswith(SEQUENCE)
    except ValueError:
        return False


def _is_trusted(text: str, holds: Holds) -> bool:
    """Whether it is the certificate that the field holds, but in OpenSSL's own form."""
    labels = {found["label"] for found in BLOCK.finditer(text)}
    return holds in (Holds.certificates, Holds.wallet) and TRUSTED in labels and not labels & CERTIFICATES


def _is_base64(body: str) -> bool:
    try:
        return bool(b64decode("".join(HEADER.sub("", body).split()), validate=True))
    except ValueError:
        return False


CONVERT = (
    "This certificate has OpenSSL's trust settings (TRUSTED CERTIFICATE), which most drivers cannot read: paste what "
    "`openssl x509 -in FILE` prints, where FILE holds it"
)
RULES: dict[Holds, tuple[Callable[[str], bool], str]] = {
    Holds.certificates: (
        are_certificates,
        "This is not a certificate in PEM form: paste its text, from -----BEGIN CERTIFICATE----- to "
        "-----END CERTIFICATE-----, not the path of a file",
    ),
    Holds.key: (
        is_key,
        "This is not a private key in PEM form: paste its text, from -----BEGIN … PRIVATE KEY----- to the line that "
        "ends it, not the path of a file",
    ),
    Holds.wallet: (
        is_wallet,
        "This is not a wallet in PEM form: paste the text of ewallet.pem, with its lines -----BEGIN … and -----END …",
    ),
    Holds.der: (is_der, "This is not a PKCS #12 wallet in base64: paste what `base64 ewallet.p12` prints"),
}
"""What each has to be, and what is said of a text that is something else."""
