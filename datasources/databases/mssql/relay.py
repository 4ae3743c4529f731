"""The way to a SQL Server: TLS is spoken here, and not by the driver, whose own checks of certificates are weaker."""

import asyncio
import ssl
from collections.abc import Sequence
from typing import cast

from datasources.databases.mssql.tds import (
    NOT_SUPPORTED,
    ON,
    PRELOGIN,
    REPLY,
    REQUIRED,
    Foreign,
    Secured,
    encryption_of,
    packet,
    read_message,
    with_encryption,
)  # fmt: skip
from datasources.model.errors import SourceUnreachable
from datasources.model.vocabulary import ErrorCode
from datasources.network.progress import Progress
from datasources.network.way_out import Relay, Streams

NO_TLS = "The server offers no encryption"
CLEARTEXT = (
    "The server offers no encryption, and without it the password would be sent in clear text: set "
    "allow_cleartext_password if you trust the network in between"
)
TLS_ADVICE = (
    "Give the authority's certificate as rootcert, or check that the host is a name in the server's certificate; "
    "trust_server_certificate takes any certificate."
)
NO_TLS_ADVICE = "Give the server a certificate, or unset require_encryption."
FOREIGN = "What answers at this port does not speak SQL Server's protocol (TDS)"
SILENCE = "The server ended the connection before it had said how it encrypts"


class TdsRelay(Relay):
    """A relay that agrees with the server on encryption, and tells the driver that there is none."""

    def __init__(
        self,
        addresses: Sequence[str],
        port: int,
        *,
        tls: ssl.SSLContext,
        name: str,
        progress: Progress,
        required: bool,
        cleartext: bool,
    ) -> None:
        """`required`: not without TLS; `cleartext`: a password may be sent without it."""
        super().__init__(addresses, port, context=None, name=name, progress=progress)
        self._tls = tls
        self._tls.maximum_version = ssl.TLSVersion.TLSv1_2  # TLS 1.3 ends its handshake later than TDS 7 has room for
        self._required = required
        self._cleartext = cleartext

    async def _lead(self, near: Streams) -> Streams:
        progress = self._progress()
        far = await self._open(self._addresses, self._port, progress, None, self._name)
        try:
            async with asyncio.timeout(progress.left):
                return await self._agree(near, far, progress)
        except BaseException as error:
            far[1].transport.abort()
            refusal = _meaning_of(error, progress)
            if refusal is None:
                raise
            raise refusal from error

    async def _agree(self, near: Streams, far: Streams, progress: Progress) -> Streams:
        """The far end, with TLS around it where the server has that; the driver has heard that it has not."""
        asked = await read_message(near[0], PRELOGIN)
        far[1].write(packet(PRELOGIN, with_encryption(asked, ON)))
        answer = await read_message(far[0], REPLY)
        if encryption_of(answer) in (ON, REQUIRED):
            progress.reached("tls")
            secured = Secured(*far, self._tls, self._name)
            self.tls_version = await secured.shake_hands()
            progress.reached("login")
            far = cast(Streams, (secured, secured))
        elif self._required:
            raise SourceUnreachable(ErrorCode.TLS_ERROR, NO_TLS, {"stage": "tls"}, NO_TLS_ADVICE)
        elif not self._cleartext:
            details = {"stage": "login", "cleartext": True}
            raise SourceUnreachable(ErrorCode.AUTHENTICATION_FAILED, CLEARTEXT, details)
        near[1].write(packet(REPLY, with_encryption(answer, NOT_SUPPORTED)))
        return far


def _meaning_of(error: BaseException, progress: Progress) -> SourceUnreachable | None:
    """Why both sides did not agree; None for what says it itself."""
    stage = {"stage": progress.stage}
    if isinstance(error, Foreign):
        return SourceUnreachable(ErrorCode.PROTOCOL_ERROR, FOREIGN, stage)
    if isinstance(error, ssl.SSLError):
        reason = getattr(error, "verify_message", None) or error.reason or error
        return SourceUnreachable(ErrorCode.TLS_ERROR, f"TLS failed: {reason}", {"stage": "tls"}, TLS_ADVICE)
    if isinstance(error, TimeoutError):
        message = f"No answer within {progress.limit:.3g} s (stage: {progress.stage})"
        return SourceUnreachable(ErrorCode.TIMEOUT, message, stage)
    if isinstance(error, asyncio.IncompleteReadError):
        return SourceUnreachable(ErrorCode.CONNECTION_ERROR, SILENCE, stage)
    return None
