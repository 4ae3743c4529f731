"""What CockroachDB's refusals mean where they are not PostgreSQL's (its page "Common Errors and Solutions").

Its own state for errors without one is XXUUU; 40001 asks the client to begin the transaction again.
"""

from datasources.databases.refusal import Refusal
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode

AGAIN = "The cluster asks for a retry, because others changed the same rows or schema: test again."
LOST = "The node ended the connection, or is draining before it stops: test again, and look at the cluster's nodes."
FULL = (
    "The node has no connection left (server.max_connections_per_gateway), or no memory (--max-sql-memory): close "
    "some, or name a load balancer in front of the nodes."
)
NODE = "This is a fault of the node itself: ask the cluster's administrator, whose log says more."
UNSUPPORTED = "This version of CockroachDB does not have what this step needs: update it, or tell us the version."
STATES = {
    "40001": Refusal(ErrorCode.QUERY_ERROR, AGAIN, transient=True),
    "40003": Refusal(ErrorCode.QUERY_ERROR, AGAIN, transient=True),
    "08S01": Refusal(ErrorCode.CONNECTION_ERROR, LOST, transient=True),
    "53200": Refusal(ErrorCode.CONNECTION_ERROR, FULL, transient=True),
    "53300": Refusal(ErrorCode.TOO_MANY_CONNECTIONS, FULL, transient=True),
    "XXUUU": Refusal(ErrorCode.QUERY_ERROR, NODE),
    "42P14": Refusal(ErrorCode.QUERY_NOT_READ_ONLY, "Use a single statement that only reads."),
}
"""By SQLSTATE; 42P14 is what it says of several statements in one."""
LACKING = frozenset({"0A000", "42883"})
"""States of what a version does not have: a feature, or a function."""
OPENING = frozenset({"resolve", "tcp", "tls", "login", "database"})


def meaning_of(error: CheckError) -> Refusal | None:
    """What it means there, if not the same as on PostgreSQL."""
    state, stage = error.details.get("sqlstate"), error.details.get("stage")
    if state in LACKING and stage != "query":
        return Refusal(error.code, UNSUPPORTED)
    if state == "XXUUU" and stage in OPENING:
        return Refusal(ErrorCode.CONNECTION_ERROR, NODE)
    return STATES.get(str(state))
