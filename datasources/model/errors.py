"""Our own tree of errors; foreign ones are translated once, at the border of a driver.

SourcecheckError
├── SettingsError            a setting is missing or malformed
├── SecretsError             a stored secret cannot be read with the keys given
├── ServerLost               a server of ours did not answer; says nothing about the source
└── CheckError               the check ran and the answer is no; carries an `ErrorCode`
    └── SourceUnreachable    … before a session was open; carries the stage it got to
"""

from typing import Any

from datasources.model.vocabulary import ErrorCode

REMEDIATIONS: dict[ErrorCode, str] = {
    ErrorCode.CONNECTION_ERROR: (
        "Check the host and port, that the server is running, and that no firewall blocks the connection."
    ),
    ErrorCode.PROTOCOL_ERROR: "Check which server answers at this host and port: it breaks the rules of its protocol.",
    ErrorCode.HOST_NOT_FOUND: "Check the spelling of the host name, and that the worker's DNS resolves it.",
    ErrorCode.TIMEOUT: (
        "Check that the host and port are right and that the worker can reach the server, or raise the time limit."
    ),
    ErrorCode.AUTHENTICATION_FAILED: (
        "Check the user name and password, and the server's rules for this user and address."
    ),
    ErrorCode.DATABASE_NOT_FOUND: "Check the name of the database.",
    ErrorCode.SCHEMA_NOT_FOUND: "Create the schema, or name an existing one in temp_schema.",
    ErrorCode.PERMISSION_DENIED: "Grant the missing right to the user of this source.",
    ErrorCode.TLS_ERROR: "Check that sslmode and rootcert fit what the server offers.",
    ErrorCode.TOO_MANY_CONNECTIONS: "Close unused connections, or raise the limit of the server or of the user.",
    ErrorCode.QUERY_ERROR: "Run the query by hand as the same user and fix the error the server reports.",
    ErrorCode.QUERY_NOT_READ_ONLY: "Use a single statement that only reads.",
    ErrorCode.SSH_CONNECTION_ERROR: "Check the host and port of the SSH gateway, and that it is running.",
    ErrorCode.SSH_AUTHENTICATION_FAILED: "Check the user name, and the password or private key, for the SSH gateway.",
    ErrorCode.SSH_HOST_KEY_UNKNOWN: "Compare the fingerprint with the gateway's own and confirm it.",
    ErrorCode.SSH_HOST_KEY_CHANGED: "Find out why the gateway's key changed; only then replace the stored one.",
    ErrorCode.SSH_FORWARD_REFUSED: (
        "Check that the gateway allows forwarding to the database, and that the database is running."
    ),
    ErrorCode.DRIVER_MISSING: "Install the driver for this type on the worker.",
    ErrorCode.DESTINATION_FORBIDDEN: "Use an address that the operator allows, or ask the operator to allow its range.",
    ErrorCode.SECRET_UNAVAILABLE: (
        "Check the reference to the secret, and that the worker may read what it refers to."
    ),
    ErrorCode.WORKER_LOST: "Run the test again; if that fails too, check the worker and its log.",
    ErrorCode.INTERNAL_ERROR: "Report this with the job id; the worker's log has the details.",
}
"""One sentence for each code of contract 5: what the user does next."""

OWN_STATEMENT = (
    "The server refused a statement of sourcecheck's own; its message says why. If no setting of the server explains "
    "it, report this with the job id."
)
OWN_STATEMENTS: dict[ErrorCode, str] = dict.fromkeys(
    (ErrorCode.QUERY_ERROR, ErrorCode.QUERY_NOT_READ_ONLY), OWN_STATEMENT
)
"""The sentence where the statement was not the user's own: there is no query to run by hand, or to change."""
BUSY = "Raise the time limit, or find out what keeps the database busy."
"""The sentence of a time limit that is over after the way to the server was open: host and port are right."""
LATER = "This may pass by itself: test again in a few minutes."
"""Added where a failure is transient."""


def advise(code: ErrorCode, advice: str | None = None, *, transient: bool = False, own_query: bool = True) -> str:
    """What the user does next after a failure; `own_query` is whether the statement that failed was the user's."""
    words = advice or (None if own_query else OWN_STATEMENTS.get(code)) or REMEDIATIONS[code]
    return f"{words} {LATER}" if transient else words


class SourcecheckError(Exception):
    """Root of everything raised on purpose."""


class SettingsError(SourcecheckError):
    """A setting is missing or malformed; the message names it."""


class SecretsError(SourcecheckError):
    """A stored secret cannot be read with the keys given."""


class ServerLost(SourcecheckError):
    """A server of ours, the catalogue's or Prefect's, did not answer; the message says how."""


class CheckError(SourcecheckError):
    """The check ran and the answer is no.

    Positional arguments only, so that it survives pickling between processes.
    """

    def __init__(
        self, code: ErrorCode, message: str, details: dict[str, Any] | None = None, advice: str | None = None
    ) -> None:
        """`advice` is what the user does next, where more is known than the code's own sentence."""
        super().__init__(code, message, details, advice)
        self.code = code
        self.message = message
        self.details: dict[str, Any] = details or {}
        self.advice = advice

    @property
    def transient(self) -> bool:
        """Whether it may pass by itself: it is worth another try, and says nothing against the source."""
        return bool(self.details.get("transient")) or self.code is ErrorCode.TOO_MANY_CONNECTIONS

    def __str__(self) -> str:
        return self.message


class SourceUnreachable(CheckError):
    """No session could be opened; `details["stage"]` says how far it got."""
