"""TLS as sources ask for it: verified for the host's name, unless the source says that encryption is enough."""

import ssl

from datasources.model.errors import SourceUnreachable
from datasources.model.vocabulary import ErrorCode


def context_of(rootcert: str | None, *, verified: bool = True) -> ssl.SSLContext:
    """What the server's certificate is held against: this authority (PEM text), or those of the system.

    Raises `SourceUnreachable`, TLS_ERROR, for a text that is no certificate.
    """
    if not verified:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    try:
        return ssl.create_default_context(cadata=rootcert)
    except (ssl.SSLError, ValueError) as error:
        message = "rootcert is no certificate in PEM form"
        raise SourceUnreachable(ErrorCode.TLS_ERROR, message, {"stage": "tls"}) from error
