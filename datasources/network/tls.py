"""TLS as sources ask for it: verified for the host's name, unless the source says that less is enough."""

import ssl
from typing import Literal

from datasources.model.errors import SourceUnreachable
from datasources.model.vocabulary import ErrorCode
from datasources.network.pem import certificates_in

Verification = Literal["full", "ca", "none"]
"""What of a server's certificate is verified: its authority and its name, its authority alone, or nothing."""

MODES: dict[str, Verification | None] = {
    "off": None,
    "prefer": "none",
    "require": "none",
    "verify-ca": "ca",
    "verify-full": "full",
}
"""What the words of the options verify, where there is TLS at all; None where there is none."""
WARNINGS: dict[Verification | None, str | None] = {
    "full": None,
    "ca": "Only the certificate's authority was verified, not its name: any server with a certificate of this "
    "authority "
    "could answer here",
    "none": "The connection is encrypted, but the server's certificate was not verified: any server could answer here",
    None: "The connection is not encrypted",
}
"""What an answer says of a connection; the keys are what was verified, None without TLS."""


def context_of(rootcert: str | None, verification: Verification = "full") -> ssl.SSLContext:
    """What the server's certificate is held against: this authority (PEM text), or those of the system.

    Raises `SourceUnreachable`, TLS_ERROR, for a text that is no certificate.
    """
    if verification == "none":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    try:
        context = ssl.create_default_context(cadata=certificates_in(rootcert) if rootcert else None)
    except (ssl.SSLError, ValueError) as error:
        message = "rootcert is not a certificate in PEM form"
        raise SourceUnreachable(ErrorCode.TLS_ERROR, message, {"stage": "tls"}) from error
    context.check_hostname = verification == "full"
    return context
