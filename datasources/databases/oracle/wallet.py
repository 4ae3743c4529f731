"""The contents of a wallet as a TLS context: what the server is held against, and who we are to it."""

import binascii
import re
import ssl
import tempfile
from base64 import b64decode
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12
from msgspec import Struct

from datasources.databases.oracle.model import OracleOptions
from datasources.model.errors import SourceUnreachable
from datasources.model.vocabulary import ErrorCode
from datasources.network.pem import BODY

KEY = re.compile(rf"-----BEGIN ([A-Z ]*PRIVATE KEY)-----{BODY}-----END \1-----")


class Wallet(Struct, frozen=True):
    """Certificates of authorities; and a certificate of the client with its key, where it has one."""

    trusted: list[Any] = []
    own: Any = None
    key: Any = None


def context_of(options: OracleOptions) -> ssl.SSLContext:
    """Verified by the wallet's authorities, or by the system's where it has none; names are checked afterwards.

    Raises `SourceUnreachable`, TLS_ERROR, for contents that are no wallet, or that the password does not open.
    """
    wallet = wallet_of(options)
    authorities = "".join(_pem(certificate) for certificate in wallet.trusted)
    try:
        context = ssl.create_default_context(cadata=authorities or None)
        context.check_hostname = False
        if wallet.key is not None:
            _show(context, wallet)
    except ssl.SSLError as error:
        raise _wrong(f"The wallet cannot be used ({error.reason or 'TLS'})") from error
    return context


def wallet_of(options: OracleOptions) -> Wallet:
    """What the source's wallet holds; nothing, where it has none."""
    given = "x509" if options.ewallet_pem_file or not options.ewallet_pkcs12_file else "pkcs12"
    kind = options.ewallet_type or given
    password = options.ewallet_password.encode() if options.ewallet_password else None
    try:
        if kind == "pkcs12":
            return _of_pkcs12(options.ewallet_pkcs12_file, password)
        return _of_pem(options.ewallet_pem_file, password)
    except (ValueError, TypeError, binascii.Error) as error:
        field = "ewallet_pkcs12_file" if kind == "pkcs12" else "ewallet_pem_file"
        raise _wrong(f"{field} is not the contents of a wallet, or ewallet_password does not open it") from error


def _of_pem(text: str | None, password: bytes | None) -> Wallet:
    if not text:
        return Wallet()
    certificates = x509.load_pem_x509_certificates(text.encode())
    found = KEY.search(text)
    if found is None:
        return Wallet(certificates)
    block = found[0].encode()
    key = load_pem_private_key(block, password if b"ENCRYPTED" in block else None)
    own = [certificate for certificate in certificates if _is_of(key, certificate)]
    if not own:
        raise ValueError("no certificate for the key")
    return Wallet([one for one in certificates if one is not own[0]], own[0], key)


def _of_pkcs12(text: str | None, password: bytes | None) -> Wallet:
    if not text:
        return Wallet()
    loaded = load_pkcs12(b64decode("".join(text.split()), validate=True), password)
    trusted = [entry.certificate for entry in loaded.additional_certs]
    if loaded.key is None or loaded.cert is None:
        return Wallet([*trusted, *([loaded.cert.certificate] if loaded.cert else [])])
    return Wallet(trusted, loaded.cert.certificate, loaded.key)


def _is_of(key: Any, certificate: x509.Certificate) -> bool:
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    same: bool = key.public_key().public_bytes(*form) == certificate.public_key().public_bytes(*form)
    return same


def _show(context: ssl.SSLContext, wallet: Wallet) -> None:
    """Have the context show the client's certificate: OpenSSL reads it from a file, which lasts as long as that."""
    key = wallet.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    with tempfile.TemporaryDirectory(prefix="sourcecheck-") as folder:
        path = Path(folder) / "client.pem"
        path.touch(mode=0o600)
        path.write_text(key + "".join(_pem(one) for one in (wallet.own, *wallet.trusted)))
        context.load_cert_chain(path)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def _wrong(message: str) -> SourceUnreachable:
    advice = "Paste the contents of ewallet.pem, or ewallet.p12 in base64, and its password."
    return SourceUnreachable(ErrorCode.TLS_ERROR, message, {"stage": "tls"}, advice)
