"""Refusals that only their words tell apart: poolers have one SQLSTATE for all they say, 28000 has many reasons.

Poolers pass on what the server told them at login as well, under their own SQLSTATE. The same words serve where libpq
could not be made to tell a SQLSTATE at all.
"""

from msgspec import Struct

from datasources.databases.refusal import Refusal
from datasources.model.vocabulary import ErrorCode

POOLER: frozenset[str | None] = frozenset({"08P01", None})
"""The SQLSTATE that PgBouncer uses for everything, and none."""


class Words(Struct, frozen=True):
    """Part of a sentence, and what it means under some SQLSTATEs."""

    words: str
    refusal: Refusal
    states: frozenset[str | None] = POOLER
    whole: bool = False
    """Whether it is the whole sentence."""
    opening_only: bool = False
    """Whether it means that at the opening of a session only."""

    def applies(self, state: str | None, message: str, *, opening: bool) -> bool:
        """Whether this message is meant, at the opening of a session or later."""
        if state not in self.states or (self.opening_only and not opening):
            return False
        return self.words == message if self.whole else self.words in message


def _under(*states: str) -> frozenset[str | None]:
    return frozenset(states)


CONSOLE = Refusal(
    ErrorCode.DATABASE_NOT_FOUND,
    "`dbname` names the pooler's own console, which is not a database: name one of the databases behind the pooler.",
)
LOGIN = Refusal(ErrorCode.AUTHENTICATION_FAILED)
NO_DATABASE = Refusal(
    ErrorCode.DATABASE_NOT_FOUND,
    "Check the name of the database; behind a pooler, also the pooler's list of databases.",
)
FULL = Refusal(ErrorCode.TOO_MANY_CONNECTIONS, transient=True)
MOMENT = Refusal(
    ErrorCode.CONNECTION_ERROR, "The server or its pooler is starting up, shutting down or paused.", transient=True
)
BEHIND = Refusal(
    ErrorCode.CONNECTION_ERROR, "The pooler answers, but the database behind it does not: check that it is running."
)
STATEMENT_MODE = Refusal(
    ErrorCode.CONNECTION_ERROR,
    "The pool is in statement mode, which has no transactions, and a test needs them: use transaction or session mode.",
)
PREPARED = Refusal(
    ErrorCode.QUERY_ERROR,
    "The pooler mixes up prepared statements: use a pool in session mode, or set its max_prepared_statements.",
)
CERTIFICATE = Refusal(
    ErrorCode.AUTHENTICATION_FAILED,
    "The server asks for a client certificate: give one that it trusts, and its key (`sslcert`, `sslkey`), or have the "
    "administrator change the rule.",
)
NO_LOGIN = Refusal(
    ErrorCode.AUTHENTICATION_FAILED, "Have the administrator give the role the right to log in (ALTER ROLE … LOGIN)."
)
NO_ENTRY = Refusal(
    ErrorCode.AUTHENTICATION_FAILED,
    "Have the administrator allow this user, database, address and encryption in pg_hba.conf; `sslmode` decides "
    "whether the connection is encrypted.",
)
NO_ROLE = Refusal(ErrorCode.PERMISSION_DENIED, "Check `role` of the source: name a role that exists, or leave it out.")
NO_MEMBER = Refusal(
    ErrorCode.PERMISSION_DENIED, "Grant the role in `role` to the user of this source, or leave it out."
)
HOT_STANDBY_OFF = Refusal(
    ErrorCode.CONNECTION_ERROR, "The server is a standby that takes no queries: turn hot_standby on, or name another."
)
INVALID = Refusal(ErrorCode.CONNECTION_ERROR, "The database is left over from an interrupted DROP: drop it.")

WORDS: tuple[Words, ...] = (
    Words("not allowed", CONSOLE, whole=True),
    Words("admin console", CONSOLE),
    Words("in statement pooling mode", STATEMENT_MODE),
    Words("transaction blocks not allowed", STATEMENT_MODE),
    Words("prepared statement", PREPARED),
    Words("query_wait_timeout", Refusal(ErrorCode.TIMEOUT, "The pool has no free connection.", transient=True)),
    Words("client_login_timeout", Refusal(ErrorCode.TIMEOUT)),
    Words("query_timeout", Refusal(ErrorCode.TIMEOUT)),
    Words("idle_transaction_timeout", Refusal(ErrorCode.TIMEOUT)),
    Words("no more connections allowed", FULL),
    Words("too many", FULL),
    Words("max clients reached", FULL, _under("08P01", "XX000")),
    Words("remaining connection slots", FULL),
    Words("starting up", MOMENT),
    Words("shutting down", MOMENT),
    Words("in recovery mode", MOMENT),
    Words("is paused", MOMENT),
    Words("server login has been failing", BEHIND),
    Words("cannot connect to server", BEHIND),
    Words("server conn crashed", BEHIND),
    Words(
        "unsupported startup parameter",
        Refusal(ErrorCode.CONNECTION_ERROR, "Add the parameter to the pooler's ignore_startup_parameters."),
    ),
    Words("SSL required", Refusal(ErrorCode.TLS_ERROR)),
    Words("TLS required", Refusal(ErrorCode.TLS_ERROR)),
    Words("certificate", CERTIFICATE, POOLER | {"28000"}, opening_only=True),
    Words("not permitted to log in", NO_LOGIN, POOLER | {"28000"}, opening_only=True),
    Words("pg_hba.conf", NO_ENTRY, POOLER | {"28000"}, opening_only=True),
    Words("authentication failed", LOGIN),
    Words("no such user", LOGIN),
    Words("Tenant or user not found", LOGIN, _under("08P01", "XX000")),
    Words("no such database", NO_DATABASE),
    Words('role "', NO_ROLE, _under("22023")),
    Words("to set role", NO_MEMBER, _under("42501")),
    Words('role "', LOGIN, opening_only=True),
    Words("does not exist", NO_DATABASE, opening_only=True),
    Words("permission denied", Refusal(ErrorCode.PERMISSION_DENIED)),
    Words("is not accepting connections", HOT_STANDBY_OFF, _under("57P03")),
    Words("invalid database", INVALID, _under("55000"), opening_only=True),
)
"""Most telling first."""
