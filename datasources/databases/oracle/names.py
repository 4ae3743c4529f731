"""Is a certificate the server's? By its distinguished name, or by the host's, as Oracle's own clients decide it."""

import re
from collections import Counter
from ipaddress import ip_address

from cryptography import x509
from cryptography.x509.oid import NameOID

from datasources.model.errors import SourceUnreachable
from datasources.model.vocabulary import ErrorCode

AFTER_COMMA = re.compile(r"(?<!\\),\s+")


def parsed_name(text: str) -> Counter[tuple[str, str]] | None:
    """The attributes of a distinguished name, without their order; None for what is no such name."""
    try:
        return _attributes(x509.Name.from_rfc4514_string(AFTER_COMMA.sub(",", text.strip())))
    except ValueError:
        return None


def require_name(certificate: bytes, host: str, wanted: str | None) -> None:
    """Raise `SourceUnreachable`, TLS_ERROR, for a certificate (DER) of another server.

    `wanted` is the distinguished name that it has to have; without one, the host's name has to be among its
    alternative names, or be its common name, which is all that Oracle's own tools put into one.
    """
    found = x509.load_der_x509_certificate(certificate)
    if wanted is not None:
        if _attributes(found.subject) != parsed_name(wanted):
            raise _refused("The server's certificate has another distinguished name than ssl_server_dn")
    elif not any(_matches(host, name) for name in _names(found)):
        raise _refused(f"The server's certificate is not for {host}")


def _names(certificate: x509.Certificate) -> list[str]:
    """Alternative names, and the common name where there are none."""
    try:
        more = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        found = [*more.get_values_for_type(x509.DNSName), *map(str, more.get_values_for_type(x509.IPAddress))]
    except x509.ExtensionNotFound:
        found = []
    return found or [str(name.value) for name in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]


def _matches(host: str, name: str) -> bool:
    """The same name, or one with a star for its first label."""
    host, name = host.rstrip(".").lower(), name.rstrip(".").lower()
    if host == name:
        return True
    star, _, rest = name.partition(".")
    return star == "*" and "." in rest and not _is_address(host) and host.partition(".")[2] == rest


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _attributes(name: x509.Name) -> Counter[tuple[str, str]]:
    return Counter((attribute.oid.dotted_string, str(attribute.value).lower()) for attribute in name)


def _refused(message: str) -> SourceUnreachable:
    advice = "Check host, or give the certificate's distinguished name in ssl_server_dn."
    return SourceUnreachable(ErrorCode.TLS_ERROR, message, {"stage": "tls"}, advice)
