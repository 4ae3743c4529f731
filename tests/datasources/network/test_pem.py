"""What is a certificate, a key or a wallet as text: a table for each, and every field of every type that holds one."""

import ssl
from base64 import b64encode
from functools import cache
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from datasources.databases import DATABASES
from datasources.databases.postgres.model import PgOptions
from datasources.model.errors import SourceUnreachable
from datasources.model.vocabulary import ErrorCode
from datasources.network.pem import are_certificates, held_by, is_der, is_key, is_wallet, misfits_in
from datasources.network.tls import context_of
from tests.fixtures.servers.database import authority_and_certificate

BUNDLE = "# Comment, with ä\nsubject=CN = Test CA\n{0}\n\n{0}"
TEXTS: dict[Any, list[str]] = {
    are_certificates: ["one", "several", "windows"],
    is_key: ["key", "encrypted", "openssh", "escaped", "both"],
    is_wallet: ["one", "several", "windows", "both", "key", "encrypted", "openssh", "escaped"],
    is_der: ["pkcs12", "lines"],
}
"""What each takes of those below; `both` has certificates, so that it is good for a root certificate as well."""
ALSO = {are_certificates: ["both"]}


@cache
def texts() -> dict[str, str]:
    """Texts of every kind that a user might paste."""
    root, own, key = authority_and_certificate()
    elliptic, odd = ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate()
    locked = elliptic.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")).decode()
    store = pkcs12.serialize_key_and_certificates(b"x", None, x509.load_pem_x509_certificate(own), None, NoEncryption())
    binary = b64encode(store).decode()
    return {
        "one": root,
        "several": BUNDLE.format(root),
        "windows": root.replace("\n", "\r\n"),
        "key": key.decode(),
        "encrypted": locked,
        "openssh": odd.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode(),
        "escaped": key.decode().replace("\n", "\\n"),
        "both": own.decode() + key.decode(),
        "pkcs12": binary,
        "lines": "\n".join(binary[at : at + 64] for at in range(0, len(binary), 64)),
        "path": "/etc/ssl/certs/ca-certificates.crt",
        "word": "system",
        "cut": root[: len(root) // 2],
        "broken": root.replace("M", "N", 3),
        "empty": "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----",
        "no key": "-----BEGIN PRIVATE KEY-----\nit is a secret\n-----END PRIVATE KEY-----",
        "header": "-----BEGIN CERTIFICATE-----",
        "trusted": trusted(root),
        "foreign": root.replace("M", "É", 1),
    }


def trusted(certificate: str) -> str:
    """The same certificate as `openssl x509 -trustout` writes it, with no settings."""
    label, body = "TRUSTED CERTIFICATE", b64encode(ssl.PEM_cert_to_DER_cert(certificate) + b"\x30\x00").decode()
    lines = "\n".join(body[at : at + 64] for at in range(0, len(body), 64))
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n"


@pytest.mark.parametrize("fits", TEXTS, ids=[rule.__name__ for rule in TEXTS])
def test_what_is_taken(fits: Any) -> None:
    """PEM of one or several certificates with whatever is around them, keys in each form; no path, and nothing cut."""
    taken = {name for name, text in texts().items() if fits(text)}
    assert taken == {*TEXTS[fits], *ALSO.get(fits, ())}


@pytest.mark.parametrize("field", ["rootcert", "sslcert"])
def test_a_certificate_in_the_form_of_openssl(field: str) -> None:
    """The sentence has the command that converts it; beside a plain certificate, it is not looked at."""
    options = {"host": "h", "user": "u", "dbname": "d"}
    root, other = texts()["one"], texts()["trusted"]
    ((name, sentence),) = misfits_in(PgOptions(**options | {field: other}))
    assert (name, "`openssl x509 -in FILE`" in sentence) == (field, True)
    assert [*misfits_in(PgOptions(**options | {field: root + other}))] == []
    ((_, sentence),) = misfits_in(PgOptions(**options | {field: texts()["broken"] + other}))
    assert "This is not a certificate" in sentence


@pytest.mark.parametrize("label", ["CERTIFICATE", "PRIVATE KEY"])
def test_a_text_of_beginnings_is_read_once(label: str) -> None:
    """A client may send one, and the API's event loop reads it: not from each beginning to the end of the text."""
    text = f"-----BEGIN {label}-----\n" * 100_000
    assert not are_certificates(text)
    assert not is_key(text)
    assert not is_wallet(text)


@pytest.mark.parametrize("name", sorted({*TEXTS[are_certificates], *ALSO[are_certificates]}))
def test_what_is_taken_can_be_used(name: str) -> None:
    """Bundles name their authorities in any language: what was saved does not fail when it is tested."""
    assert context_of(texts()[name]).cert_store_stats()["x509"] > 0


@pytest.mark.parametrize("name", ["word", "broken", "empty", "foreign"])
def test_what_is_none_is_refused_by_a_test_as_well(name: str) -> None:
    """A reference to a secret is resolved only then."""
    with pytest.raises(SourceUnreachable) as refusal:
        context_of(texts()[name])
    assert refusal.value.code is ErrorCode.TLS_ERROR


@pytest.mark.parametrize("word", sorted(DATABASES))
def test_every_field_that_holds_one_says_so(word: str) -> None:
    """By its name, each field of each type that is about a certificate or a key file is in the rule, and no other."""
    options = DATABASES[word].options
    wanted = {
        name
        for name in options.__struct_fields__
        if name in {"rootcert", "customcert", "ssl_certificate", "sslcert", "sslkey", "keyPairFile"}
        or (name.startswith("ewallet_") and name.endswith("_file"))
    }
    assert {*held_by(options)} == wanted
