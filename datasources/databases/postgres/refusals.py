"""What a refusal of PostgreSQL means: by its SQLSTATE, by where we were, and by its words where nothing else tells.

The states and their classes are those of the server's documentation (appendix "PostgreSQL Error Codes").
"""

from enum import Enum

from msgspec.structs import replace

from datasources.databases.postgres.refusal_words import NO_ROLE, PREPARED, WORDS
from datasources.databases.refusal import Refusal
from datasources.model.vocabulary import ErrorCode


class Place(Enum):
    """What the refused statement was for."""

    OPENING = "opening"
    """Login, and making the session ours."""
    CATALOGUE = "catalogue"
    """Our own questions to the server."""
    SCRATCH = "scratch"
    """Our own table in the schema for temporary tables."""
    QUERY = "query"
    """The user's test query."""


STAGES: dict[str, Place] = dict.fromkeys(("resolve", "tcp", "tls", "login", "database"), Place.OPENING)
STAGES |= dict.fromkeys(("begin", "create", "write", "read", "drop", "commit", "sweep"), Place.SCRATCH)
STAGES |= {"query": Place.QUERY}
"""The place of each stage; every other is the catalogue's."""

ADMINISTRATOR = "The server has an internal problem: ask its administrator; the server log says more."
READ_ONLY = (
    "The role or the server is read-only: name a server that takes writes (not a standby), or have the administrator "
    "change default_transaction_read_only of the role or of the database."
)
OTHERS_CODE = "Code that the server's administrator or a schema's owner wrote refused this: ask them for an exception."
NOT_THIS_PRODUCT = "The server lacks something that this step needs: check that it is PostgreSQL, and which version."
RESOURCES = "Free disk space, memory or open files on the server, or raise its limits; its log says which."
STANDBY = (
    "The server gave precedence to other work. On a standby, hot_standby_feedback or a longer "
    "max_standby_streaming_delay prevent it."
)
CONFIGURATION = (
    "The server cannot load what it is told to load at login: have the administrator check session_preload_libraries "
    "and local_preload_libraries of the server, the database and the role."
)
OWN_LIMIT = "Raise {} for this user on the server, or name a user without that limit."

_CODE = ErrorCode
STATES: dict[str, Refusal] = {
    "25001": Refusal(_CODE.QUERY_NOT_READ_ONLY),  # asks for read-write in the middle of a transaction
    "25006": Refusal(_CODE.QUERY_NOT_READ_ONLY),
    "25P03": Refusal(_CODE.TIMEOUT, OWN_LIMIT.format("idle_in_transaction_session_timeout")),
    "25P04": Refusal(_CODE.TIMEOUT, OWN_LIMIT.format("transaction_timeout")),
    "26000": PREPARED,
    "40001": Refusal(_CODE.QUERY_ERROR, STANDBY, transient=True),
    "40P01": Refusal(_CODE.QUERY_ERROR, STANDBY, transient=True),
    "42501": Refusal(_CODE.PERMISSION_DENIED),
    "42P05": PREPARED,
    "53300": Refusal(_CODE.TOO_MANY_CONNECTIONS, transient=True),
    "55P03": Refusal(_CODE.TIMEOUT, "Find out which session holds the lock, or raise the time limit."),
    "57014": Refusal(_CODE.TIMEOUT),  # statement_timeout, or cancelled by an operator over there
    "57P01": Refusal(_CODE.CONNECTION_ERROR, "The administrator or a restart ended the session.", transient=True),
    "57P02": Refusal(_CODE.CONNECTION_ERROR, "The server crashed and is restarting; its log says why.", transient=True),
    "57P03": Refusal(_CODE.CONNECTION_ERROR, "The server is starting up, shutting down or recovering.", transient=True),
    "57P04": Refusal(_CODE.DATABASE_NOT_FOUND, "The database was dropped in the meantime: check its name."),
    "57P05": Refusal(_CODE.TIMEOUT, OWN_LIMIT.format("idle_session_timeout")),
    "72000": Refusal(_CODE.QUERY_ERROR, "Raise old_snapshot_threshold on the server.", transient=True),
}
"""What a state means wherever it comes."""

