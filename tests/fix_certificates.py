"""An authority of our own, for servers and clients with certificates."""

import datetime
import ssl
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


class Authority:
    """Makes certificates."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self.signed("CN=authority", self.key.public_key(), None)

    def signed(self, subject: str, key: Any, *names: str | None) -> x509.Certificate:
        """A certificate for this subject, with these alternative names."""
        name = x509.Name.from_rfc4514_string(subject)
        now = datetime.datetime.now(datetime.UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")]))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=None in names, path_length=None), critical=True)
        )
        if given := [_name(one) for one in names if one]:
            made = made.add_extension(x509.SubjectAlternativeName(given), critical=False)
        return made.sign(self.key, hashes.SHA256())

    @property
    def pem(self) -> str:
        """Its own certificate."""
        return self.certificate.public_bytes(Encoding.PEM).decode()

    def context(self, folder: Path, subject: str, *names: str) -> ssl.SSLContext:
        """A server's, with a certificate for this subject."""
        key = ec.generate_private_key(ec.SECP256R1())
        path = folder / "server.pem"
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.write_bytes(private + self.signed(subject, key.public_key(), *names).public_bytes(Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(text))
    except ValueError:
        return x509.DNSName(text)