CLASSES: dict[str, Refusal] = {
    "08": Refusal(_CODE.CONNECTION_ERROR),
    "28": Refusal(_CODE.AUTHENTICATION_FAILED),
    "3D": Refusal(_CODE.DATABASE_NOT_FOUND),
    "3F": Refusal(_CODE.SCHEMA_NOT_FOUND),
    "53": Refusal(_CODE.CONNECTION_ERROR, RESOURCES, transient=True),
    "57": Refusal(_CODE.CONNECTION_ERROR, ADMINISTRATOR),
    "58": Refusal(_CODE.CONNECTION_ERROR, ADMINISTRATOR),
    "F0": Refusal(_CODE.CONNECTION_ERROR, ADMINISTRATOR),
}
"""What the states of a class mean that have no line of their own; those of other classes are `OTHERS` of the place."""

CLOSED = Refusal(
    _CODE.PERMISSION_DENIED,
    "Have the administrator open the database (ALTER DATABASE … ALLOW_CONNECTIONS true), or name another one.",
)
PROTOCOL = Refusal(_CODE.PROTOCOL_ERROR, "Server and client have no version of the protocol in common: update one.")
SERVERS_OWN = Refusal(_CODE.QUERY_ERROR, ADMINISTRATOR)

PLACES: dict[Place, dict[str, Refusal]] = {
    Place.OPENING: {
        "0A": PROTOCOL,
        "22023": NO_ROLE,
        "42704": NO_ROLE,
        "55": CLOSED,
        "58P01": Refusal(_CODE.CONNECTION_ERROR, CONFIGURATION),
        "P0": Refusal(_CODE.PERMISSION_DENIED, OTHERS_CODE),
    },
    Place.CATALOGUE: {
        "0A": Refusal(_CODE.QUERY_ERROR, NOT_THIS_PRODUCT),
        "25001": SERVERS_OWN,
        "25006": SERVERS_OWN,
        "42": Refusal(_CODE.QUERY_ERROR, NOT_THIS_PRODUCT),
        "P0": Refusal(_CODE.QUERY_ERROR, OTHERS_CODE),
        "XX": SERVERS_OWN,
    },
    Place.SCRATCH: {
        "0A": Refusal(_CODE.QUERY_ERROR, NOT_THIS_PRODUCT),
        "25001": Refusal(_CODE.PERMISSION_DENIED, READ_ONLY),
        "25006": Refusal(_CODE.PERMISSION_DENIED, READ_ONLY),
        "23": Refusal(_CODE.PERMISSION_DENIED, OTHERS_CODE),
        "42": Refusal(_CODE.QUERY_ERROR, NOT_THIS_PRODUCT),
        "P0": Refusal(_CODE.PERMISSION_DENIED, OTHERS_CODE),
        "XX": SERVERS_OWN,
    },
    Place.QUERY: {
        "3D": Refusal(_CODE.QUERY_ERROR),
        "3F": Refusal(_CODE.QUERY_ERROR),
        "58P01": Refusal(_CODE.QUERY_ERROR),
        "58P02": Refusal(_CODE.QUERY_ERROR),
        "58P03": Refusal(_CODE.QUERY_ERROR),
        "XX": SERVERS_OWN,
    },
}
"""What a state or a class means in one place only; it comes before the tables for all places."""

QUERY_CODES = (ErrorCode.QUERY_ERROR, ErrorCode.QUERY_NOT_READ_ONLY)

OTHERS: dict[Place, Refusal] = {
    Place.OPENING: Refusal(_CODE.CONNECTION_ERROR, ADMINISTRATOR),
    Place.CATALOGUE: Refusal(_CODE.QUERY_ERROR),
    Place.SCRATCH: Refusal(_CODE.QUERY_ERROR, OTHERS_CODE),
    Place.QUERY: Refusal(_CODE.QUERY_ERROR),
}
"""What every other state means."""


def refusal_of(state: str | None, message: str, stage: str) -> Refusal:
    """The meaning of a server's refusal at this stage; `state` is None where libpq did not tell it."""
    place = STAGES.get(stage, Place.CATALOGUE)
    opening = place is Place.OPENING
    found = next((word.refusal for word in WORDS if word.applies(state, message, opening=opening)), None)
    found = found or _by_state(state or "", place)
    if opening and found.code in QUERY_CODES:  # nothing was queried yet
        return replace(found, code=ErrorCode.CONNECTION_ERROR, advice=found.advice or ADMINISTRATOR)
    return found


def _by_state(state: str, place: Place) -> Refusal:
    here = PLACES[place]
    for table, key in ((here, state), (STATES, state), (here, state[:2]), (CLASSES, state[:2])):
        if key in table:
            return table[key]
    return OTHERS[place]
